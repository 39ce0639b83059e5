/** Messages of this tab's session, in the order in which they were said. */

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
  #kept = keep(sessionStorage, "cordboard.messages", NONE);
  #unread = 0;
  #isSeen;

  /** @param {() => boolean} isSeen whether the messages are being looked at */
  constructor(isSeen) {
    this.#isSeen = isSeen;
  }

  /** @param {Message} message */
  receive({ from, fromName, body, contentType }) {
    const isText = contentType.startsWith("text/");
    this.#add({ peer: shortAddress(from), body: isText ? body : `(${contentType})`, at: Date.now(), isOwn: false, fate: "" });
    if (!side.messageTo.value) side.messageTo.value = shortAddress(from);
    if (this.#isSeen()) return;
    this.#unread += 1;
    this.#drawUnread();
    notice(`${fromName || shortAddress(from)}: ${body}`);
  }

  /**
   * @param {Session} session
   * @param {string} to
   * @param {string} body
   */
  async send(session, to, body) {
    const said = { peer: to, body, at: Date.now(), isOwn: true, fate: "" };
    try {
      await session.sendMessage(to, body);
    } catch (error) {
      said.fate = `not delivered: ${error instanceof Error ? error.message : error}`;
    }
    this.#add(said);
  }

  seen() {
    this.#unread = 0;
    this.#drawUnread();
    side.messages.scrollTop = side.messages.scrollHeight;
  }

  forget() {
    this.#kept.write([]);
    this.draw();
    this.seen();
  }

  draw() {
    const said = this.#kept.read();
    side.messages.replaceChildren(...said.map(item));
    side.noMessages.hidden = said.length > 0;
    side.messages.scrollTop = side.messages.scrollHeight;
  }

  /** @param {Said} said */
  #add(said) {
    this.#kept.write([...this.#kept.read(), said].slice(-KEPT));
    side.messages.append(item(said));
    side.noMessages.hidden = true;
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
