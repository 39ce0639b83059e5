/**
 * Which of the calls is on the stage, and which are beside it. Pure: no page, no session.
 *
 * The first call takes the stage, and so does each that the user makes or picks; one that comes in meanwhile waits beside
 * it. When the call on the stage ends, one that rings comes forward, or else the one that was there longest; the last
 * call stays after its end until it is left.
 */

/** @typedef {import("../../sdk/index.js").Call} Call */

export class Lines {
  /** @type {Call[]} */ #calls = [];
  /** @type {Call | null} */ #current = null;

  /** The call on the stage; it may be over. */
  get current() {
    return this.#current;
  }

  /** The others, in the order in which they came. */
  get others() {
    return this.#calls.filter((call) => call !== this.#current);
  }

  /** @param {Call} call */
  add(call) {
    this.#calls.push(call);
    if (call.direction === "outgoing" || !this.#current || this.#current.isOver) this.#current = call;
  }

  /** @param {Call} call */
  pick(call) {
    this.#current = call;
  }

  /**
   * @param {Call} call that is over
   * @returns {boolean} whether it stays on the stage, as there is no other one
   */
  ended(call) {
    this.#calls = this.#calls.filter((other) => other !== call);
    if (call !== this.#current) return false;
    this.#current = this.#calls.find(({ isWaitingForAnswer }) => isWaitingForAnswer) ?? this.#calls[0] ?? call;
    return this.#current === call;
  }

  /** Clear the stage of a call that is over. */
  leave() {
    if (this.#current?.isOver) this.#current = null;
  }
}
