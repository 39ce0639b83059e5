/** Messages of this tab, in the order in which they were said; each account sees its own. */

import { button, side, span } from "./elements.js";
import { keep } from "./keep.js";
import { notice } from "./notice.js";
import { shortAddress, whenWords } from "./status.js";

/** @typedef {import("../../sdk/index.js").Message} Message */
/** @typedef {import("../../sdk/index.js").Session} Session */
/** @typedef {{ peer: string, body: string, at: number, isOwn: boolean, fate: string }} Said `fate`: why it did not arrive */

const KEPT = 200;
/** @type {Said[]} */
const NONE = [];

export class Messages {
  #aor = "";
  #kept = keep(sessionStorage, "cordboard.messages", NONE);
  #said = NONE;
  #unread = 0;
  #isSeen;

  /** @param {() => boolean} isSeen whether the messages are being looked at */
  constructor(isSeen) {
    this.#isSeen = isSeen;
  }

  /** @param {string} aor whose messages */
  open(aor) {
    if (aor === this.#aor) return;
    this.#aor = aor;
    this.#kept = keep(sessionStorage, `cordboard.messages.${aor}`, NONE);
    this.#said = this.#kept.read();
    this.#draw();
    this.seen();
  }

  /** @param {Message} message */
  receive({ from, fromName, body, contentType }) {
    const peer = shortAddress(from);
    const text = contentType.startsWith("text/") ? body : `(${contentType})`;
    this.#add({ peer, body: text, at: Date.now(), isOwn: false, fate: "" });
    if (!side.messageTo.value) side.messageTo.value = peer;
    if (this.#isSeen()) return;
    this.#unread += 1;
    this.#drawUnread();
    notice(`${fromName || peer}: ${text}`);
  }

  /**
   * @param {Session} session
   * @param {string} to
   * @param {string} body
   */
  async send(session, to, body) {
    const said = { peer: to, body, at: Date.now(), isOwn: true, fate: "" };
    const shown = this.#add(said);
    try {
      await session.sendMessage(to, body);
    } catch (error) {
      said.fate = `not delivered: ${error instanceof Error ? error.message : error}`;
      this.#kept.write(this.#said);
      shown.replaceWith(item(said));
    }
  }

  seen() {
    this.#unread = 0;
    this.#drawUnread();
    side.messages.scrollTop = side.messages.scrollHeight;
  }

  /** Whoever uses this tab next is to see none of them. */
  forget() {
    this.#said = NONE;
    this.#kept.write(NONE);
    this.#draw();
    this.seen();
  }

  /**
   * @param {Said} said
   * @returns {HTMLLIElement}
   */
  #add(said) {
    this.#said = [...this.#said, said].slice(-KEPT);
    this.#kept.write(this.#said);
    const shown = item(said);
    side.messages.append(shown); // those before it stay, or a screen reader would read them all again
    side.noMessages.hidden = true;
    side.messages.scrollTop = side.messages.scrollHeight;
    return shown;
  }

  #draw() {
    side.messages.replaceChildren(...this.#said.map(item));
    side.noMessages.hidden = this.#said.length > 0;
    side.messages.scrollTop = side.messages.scrollHeight;
  }

  #drawUnread() {
    side.unread.hidden = this.#unread === 0;
    side.unread.textContent = String(this.#unread);
    side.unread.setAttribute("aria-label", `${this.#unread} unread`);
  }
}

/**
 * @param {Said} said
 * @returns {HTMLLIElement}
 */
function item({ peer, body, at, isOwn, fate }) {
  const made = document.createElement("li");
  made.className = isOwn ? "own" : "";
  const who = button(isOwn ? `to ${peer}` : peer, { className: "link", label: `Write to ${peer}` });
  who.addEventListener("click", () => {
    side.messageTo.value = peer;
    side.messageText.focus();
  });
  const head = span("head", "");
  head.append(who, " ", span("when", whenWords(at, new Date())));
  made.append(head, span("body", body));
  if (fate) made.append(span("fate", fate));
  return made;
}
