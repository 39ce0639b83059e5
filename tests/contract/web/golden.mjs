/** The examples that Python's tests read too. */

import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("../golden/web/", import.meta.url);

/**
 * @param {string} name without `.json`
 * @returns {any}
 */
export function golden(name) {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"));
}

/**
 * @param {string} kind `request`, `reply` or `event`
 * @returns {string[]} names without `.json`
 */
export function names(kind) {
  return readdirSync(folder)
    .filter((file) => file.startsWith(`${kind}.`) && file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length));
}
