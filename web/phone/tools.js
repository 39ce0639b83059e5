/** What is done while a call lasts: digits, transfer, messages; and the log of what came of it. */

import { RequestError } from "../sdk/index.js";
import { dial, tools } from "./elements.js";
import { partyName } from "./words.js";

/** @typedef {import("../sdk/index.js").Call} Call */
/** @typedef {import("../sdk/index.js").Session} Session */

/** @param {string} line */
export function log(line) {
  const item = document.createElement("li");
  item.textContent = line;
  tools.log.append(item, "\n"); // so that it reads well as text, too
  tools.log.hidden = false;
  tools.log.scrollTop = tools.log.scrollHeight;
}

/**
 * Do what a button asks for, and say what came of it.
 * @param {string} what
 * @param {() => Promise<void> | undefined} run
 */
export async function attempt(what, run) {
  try {
    await run();
    log(what);
  } catch (error) {
    log(`${what}: ${error instanceof RequestError ? error.message : error}`);
  }
}

/** @param {Session} session */
export function logSession(session) {
  session.on("MESSAGE", ({ from, fromName, body }) => log(`${fromName || from}: ${body}`));
}

/** @param {Call} call */
export function logCall(call) {
  call.on("DTMF", ({ digit }) => log(`${partyName(call)} sent digit ${digit}`));
  call.on("TRANSFER", ({ status, reason }) => log(`transfer: ${status} ${reason}`));
  call.on("TRANSFERRED", () => log(`now with ${partyName(call)}`));
}

/**
 * @param {HTMLFormElement} form
 * @param {() => void} act
 */
function onSubmit(form, act) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
}

/**
 * @param {() => Session | null} session
 * @param {() => Call | null} present
 */
export function bindTools(session, present) {
  onSubmit(tools.digitsForm, () => {
    const method = /** @type {import("../sdk/wire.js").DtmfMethod} */ (tools.digitsMethod.value);
    const digits = tools.digits.value;
    void attempt(`sent digits ${digits}`, () => present()?.sendDtmf(digits, { method }));
    tools.digits.value = "";
  });
  onSubmit(tools.transferForm, () => {
    const to = tools.transferTo.value.trim();
    void attempt(`transferred to ${to}`, () => present()?.transfer(to));
  });
  onSubmit(tools.messageForm, () => {
    const call = present();
    const to = call && !call.isOver ? call.peer : dial.callee.value.trim();
    if (!to) return dial.callee.focus();
    const text = tools.messageText.value;
    void attempt(`to ${to}: ${text}`, () => session()?.sendMessage(to, text));
    tools.messageText.value = "";
  });
}
