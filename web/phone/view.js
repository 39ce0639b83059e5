/** Shows a session and a call: everything on the page follows from those two, and is drawn anew at each change. */

import { account, dial, stage, tools } from "./elements.js";
import { attach, show } from "./pictures.js";
import { Tones, toneFor } from "./tones.js";
import { callDetail, clock, partyName, qualityText, sessionDetail } from "./words.js";

/** @typedef {import("../sdk/index.js").Call} Call */
/** @typedef {import("../sdk/index.js").Session} Session */

const tones = new Tones();
const IDLE = new Set(["NEW", "FAILED", "DISCONNECTED"]);

/**
 * @param {Session | null} session
 * @param {Call | null} call the present one, or the last
 */
export function draw(session, call) {
  drawAccount(session);
  drawCall(call);
  drawPictures(call);
  const free = !call || call.isOver;
  dial.call.disabled = !session?.isConnected || !free;
  tools.message.disabled = !session?.isConnected;
  dial.form.hidden = call?.isEstablished ?? false;
  tools.box.hidden = !dial.form.hidden;
  tones.play(toneFor(call));
  document.title = call?.isWaitingForAnswer ? `${partyName(call)} calls` : "Cordboard phone";
}

/** @param {Session | null} session */
function drawAccount(session) {
  const status = session?.status ?? "NEW";
  const isOpen = session !== null && (session.isConnected || !IDLE.has(status));
  say(account.status, status, sessionDetail(session));
  account.card.classList.toggle("open", isOpen);
  account.fields.disabled = isOpen;
  account.demo.hidden = isOpen;
  account.connect.textContent = isOpen ? "Disconnect" : "Connect";
  account.connect.classList.toggle("primary", !isOpen);
}

/** @param {Call | null} call */
function drawCall(call) {
  const isLive = call !== null && !call.isOver;
  const isIncoming = call?.isWaitingForAnswer ?? false;
  say(stage.status, call?.status ?? "No call", callDetail(call));
  stage.card.dataset.call = call?.status ?? "";
  stage.party.textContent = call ? partyName(call) : "";
  stage.avatar.textContent = call ? (partyName(call)[0] ?? "").toUpperCase() : "";
  stage.incoming.hidden = !isIncoming;
  stage.incoming.replaceChildren(...(isIncoming ? invitation(call) : []));
  stage.answer.hidden = !isIncoming;
  stage.hangup.disabled = !isLive || call.isEnding;
  stage.hangup.textContent = isIncoming ? "Reject" : isLive && !call.isEstablished ? "Cancel" : "Hang up";
  stage.mute.hidden = isIncoming;
  stage.mute.disabled = !isLive || isIncoming || !call.localStream;
  const muted = isLive && call.muted.audio;
  stage.mute.textContent = muted ? "Unmute" : "Mute";
  stage.mute.setAttribute("aria-pressed", String(muted));
  drawHold(call);
}

/** @param {Call | null} call */
function drawHold(call) {
  const isHeld = call?.isEstablished === true && call.held.local;
  stage.hold.hidden = call?.isWaitingForAnswer ?? false;
  stage.hold.disabled = !call?.isEstablished || call.isEnding;
  stage.hold.textContent = isHeld ? "Resume" : "Hold";
  stage.hold.setAttribute("aria-pressed", String(isHeld));
}

/**
 * The name stands above it already; only who hears the page needs it here as well.
 * @param {Call | null} call
 */
function invitation(call) {
  const from = document.createElement("span");
  from.className = "unseen";
  from.textContent = call ? ` from ${partyName(call)}` : "";
  return [call?.video ? "Incoming video call" : "Incoming call", from];
}

/** @param {Call | null} call */
function drawPictures(call) {
  const live = call && !call.isOver ? call : null;
  attach(stage.remoteAudio, live?.remoteStream ?? null);
  const framePicture = () => stage.box.classList.toggle("pictured", !stage.remoteVideo.hidden);
  show(stage.remoteVideo, live?.remoteStream ?? null, framePicture);
  show(stage.localVideo, live?.localStream ?? null);
  framePicture();
}

/**
 * @param {HTMLElement} element
 * @param {string} status
 * @param {string} detail
 */
function say(element, status, detail) {
  if (element.dataset.status === status && element.dataset.detail === detail) return; // screen readers say it once
  Object.assign(element.dataset, { status, detail });
  const name = document.createElement("strong");
  name.textContent = status;
  element.replaceChildren(name, detail && ` ${detail}`);
}

/**
 * Drawn each second: how long a call lasts, and how good it is.
 * @param {Call | null} call
 * @param {number} establishedAt
 */
export async function drawFacts(call, establishedAt) {
  const talking = call?.isEstablished ? call : null;
  stage.duration.textContent = talking ? clock(Date.now() - establishedAt) : "";
  stage.quality.textContent = talking ? qualityText(await talking.quality()) : "";
}
