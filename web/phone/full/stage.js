/** Shows the call on the stage. All of it follows from the call, and is drawn anew at each change. */

import { attach, show } from "../pictures.js";
import { clock, partyName, qualityText } from "../words.js";
import { stage } from "./elements.js";
import { callWords, gradeOf, shortAddress } from "./status.js";

/** @typedef {import("../../sdk/index.js").Call} Call */
/** @typedef {import("../../sdk/index.js").Quality} Quality */

/** @param {Call | null} call */
export function drawStage(call) {
  drawPictures(call);
  if (!call) return;
  const name = shortAddress(partyName(call));
  stage.box.dataset.call = call.status;
  stage.party.textContent = name;
  stage.avatar.textContent = (name[0] ?? "").toUpperCase();
  say(callWords(call));
  const isIncoming = call.isWaitingForAnswer;
  stage.answer.hidden = !isIncoming;
  stage.answerVideo.hidden = !isIncoming || !call.video;
  stage.hangup.disabled = call.isEnding;
  stage.hangup.hidden = call.isOver;
  stage.close.hidden = !call.isOver;
  stage.hangupLabel.textContent = isIncoming ? "Decline" : call.isEstablished ? "Hang up" : "Cancel";
  drawControls(call);
}

/** @param {Call} call */
function drawControls(call) {
  const isTalking = call.isEstablished && !call.isEnding;
  stage.controls.hidden = call.isOver || call.isWaitingForAnswer;
  stage.mute.disabled = !call.localStream || call.isEnding;
  toggle(stage.mute, call.muted.audio, "Mute", "Unmute");
  stage.hold.disabled = !isTalking;
  toggle(stage.hold, call.isEstablished && call.held.local, "Hold", "Resume", "hold", "resume");
  stage.keypad.disabled = !isTalking;
  stage.transfer.disabled = !isTalking;
  stage.second.disabled = !isTalking;
  for (const button of [stage.camera, stage.screen]) button.hidden = !call.sendsVideo;
  toggle(stage.camera, call.muted.video, "Camera off", "Camera on");
  stage.screen.disabled = !isTalking;
  toggle(stage.screen, call.isSharing, "Share", "Stop sharing");
}

/**
 * @param {HTMLButtonElement} button
 * @param {boolean} isOn
 * @param {string} off what it does while it is off
 * @param {string} on
 * @param {string} [iconOff]
 * @param {string} [iconOn]
 */
function toggle(button, isOn, off, on, iconOff, iconOn) {
  button.dataset.on = String(isOn); // the label says what it does next, so it is no pressed state
  const label = button.querySelector("span");
  if (label) label.textContent = isOn ? on : off;
  const icon = isOn ? iconOn : iconOff;
  if (icon) button.querySelector("use")?.setAttribute("href", `icons.svg#${icon}`);
}

/** @param {Call | null} call */
function drawPictures(call) {
  const live = call && !call.isOver ? call : null;
  const isHeld = live?.isEstablished === true && live.held.local;
  const framePicture = () => stage.box.classList.toggle("pictured", !stage.remoteVideo.hidden);
  attach(stage.remoteAudio, live && !live.isWaitingForAnswer ? live.remoteStream : null);
  show(stage.remoteVideo, isHeld ? null : (live?.remoteStream ?? null), framePicture);
  show(stage.localVideo, live && !live.muted.video ? live.localStream : null);
  stage.localVideo.classList.toggle("mirrored", live !== null && !live.isSharing);
  framePicture();
}

/** @param {string} words which screen readers are to say once */
function say(words) {
  if (stage.status.textContent !== words) stage.status.textContent = words;
}

/**
 * @param {Call | null} call
 * @param {number | undefined} since when it was answered
 */
export function drawDuration(call, since) {
  stage.duration.textContent = call?.isEstablished && since !== undefined ? clock(Date.now() - since) : "";
}

/** @param {Quality | null} quality */
export function drawQuality(quality) {
  const { bars, word } = gradeOf(quality?.mos ?? null);
  stage.meter.hidden = quality === null;
  stage.meter.dataset.bars = String(bars);
  const score = quality?.mos ? `${word}, ${quality.mos.toFixed(1)} of 5` : word;
  const facts = quality ? qualityText(quality) : "";
  stage.meter.setAttribute("aria-label", [score, facts].filter(Boolean).join(": "));
  stage.meter.title = [score, facts].filter(Boolean).join("\n");
  stage.mos.textContent = quality ? (bars ? word : "not measured") : "";
}
