/**
 * The full phone: several calls, history, messages, devices. Here is who does what; what it looks like is the views'.
 *
 * The page has no password after the log-in. A reload resumes the session with the one-time token that the SDK keeps in
 * `sessionStorage`. `window.cordboard` and `window.cordboardMedia` are as on the simple page.
 */

import { RequestError, Session, storeIn } from "../../sdk/index.js";
import { showInConsole } from "../console.js";
import { credentialsOf, podUrl } from "../credentials.js";
import { Tones, toneFor } from "../tones.js";
import { partyName } from "../words.js";
import { Answered } from "./answered.js";
import { bindChoices } from "./choices.js";
import { Devices } from "./devices.js";
import { dial, login, page, settings, side, stage } from "./elements.js";
import { History } from "./history.js";
import { eraseLast, makeKeypad, placeKeypad, typeInto } from "./keypad.js";
import { bindKeys } from "./keys.js";
import { Lines } from "./lines.js";
import { fillLogin, keepLogin } from "./login.js";
import { Messages } from "./messages.js";
import { attempt, notice } from "./notice.js";
import { drawOthers } from "./others.js";
import { drawDuration, drawQuality, drawStage } from "./stage.js";
import { callWords, sessionWords, setHome, shortAddress } from "./status.js";
import { bindTabs, chooseTab, isPhoneShown, onTab, shownTab } from "./tabs.js";
import { bindTransfer, followTransfer, openTransfer } from "./transfer.js";

/** @typedef {import("../../sdk/index.js").Call} Call */

const END_SHOWN_FOR = 4_000; // milliseconds
const IDLE = new Set(["NEW", "FAILED", "DISCONNECTED"]);

/** @type {Session | null} */
let session = null;
const lines = new Lines();
const answered = new Answered(sessionStorage);
const tones = new Tones();
const devices = new Devices(() => [...(session?.calls.values() ?? [])].filter((call) => call.localStream));
const history = new History((peer, video) => void place(peer, video));
const messages = new Messages(() => shownTab() === "messages" && document.visibilityState === "visible");
let isDialling = false; // a second call is being dialled, while the first one is on the stage
let hasKeypad = false;

// What is seen.

function redraw() {
  const call = lines.current;
  const isOpen = session !== null && (session.isConnected || !IDLE.has(session.status));
  document.body.dataset.view = isOpen ? "phone" : "login";
  page.login.hidden = isOpen;
  page.phone.hidden = page.logout.hidden = !isOpen;
  page.aor.textContent = isOpen ? (session?.aor ?? "") : "";
  page.status.textContent = sessionWords(session);
  page.status.dataset.status = session?.status ?? "NEW";
  const isOnStage = call !== null && !isDialling;
  const inCall = isOnStage && hasKeypad && call.isEstablished;
  stage.box.hidden = !isOnStage;
  dial.form.hidden = isOnStage;
  dial.back.hidden = call === null;
  stage.keypad.setAttribute("aria-expanded", String(inCall));
  stage.box.classList.toggle("keyed", inCall);
  placeKeypad(inCall);
  drawStage(call);
  drawOthers(lines.others, { take: (other) => void take(other), end: (other) => void other.hangup() });
  followTransfer(call);
  drawDial();
  drawTime();
  const isWaiting = lines.others.some((other) => other.isWaitingForAnswer);
  tones.play(toneFor(call) ?? (isWaiting ? "waiting" : null));
  document.title = call?.isWaitingForAnswer ? `${shortAddress(partyName(call))} calls` : "Cordboard";
}

function drawTime() {
  const call = lines.current;
  drawDuration(call, call ? answered.since(call) : undefined);
}

function drawDial() {
  const isReady = session?.isConnected === true;
  dial.call.disabled = dial.videoCall.disabled = !isReady;
  dial.erase.hidden = dial.callee.value === "";
  dial.callee.classList.toggle("long", dial.callee.value.length > 14);
}

// The session.

/** @param {(session: Session) => Promise<void>} enter */
async function open(enter) {
  const opened = new Session({ url: podUrl(), store: storeIn(sessionStorage), oneCall: settings.oneCall.checked });
  session = opened;
  opened.on("STATUS", () => {
    recognise(opened);
    redraw();
  });
  opened.on("INCOMING_CALL", follow);
  opened.on("CALL_RESUMED", goOn);
  opened.on("CALL_ENDED", ended);
  opened.on("MESSAGE", (message) => messages.receive(message));
  opened.on("WARN", (error) => console.warn("Cordboard:", error.message));
  opened.on("DISCONNECTED", () => closed(opened));
  opened.on("FAILED", () => closed(opened));
  await enter(opened);
  void devices.refresh();
}

/**
 * Who logged in is said before anything of the calls is, which a resume tells at once.
 * @param {Session} of
 */
function recognise({ aor, domain }) {
  if (!aor) return;
  setHome(domain);
  history.open(aor);
  messages.open(aor);
}

async function logIn() {
  login.error.hidden = true;
  try {
    await open((opened) => opened.login(credentialsOf(login)));
    keepLogin();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error; // a refusal is on the page already
  }
}

/** The page was reloaded, perhaps: then its session is still there. */
async function returnToSession() {
  try {
    await open((opened) => opened.resume());
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    session = null; // nothing was kept, or it is over: there is nothing to say of it
    login.error.hidden = true;
    redraw();
  }
}

/** @param {Session} of */
function closed(of) {
  if (of !== session || of.isConnected) return; // a registration that failed leaves the connection
  login.error.textContent = sessionWords(of);
  login.error.hidden = of.cause.status === 200;
}

// Calls.

/** @param {Call} call */
function follow(call) {
  lines.add(call);
  const changes = /** @type {const} */ (["STATUS", "LOCAL_STREAM", "REMOTE_STREAM", "TRANSFERRED"]);
  for (const event of changes) call.on(event, redraw);
  call.once("ESTABLISHED", () => {
    answered.begin(call, Date.now());
    call.watchQuality();
    if (call !== lines.current) void attempt("Holding the other call", () => call.hold()); // nobody listens there
    redraw();
  });
  call.on("QUALITY", (quality) => call === lines.current && drawQuality(quality));
  call.on("DTMF", ({ digit }) => notice(`${shortAddress(partyName(call))} pressed ${digit}`));
  call.on("TRANSFERRED", () => notice(`Now with ${shortAddress(partyName(call))}`));
  if (call === lines.current) return show();
  if (call.isWaitingForAnswer && !isPhoneShown()) notice(`${shortAddress(partyName(call))} calls`);
  redraw();
}

/** @param {Call} call of the page before this one, which has no media yet */
function goOn(call) {
  const before = lines.current;
  follow(call);
  lines.pick(before && call.held.local ? before : call); // the one that the user talked in
  show();
  const renew = () => void attempt("Going on with the call", async () => call.renew(await devices.options(call.video)));
  if (!call.isEstablished) return void call.once("ESTABLISHED", renew);
  answered.begin(call, Date.now());
  call.watchQuality();
  renew();
}

/** The present call comes to the stage as it is. */
function show() {
  isDialling = hasKeypad = false;
  stage.digits.value = "";
  drawQuality(null);
  chooseTab("phone");
  redraw();
}

/** @param {Call} call */
function ended(call) {
  history.add(call, answered.since(call));
  answered.forget(call);
  const wasCurrent = call === lines.current;
  const stays = lines.ended(call);
  if (stays) setTimeout(leave, END_SHOWN_FOR);
  else if (wasCurrent) show();
  if (!stays) notice(`${shortAddress(partyName(call))}: ${callWords(call)}`);
  redraw();
}

function leave() {
  lines.leave();
  redraw();
}

/**
 * @param {string} to
 * @param {boolean} video
 */
async function place(to, video) {
  if (!to || !session?.isConnected) return dial.callee.focus();
  lines.leave();
  const options = await devices.options(video);
  const call = session.call(to, options);
  dial.callee.value = "";
  follow(call);
  await attempt("Holding the other call", () => session?.switchTo(call));
}

/**
 * @param {Call} call
 * @param {boolean} video
 */
async function answer(call, video) {
  const isAlone = await attempt("Holding the other call", () => session?.switchTo(call));
  if (!isAlone || !call.isWaitingForAnswer) return;
  await attempt("Answering", async () => call.answer(await devices.options(video)));
  void devices.refresh(); // they have names now
  redraw();
}

/** @param {Call} call beside the one on the stage */
async function take(call) {
  lines.pick(call);
  show();
  if (call.isWaitingForAnswer) await answer(call, call.video);
  else await attempt("Switching", () => session?.switchTo(call));
}

/** @param {string} key */
function press(key) {
  const call = lines.current;
  if (!call?.isEstablished || isDialling) {
    leave();
    return typeInto(key);
  }
  if (key === "+") return;
  const method = /** @type {import("../../sdk/wire.js").DtmfMethod} */ (settings.digitsMethod.value);
  stage.digits.value += key;
  void attempt(`Digit ${key}`, () => call.sendDtmf(key, { method }));
}

// What the buttons do.

/**
 * @param {HTMLButtonElement} button
 * @param {(call: Call) => void | Promise<unknown>} act on the call on the stage
 */
function onPress(button, act) {
  button.addEventListener("click", () => {
    if (lines.current) void act(lines.current);
    redraw();
  });
}

async function toggleHold(/** @type {Call} */ call) {
  stage.hold.disabled = true; // until the far side has said something
  if (call.held.local) await attempt("Resume", () => session?.switchTo(call));
  else await attempt("Hold", () => call.hold());
  redraw();
}

async function toggleSharing(/** @type {Call} */ call) {
  await attempt("Sharing the screen", () => (call.isSharing ? call.stopSharing() : call.shareScreen()));
  redraw();
}

onPress(stage.mute, (call) => (call.muted.audio ? call.unmute() : call.mute()));
onPress(stage.camera, (call) => (call.muted.video ? call.unmute("video") : call.mute("video")));
onPress(stage.hold, toggleHold);
onPress(stage.screen, toggleSharing);
onPress(stage.keypad, () => void (hasKeypad = !hasKeypad));
onPress(stage.transfer, (call) => openTransfer(call, lines.others));
onPress(stage.answer, (call) => answer(call, false));
onPress(stage.answerVideo, (call) => answer(call, true));
onPress(stage.hangup, (call) => call.hangup());
onPress(stage.close, leave);
onPress(stage.second, () => {
  isDialling = true;
  setTimeout(() => dial.callee.focus());
});
dial.back.addEventListener("click", show);
dial.erase.addEventListener("click", eraseLast);
dial.callee.addEventListener("input", drawDial);
dial.videoCall.addEventListener("click", () => void place(dial.callee.value.trim(), true));
dial.form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!dial.call.disabled) void place(dial.callee.value.trim(), false);
});
login.form.addEventListener("submit", (event) => {
  event.preventDefault();
  void logIn();
});
page.logout.addEventListener("click", () => {
  messages.forget();
  void session?.logout();
});
settings.oneCall.addEventListener("change", () => {
  if (session) session.oneCall = settings.oneCall.checked;
});
side.messageForm.addEventListener("submit", (event) => {
  event.preventDefault();
  const [to, body] = [side.messageTo.value.trim(), side.messageText.value];
  side.messageText.value = "";
  if (session && to && body) void messages.send(session, to, body);
});
onTab((tab) => tab === "messages" && messages.seen());
makeKeypad(press);
bindKeys(press);
bindTabs();
bindTransfer();
bindChoices();
// What is said to who leaves is the browser's. A reload only interrupts a call; a tab that is closed ends it.
window.addEventListener("beforeunload", (event) => {
  if (session && [...session.calls.values()].some((call) => call.isEstablished)) event.preventDefault();
});
setInterval(drawTime, 1000);

showInConsole(
  () => session,
  () => lines.current,
);

fillLogin();
redraw();
void returnToSession();
