/** Past calls, kept in this browser for each account. */

import { clock, partyName } from "../words.js";
import { button, picture, side, span } from "./elements.js";
import { keep } from "./keep.js";
import { shortAddress, whenWords } from "./status.js";

/** @typedef {import("../../sdk/index.js").Call} Call */
/** @typedef {import("../../sdk/index.js").CallEnd} CallEnd */

/**
 * @typedef {object} PastCall
 * @property {string} peer
 * @property {string} name
 * @property {"incoming" | "outgoing"} direction
 * @property {boolean} video
 * @property {number} at
 * @property {number} lasted milliseconds; 0 if it was not answered
 * @property {CallEnd} end
 */

const KEPT = 100;
/** @type {PastCall[]} */
const NONE = [];

export class History {
  #aor = "";
  #kept = keep(localStorage, "cordboard.history", NONE);
  #callBack;

  /** @param {(peer: string, video: boolean) => void} callBack */
  constructor(callBack) {
    this.#callBack = callBack;
    side.clearHistory.addEventListener("click", () => {
      this.#kept.write([]);
      this.draw();
    });
  }

  /** @param {string} aor whose calls */
  open(aor) {
    if (aor === this.#aor) return;
    this.#aor = aor;
    this.#kept = keep(localStorage, `cordboard.history.${aor}`, NONE);
    this.draw();
  }

  /**
   * @param {Call} call that is over
   * @param {number | undefined} since when it was answered
   */
  add(call, since) {
    if (!call.end) return;
    const now = Date.now();
    /** @type {PastCall} */
    const past = {
      peer: call.peer,
      name: partyName(call),
      direction: call.direction,
      video: call.video,
      at: now,
      lasted: since === undefined ? 0 : now - since,
      end: call.end,
    };
    this.#kept.write([past, ...this.#kept.read()].slice(0, KEPT));
    this.draw();
  }

  draw() {
    const calls = this.#kept.read();
    const now = new Date();
    side.history.replaceChildren(...calls.map((call) => this.#item(call, now)));
    side.noHistory.hidden = calls.length > 0;
    side.clearHistory.hidden = calls.length === 0;
  }

  /**
   * @param {PastCall} past
   * @param {Date} now
   */
  #item({ peer, name, direction, video, at, lasted, end }, now) {
    const item = document.createElement("li");
    const isMissed = direction === "incoming" && !end.established && end.by !== "local";
    item.classList.toggle("missed", isMissed);
    const what = outcome(direction, isMissed, lasted, end);
    const call = button("", { className: "entry", label: `Call ${name}: ${what}, ${whenWords(at, now)}` });
    const about = span("about", "");
    about.append(span("name", shortAddress(name)), span("what", what));
    call.append(picture(direction), about, span("when", whenWords(at, now)));
    call.addEventListener("click", () => this.#callBack(shortAddress(peer), video));
    item.append(call);
    return item;
  }
}

/**
 * @param {"incoming" | "outgoing"} direction
 * @param {boolean} isMissed
 * @param {number} lasted
 * @param {CallEnd} end
 * @returns {string}
 */
function outcome(direction, isMissed, lasted, end) {
  if (isMissed) return "missed";
  if (end.established && lasted) return clock(lasted);
  if (end.by === "local") return direction === "incoming" ? "declined" : end.established ? end.reason : "given up";
  return `${end.status} ${end.reason}`;
}
