/**
 * The phone page: a login, one call at a time, and everything said in words. It is the example of how to use the SDK.
 *
 * Two aids: `window.cordboard` shows the session and its calls in the console, and a page that defines
 * `window.cordboardMedia` brings its own microphone and camera.
 */

import { RequestError, Session } from "../sdk/index.js";
import { fillDemo, fillFrom, isYes } from "./account.js";
import { showInConsole } from "./console.js";
import { credentialsOf } from "./credentials.js";
import { account, dial, stage } from "./elements.js";
import { attempt, bindTools, logCall, logSession } from "./tools.js";
import { draw, drawFacts } from "./view.js";

/** @typedef {import("../sdk/index.js").Call} Call */

const BUSY_HERE = { status: 486, reason: "Busy Here" };

/** @type {Session | null} */
let session = null;
/** @type {Call | null} */
let current = null;
let establishedAt = 0;

function redraw() {
  draw(session, current);
  void drawFacts(current, establishedAt);
}

async function connect() {
  session = new Session({ url: account.url.value.trim() });
  session.on("STATUS", redraw);
  session.on("INCOMING_CALL", take);
  logSession(session);
  session.on("WARN", (error) => console.warn("Cordboard:", error.message));
  try {
    await session.login(credentialsOf(account));
  } catch (error) {
    if (!(error instanceof RequestError)) throw error; // a refusal is on the page already
  }
  redraw();
}

/** @param {Call} call */
function take(call) {
  if (current && !current.isOver) void call.hangup(BUSY_HERE);
  else follow(call);
}

/** @param {Call} call */
function follow(call) {
  current = call;
  const changes = /** @type {const} */ (["STATUS", "LOCAL_STREAM", "REMOTE_STREAM", "TRANSFERRED"]);
  for (const event of changes) call.on(event, redraw);
  call.once("ESTABLISHED", () => (establishedAt = Date.now()));
  logCall(call);
  redraw();
}

/** @param {boolean} video */
async function mediaOptions(video) {
  const stream = await window.cordboardMedia?.();
  return { video, stream };
}

async function placeCall() {
  const callee = dial.callee.value.trim();
  if (!callee || !session) return dial.callee.focus();
  dial.call.disabled = true;
  const options = await mediaOptions(dial.video.checked);
  if (!current || current.isOver) follow(session.call(callee, options)); // one may have come in meanwhile
}

async function answer() {
  const call = current;
  if (!call) return;
  stage.answer.hidden = true;
  try {
    await call.answer(await mediaOptions(call.video));
  } catch (error) {
    redraw();
    stage.incoming.textContent = error instanceof Error ? error.message : String(error);
  }
}

function toggleMute() {
  if (current?.muted.audio) current.unmute();
  else current?.mute();
  redraw();
}

async function toggleHold() {
  const call = current;
  if (!call) return;
  stage.hold.disabled = true; // until the far side has said something
  const isHeld = call.held.local;
  await attempt(isHeld ? "unhold" : "hold", () => (isHeld ? call.unhold() : call.hold()));
  redraw();
}

account.form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (account.fields.disabled) void session?.logout();
  else void connect();
});
account.demo.addEventListener("click", ({ target }) => {
  const name = target instanceof HTMLElement ? target.dataset.demo : undefined;
  if (name === "alice" || name === "bob") fillDemo(name);
});
dial.form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!dial.call.disabled) void placeCall();
});
stage.answer.addEventListener("click", () => void answer());
stage.hangup.addEventListener("click", () => {
  void current?.hangup();
  redraw();
});
stage.mute.addEventListener("click", toggleMute);
stage.hold.addEventListener("click", () => void toggleHold());
bindTools(
  () => session,
  () => current,
);
// Nobody comes back to a page that was left, so the other side need not wait for the time of grace.
window.addEventListener("pagehide", ({ persisted }) => persisted || void session?.logout());
setInterval(() => void drawFacts(current, establishedAt), 1000);

showInConsole(
  () => session,
  () => current,
);

const query = new URLSearchParams(location.search);
fillFrom(query);
redraw();
if (isYes(query.get("autoconnect") ?? "0")) void connect();
