/** One line that tells what came of something, and goes away by itself. */

import { page } from "./elements.js";

const SHOWN_FOR = 6_000; // milliseconds

/** @type {number | undefined} */
let timer;

/** @param {string} text */
export function notice(text) {
  clearTimeout(timer);
  page.notice.textContent = text;
  page.notice.hidden = false;
  timer = setTimeout(() => (page.notice.hidden = true), SHOWN_FOR);
}

/**
 * Do what a button asks for; if it does not come about, say why.
 * @param {string} what
 * @param {() => Promise<unknown> | undefined} run
 * @returns {Promise<boolean>} whether it did
 */
export async function attempt(what, run) {
  try {
    await run();
    return true;
  } catch (error) {
    notice(`${what}: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}
