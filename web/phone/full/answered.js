/** When each call was answered. It is kept for this tab, so that a call lasts as long as it did after a reload. */

import { keep } from "./keep.js";

/** @typedef {Pick<import("../../sdk/index.js").Call, "id">} Named */

export class Answered {
  #kept;

  /** @param {Pick<Storage, "getItem" | "setItem">} storage */
  constructor(storage) {
    this.#kept = keep(storage, "cordboard.answered", /** @type {Record<string, number>} */ ({}));
  }

  /**
   * @param {Named} call that is answered, or was so before
   * @param {number} now
   */
  begin({ id }, now) {
    this.#kept.write({ [id]: now, ...this.#kept.read() });
  }

  /**
   * @param {Named} call
   * @returns {number | undefined} when it was answered
   */
  since({ id }) {
    return this.#kept.read()[id];
  }

  /** @param {Named} call that is over */
  forget({ id }) {
    const { [id]: _, ...others } = this.#kept.read();
    this.#kept.write(others);
  }
}
