/**
 * The one-time token of a session, and the next one, which the page makes itself.
 *
 * So a lost reply loses no session: whichever of the two is good now, the page has it (docs/web-protocol.md, "Session").
 * With a store, a page that is reloaded has it, too.
 */

/**
 * What a page must know to take a session up again. `shown` is how often `current` was shown to a pod.
 * @typedef {{ session: string, current: string, next: string, shown: number }} Resumption
 */

/**
 * Where a resumption outlives the page; a browser's `sessionStorage`, say (see `storeIn`).
 * @typedef {object} ResumptionStore
 * @property {() => Resumption | null} load
 * @property {(resumption: Resumption) => void} save
 * @property {() => void} clear
 */

export class ResumeToken {
  /** @type {Resumption | null} */ #state = null;
  #newToken;
  #store;

  /**
   * @param {() => string} newToken
   * @param {ResumptionStore} [store]
   */
  constructor(newToken, store) {
    this.#newToken = newToken;
    this.#store = store;
  }

  /** Whether there is a session to resume. */
  get isKnown() {
    return this.#state !== null;
  }

  /** Take up what an earlier page kept. @returns {boolean} whether it did */
  recall() {
    this.#state = this.#store?.load() ?? null;
    return this.isKnown;
  }

  /**
   * A pod says which token is good now.
   * @param {string} session
   * @param {string} current
   */
  renew(session, current) {
    this.#keep({ session, current, next: this.#newToken(), shown: 0 });
  }

  /** For a resume: the token to show, and the one that shall be good after it. Kept before anybody is shown it. */
  show() {
    if (!this.#state) throw new Error("there is no session to resume");
    const { session, current, next, shown } = this.#state;
    this.#keep({ session, current, next, shown: shown + 1 });
    return { session, current, next };
  }

  /**
   * The pod refuses the token. If it was shown before, that resume may have been carried out and its reply been lost.
   * @returns {boolean} whether there is another one to show
   */
  giveUpCurrent() {
    if (!this.#state || this.#state.shown < 2) return false;
    this.renew(this.#state.session, this.#state.next);
    return true;
  }

  /** The session is over. */
  forget() {
    this.#state = null;
    this.#store?.clear();
  }

  /** @param {Resumption} state */
  #keep(state) {
    this.#state = state;
    this.#store?.save(state);
  }
}

/**
 * @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} storage `sessionStorage`: of this tab alone, over reloads
 * @param {string} [key]
 * @returns {ResumptionStore}
 */
export function storeIn(storage, key = "cordboard.session") {
  return {
    load: () => read(storage.getItem(key)),
    save: (resumption) => storage.setItem(key, JSON.stringify(resumption)),
    clear: () => storage.removeItem(key),
  };
}

/**
 * @param {string | null} text
 * @returns {Resumption | null} nothing, too, where somebody else wrote something else
 */
function read(text) {
  if (text === null) return null;
  let kept;
  try {
    kept = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const names = ["session", "current", "next"];
  return names.every((name) => typeof kept?.[name] === "string") && Number.isInteger(kept.shown) ? kept : null;
}
