/**
 * The one-time token of a session, and the next one, which the page makes itself.
 *
 * So a lost reply loses no session: whichever of the two is good now, the page has it (docs/web-protocol.md, "Session").
 */
export class ResumeToken {
  #current;
  #next;
  #newToken;
  #timesShown = 0;

  /**
   * @param {string} current
   * @param {() => string} newToken
   */
  constructor(current, newToken) {
    this.#current = current;
    this.#newToken = newToken;
    this.#next = newToken();
  }

  /** For a resume: the token to show, and the one that shall be good after it. */
  show() {
    this.#timesShown += 1;
    return { current: this.#current, next: this.#next };
  }

  /**
   * The pod refuses the token. If it was shown before, that resume may have been carried out and its reply been lost.
   * @returns {boolean} whether there is another one to show
   */
  giveUpCurrent() {
    if (this.#timesShown < 2) return false;
    this.#current = this.#next;
    this.#next = this.#newToken();
    this.#timesShown = 0;
    return true;
  }
}
