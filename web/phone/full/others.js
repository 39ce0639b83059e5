/** The calls beside the one on the stage: waiting, held, or on their way. */

import { partyName } from "../words.js";
import { button, others, span } from "./elements.js";
import { callWords, shortAddress } from "./status.js";

/** @typedef {import("../../sdk/index.js").Call} Call */

/**
 * @typedef {object} OtherActions
 * @property {(call: Call) => void} take answer it, or talk in it, and hold the present one
 * @property {(call: Call) => void} end
 */

/**
 * @param {Call[]} calls
 * @param {OtherActions} actions
 */
export function drawOthers(calls, actions) {
  others.hidden = calls.length === 0;
  const present = JSON.stringify(calls.map((call) => [call.id, callWords(call), partyName(call)]));
  if (others.dataset.drawn === present) return; // a button that is about to be pressed stays the same button
  others.dataset.drawn = present;
  others.replaceChildren(...calls.map((call) => item(call, actions)));
}

/**
 * @param {Call} call
 * @param {OtherActions} actions
 */
function item(call, { take, end }) {
  const name = shortAddress(partyName(call));
  const made = document.createElement("li");
  made.dataset.call = call.id;
  made.classList.toggle("ringing", call.isWaitingForAnswer);
  const about = span("about", "");
  about.setAttribute("role", "status");
  about.append(span("name", name), span("what", callWords(call)));
  const isIncoming = call.isWaitingForAnswer;
  const takeIt = button(isIncoming ? "Answer" : "Switch", {
    className: "take go",
    label: isIncoming ? `Hold this call and answer ${name}` : `Hold this call and talk to ${name}`,
  });
  takeIt.hidden = !isIncoming && !call.isEstablished;
  takeIt.addEventListener("click", () => take(call));
  const endIt = button(isIncoming ? "Decline" : "End", { className: "end", label: `${isIncoming ? "Decline" : "End"} ${name}` });
  endIt.addEventListener("click", () => end(call));
  made.append(about, takeIt, endIt);
  return made;
}
