/**
 * Wishes whose end is told later than the reply to their request: a hold, a transfer, a message.
 *
 * The pod's `ok` means that something is under way; an event says what became of it, and may even come first.
 */

import { RequestError } from "./errors.js";

/** @typedef {import("./platform.js").Platform} Platform */
/** @typedef {{ resolve: () => void, reject: (error: unknown) => void, timer: unknown }} Wish */

const REQUEST_PENDING = 491; // RFC 3261 §21.4.27

export class Waiting {
  /** @type {Map<string, Wish>} */ #wishes = new Map();

  /** @param {Platform} platform */
  constructor(platform) {
    this.platform = platform;
  }

  /**
   * @param {string} key
   * @param {number} milliseconds after which nobody will say any more what became of it
   * @param {() => Promise<unknown>} send
   * @returns {Promise<void>} settled by `end` or `fail`; rejected with a RequestError
   */
  ask(key, milliseconds, send) {
    if (this.#wishes.has(key)) return Promise.reject(new RequestError("refused", REQUEST_PENDING, "Request Pending"));
    return new Promise((resolve, reject) => {
      const late = new RequestError("timeout", 408, "nobody says what became of it");
      const timer = this.platform.setTimer(() => this.fail(key, late), milliseconds);
      this.#wishes.set(key, { resolve, reject, timer });
      send().catch((error) => this.fail(key, error));
    });
  }

  /** @param {string} key */
  end(key) {
    this.#take(key)?.resolve();
  }

  /**
   * @param {string} key
   * @param {unknown} error
   */
  fail(key, error) {
    this.#take(key)?.reject(error);
  }

  /** @param {unknown} error */
  failAll(error) {
    for (const key of [...this.#wishes.keys()]) this.fail(key, error);
  }

  /**
   * @param {string} key
   * @returns {Wish | undefined}
   */
  #take(key) {
    const wish = this.#wishes.get(key);
    this.#wishes.delete(key);
    if (wish) this.platform.clearTimer(wish.timer);
    return wish;
  }
}
