import assert from "node:assert/strict";
import { test } from "node:test";

import { MediaError, RequestError, Session } from "../../../web/sdk/index.js";
import { FakeStream, settle, WELCOME, World } from "./seats.mjs";

const ACCOUNT = { login: "alice", password: "secret" };
const CALL = "c-abcdefgh12345678";
const IN = "c-incoming12345678";
const INCOMING = {
  type: "call.incoming",
  call: IN,
  from: "carol@example.org",
  from_name: "Carol",
  to: "alice@example.org",
  sdp: "v=0\r\nm=audio 9 RTP\r\n",
  video: false,
};
const SNAPSHOT = { call: CALL, direction: "outgoing", from: "", from_name: "", to: "bob", video: false };

async function loggedIn() {
  const world = new World();
  const session = new Session({ url: "ws://pod/ws", platform: world.platform() });
  const login = session.login(ACCOUNT);
  world.socket.accept();
  world.socket.ok(world.socket.last, WELCOME);
  await login;
  return { world, session };
}

/** Everything that a call tells, as words. */
function diary(call) {
  const words = [];
  for (const name of ["PENDING", "TRYING", "RING", "SESSION_PROGRESS", "ESTABLISHED", "FINISH", "BUSY", "FAILED"]) {
    call.on(name, () => words.push(name));
  }
  return words;
}

/** A call on its way: the pod has the request and has said ok. */
async function calling(options) {
  const all = await loggedIn();
  const call = all.session.call("bob", options);
  const words = diary(call);
  await settle();
  all.world.socket.ok(all.world.socket.last);
  return { ...all, call, words };
}

async function talking(options) {
  const all = await calling(options);
  all.world.socket.tell({ type: "call.established", call: CALL, sdp: "v=0 pod answer" });
  await settle();
  return all;
}

async function ringing() {
  const all = await loggedIn();
  const calls = [];
  all.session.on("INCOMING_CALL", (call) => calls.push(call));
  all.world.socket.tell(INCOMING);
  return { ...all, call: calls[0] };
}

/** Lose the socket and come back to a pod that lists these calls. */
async function resume(world, calls, token = "token-2") {
  world.socket.break();
  await settle();
  await world.clock.pass(250);
  world.socket.accept();
  const request = world.socket.last;
  const registration = { state: "registered", status: 200, reason: "OK" };
  world.socket.ok(request, { ...WELCOME, resume_token: token, registration, calls });
  await settle();
  return request;
}

const ended = (status, reason, by, established = false) => ({
  type: "call.ended", call: CALL, status, reason, by, established,
});

test("the status of a session is its registration's, once logged in", async () => {
  const { world, session } = await loggedIn();
  assert.equal(session.status, "ESTABLISHED");
  assert.equal(session.aor, WELCOME.aor);
  world.socket.tell({ type: "registration", state: "registering", status: 0, reason: "", expires: 0 });
  assert.equal(session.status, "ESTABLISHED");
  world.socket.tell({ type: "registration", state: "registered", status: 200, reason: "OK", expires: 300 });
  assert.equal(session.status, "REGISTERED");
  assert.equal(session.registration.expires, 300);
  world.socket.tell({ type: "registration", state: "failed", status: 403, reason: "Forbidden", expires: 0 });
  assert.equal(session.status, "FAILED");
  assert.deepEqual(session.cause, { status: 403, reason: "Forbidden" });
  assert.ok(session.isConnected);
});

test("a refused login rejects with the pod's status, and the session may try again", async () => {
  const world = new World();
  const session = new Session({ url: "ws://pod/ws", platform: world.platform() });
  const login = session.login(ACCOUNT);
  world.socket.accept();
  world.socket.refuse(world.socket.last, 403, "Forbidden");
  await assert.rejects(login, (error) => error instanceof RequestError && error.status === 403);
  assert.equal(session.status, "FAILED");
  const again = session.login(ACCOUNT);
  world.socket.accept();
  world.socket.ok(world.socket.last, WELCOME);
  await again;
  assert.equal(session.status, "ESTABLISHED");
});

test("log-out ends the calls and closes the socket", async () => {
  const { world, session, call } = await talking();
  const logout = session.logout();
  world.socket.ok(world.socket.last);
  await logout;
  assert.equal(session.status, "DISCONNECTED");
  assert.equal(call.status, "FINISH");
  assert.ok(world.peer.closed);
  assert.equal(world.socket.closedWith, 1000);
});

test("who rings at log-out is told that nobody is there, before the log-out", async () => {
  const { world, session, call } = await ringing();
  void session.logout();
  const [hangup, logout] = world.socket.requests.slice(-2);
  assert.deepEqual([hangup.type, hangup.call, hangup.status, logout.type], ["hangup", call.id, 480, "logout"]);
});

test("an outgoing call goes through its states, and each is told once", async () => {
  const { world, session, call, words } = await calling();
  const { socket, peer } = world;
  assert.deepEqual(socket.last, { type: "call", id: socket.last.id, call: CALL, to: "bob", sdp: "v=0 page offer" });
  socket.tell({ type: "call.trying", call: CALL, status: 100, reason: "Trying" });
  socket.tell({ type: "call.ringing", call: CALL, status: 180, reason: "Ringing" });
  socket.tell({ type: "call.ringing", call: CALL, status: 180, reason: "Ringing" });
  socket.tell({ type: "call.early", call: CALL, status: 183, reason: "Session Progress", sdp: "v=0 early" });
  assert.deepEqual(call.sip, { status: 183, reason: "Session Progress" });
  socket.tell({ type: "call.established", call: CALL });
  socket.tell(ended(200, "OK", "remote", true));
  await settle();
  assert.deepEqual(words, ["PENDING", "TRYING", "RING", "SESSION_PROGRESS", "ESTABLISHED", "FINISH"]);
  assert.deepEqual(peer.remoteDescription, { type: "answer", sdp: "v=0 early" });
  assert.deepEqual(call.end, { status: 200, reason: "OK", by: "remote", established: true });
  assert.equal(session.calls.size, 0);
});

test("a second description of the pod changes nothing", async () => {
  const { world, call } = await calling();
  world.socket.tell({ type: "call.early", call: CALL, status: 183, reason: "", sdp: "v=0 one" });
  world.socket.tell({ type: "call.established", call: CALL, sdp: "v=0 other" });
  await settle();
  assert.equal(world.peer.remoteDescription.sdp, "v=0 one");
  assert.equal(call.status, "ESTABLISHED");
});

for (const [status, reason, word] of [[486, "Busy Here", "BUSY"], [404, "Not Found", "FAILED"]]) {
  test(`a call that ends with ${status} is ${word}, lets go of its devices and closes its connection`, async () => {
    const { world, call, words } = await calling();
    world.socket.tell(ended(status, reason, "remote"));
    assert.deepEqual(words, ["PENDING", word]);
    assert.deepEqual(call.sip, { status, reason });
    assert.ok(world.peer.closed);
    assert.ok(world.opened[0].tracks.every(({ stopped }) => stopped));
  });
}

test("a call that the pod refuses fails with its words", async () => {
  const { world, session } = await loggedIn();
  const call = session.call("bob");
  await settle();
  world.socket.refuse(world.socket.last, 503, "no media-relay");
  await settle();
  assert.equal(call.status, "FAILED");
  assert.deepEqual(call.end, { status: 503, reason: "no media-relay", by: "system", established: false });
});

test("a call without an answer to its request fails, and the pod is told to forget it", async () => {
  const { world, session } = await loggedIn();
  const call = session.call("bob");
  await settle();
  await world.clock.pass(10_000);
  assert.equal(call.status, "FAILED");
  assert.equal(call.end.status, 408);
  assert.equal(world.socket.of("hangup")[0].call, CALL);
});

test("a call without a session fails instead of throwing", async () => {
  const world = new World();
  const session = new Session({ url: "ws://pod/ws", platform: world.platform() });
  const call = session.call("bob");
  await settle();
  assert.equal(call.status, "FAILED");
  assert.equal(call.end.status, 503);
  assert.ok(world.opened[0].tracks[0].stopped);
});

test("a caller who gives up is told FINISH when the pod confirms it", async () => {
  const { world, call, words } = await calling();
  world.socket.tell({ type: "call.ringing", call: CALL, status: 180, reason: "Ringing" });
  void call.hangup();
  assert.ok(call.isEnding);
  assert.ok(world.opened[0].tracks[0].stopped);
  assert.equal(world.socket.last.type, "hangup");
  world.socket.tell(ended(487, "Request Terminated", "local"));
  assert.deepEqual(words, ["PENDING", "RING", "FINISH"]);
  assert.equal(call.end.by, "local");
});

test("a call that is hung up while the user is asked for the microphone never leaves the page", async () => {
  const { world, session } = await loggedIn();
  let allow;
  world.userDecides = new Promise((resolve) => (allow = resolve));
  const call = session.call("bob");
  await settle();
  await call.hangup();
  assert.equal(call.status, "FINISH");
  allow();
  await settle();
  assert.deepEqual(world.socket.of("call"), []);
  assert.ok(world.opened[0].tracks[0].stopped);
  assert.equal(world.peers.length, 0);
});

test("a hang-up that the pod does not understand ends the call here all the same", async () => {
  const { world, call } = await talking();
  void call.hangup();
  world.socket.refuse(world.socket.last, 481, "no such call");
  await settle();
  assert.equal(call.status, "FINISH");
});

test("hanging up twice asks once", async () => {
  const { world, call } = await talking();
  void call.hangup();
  void call.hangup();
  assert.equal(world.socket.of("hangup").length, 1);
});

test("a call without a microphone fails and says why", async () => {
  const { world, session } = await loggedIn();
  world.noDevices = new Error("Permission denied");
  const call = session.call("bob");
  await settle();
  assert.equal(call.status, "FAILED");
  assert.match(call.end.reason, /Permission denied/);
  assert.deepEqual(world.socket.of("call"), []);
});

test("an answer that the browser does not take ends the call on both sides", async () => {
  const { world, session } = await loggedIn();
  world.peerRefuses = true;
  const call = session.call("bob");
  await settle();
  world.socket.ok(world.socket.last);
  world.socket.tell({ type: "call.established", call: CALL, sdp: "nonsense" });
  await settle();
  assert.equal(world.socket.last.type, "hangup");
  assert.equal(world.socket.last.status, 488);
  assert.ok(call.isOver);
  assert.match(call.end.reason, /Failed to parse/);
});

test("the caller's own stream is used and outlives the call, unmuted", async () => {
  const stream = new FakeStream("audio", "video");
  const { world, call } = await talking({ stream });
  assert.ok(call.video);
  assert.deepEqual(world.peer.tracks, stream.tracks);
  assert.equal(world.opened.length, 0);
  call.mute();
  assert.equal(stream.tracks[0].enabled, false);
  world.socket.tell(ended(200, "OK", "remote", true));
  assert.deepEqual(stream.tracks.map(({ enabled, stopped }) => [enabled, stopped]), [[true, false], [true, false]]);
});

test("video without a camera of one's own is received only", async () => {
  const { world } = await calling({ video: true, stream: new FakeStream("audio") });
  assert.deepEqual(world.peer.transceivers, ["video recvonly"]);
});

test("mute and unmute switch the tracks, and say so", async () => {
  const { world, call } = await talking();
  const [track] = world.opened[0].tracks;
  call.mute();
  assert.equal(track.enabled, false);
  assert.deepEqual(call.muted, { audio: true, video: false });
  call.unmute();
  assert.equal(track.enabled, true);
});

test("a call that is muted before it has a microphone starts muted", async () => {
  const { world, session } = await loggedIn();
  const call = session.call("bob");
  call.mute();
  await settle();
  assert.equal(world.opened[0].tracks[0].enabled, false);
});

test("remote tracks are gathered into one stream", async () => {
  const { world, call } = await talking();
  const streams = [];
  call.on("REMOTE_STREAM", (stream) => streams.push(stream));
  world.peer.ontrack({ track: { kind: "audio" } });
  world.peer.ontrack({ track: { kind: "video" } });
  assert.equal(streams[0], streams[1]);
  assert.equal(call.remoteStream.tracks.length, 2);
});

test("an incoming call rings, and is established when the pod says so", async () => {
  const { world, call } = await ringing();
  assert.deepEqual([call.from, call.fromName, call.status, call.direction], ["carol@example.org", "Carol", "RING", "incoming"]);
  assert.ok(call.isWaitingForAnswer);
  const answer = call.answer();
  assert.ok(!call.isWaitingForAnswer);
  await settle();
  assert.deepEqual(world.peer.remoteDescription, { type: "offer", sdp: INCOMING.sdp });
  const { last } = world.socket;
  assert.deepEqual(last, { type: "answer", id: last.id, call: IN, sdp: "v=0 page answer" });
  assert.equal(call.status, "RING");
  world.socket.ok(last);
  await answer;
  world.socket.tell({ type: "call.established", call: IN });
  assert.equal(call.status, "ESTABLISHED");
});

test("only what was offered is sent", async () => {
  const { world, call } = await ringing();
  void call.answer({ stream: new FakeStream("audio", "video") });
  await settle();
  assert.deepEqual(world.peer.tracks.map(({ kind }) => kind), ["audio"]);
});

test("a call is rejected with the status that the page gives", async () => {
  const { world, call } = await ringing();
  void call.hangup({ status: 486, reason: "Busy Here" });
  const { last } = world.socket;
  assert.deepEqual(last, { type: "hangup", id: last.id, call: IN, status: 486, reason: "Busy Here" });
  world.socket.tell({ ...ended(486, "Busy Here", "local"), call: IN });
  assert.equal(call.status, "FINISH");
});

test("without a microphone the call rings on, and the user may try again", async () => {
  const { world, call } = await ringing();
  world.noDevices = new Error("Permission denied");
  await assert.rejects(call.answer(), MediaError);
  assert.ok(call.isWaitingForAnswer);
  world.noDevices = null;
  void call.answer();
  await settle();
  assert.equal(world.socket.last.type, "answer");
});

test("a call is answered once", async () => {
  const { call } = await ringing();
  void call.answer();
  await assert.rejects(call.answer(), /not waiting for an answer/);
});

test("a caller who gives up while the user is asked for the microphone leaves nothing behind", async () => {
  const { world, call } = await ringing();
  let allow;
  world.userDecides = new Promise((resolve) => (allow = resolve));
  const answer = call.answer();
  world.socket.tell({ ...ended(487, "Request Terminated", "remote"), call: IN });
  assert.equal(call.status, "FAILED");
  allow();
  await answer;
  assert.equal(world.socket.of("answer").length, 0);
  assert.ok(world.opened[0].tracks[0].stopped);
});

test("an offer that the browser does not take is rejected with 488", async () => {
  const { world, call } = await ringing();
  world.peerRefuses = true;
  await call.answer();
  assert.equal(world.socket.last.status, 488);
  assert.equal(call.status, "FAILED");
});

test("events of calls that nobody knows are left alone", async () => {
  const { world, session } = await loggedIn();
  world.socket.tell(ended(200, "OK", "remote"));
  world.socket.tell({ type: "call.ringing", call: "c-unknown", status: 180, reason: "Ringing" });
  assert.equal(session.calls.size, 0);
});

test("a lost socket does not touch an established call, and each resume shows the newest token", async () => {
  const { world, session, call, words } = await talking();
  const { peer } = world;
  const statuses = [];
  session.on("STATUS", () => statuses.push(session.status));
  const snapshot = { ...SNAPSHOT, state: "established", sdp: "v=0 pod answer" };
  const first = await resume(world, [snapshot]);
  const second = await resume(world, [snapshot], "token-3");
  assert.equal(first.type, "resume");
  assert.deepEqual([first.session, first.resume_token, second.resume_token], [WELCOME.session, "token-1", "token-2"]);
  assert.deepEqual(statuses, ["RECONNECTING", "REGISTERED", "RECONNECTING", "REGISTERED"]);
  assert.equal(world.peer, peer);
  assert.ok(!peer.closed);
  assert.equal(call.status, "ESTABLISHED");
  assert.deepEqual(words, ["PENDING", "ESTABLISHED"]);
});

test("what happened while the socket was away is caught up with", async () => {
  const { world, call, words } = await calling();
  await resume(world, [{ ...SNAPSHOT, state: "established", sdp: "v=0 pod answer" }]);
  assert.equal(call.status, "ESTABLISHED");
  assert.equal(world.peer.remoteDescription.sdp, "v=0 pod answer");
  assert.deepEqual(words, ["PENDING", "ESTABLISHED"]);
});

test("a call that the pod no longer has is over", async () => {
  const { world, call } = await talking();
  await resume(world, []);
  assert.equal(call.status, "FINISH");
  assert.equal(call.end.by, "system");
  assert.ok(world.peer.closed);
});

test("a call whose request was lost with the socket is judged by the pod's list", async () => {
  const { world, session } = await loggedIn();
  const call = session.call("bob");
  await settle();
  assert.equal(world.socket.last.type, "call");
  await resume(world, [{ ...SNAPSHOT, state: "trying" }]);
  assert.equal(call.status, "TRYING");
});

test("a call that waits for its microphone is not ended by a resume", async () => {
  const { world, session } = await loggedIn();
  let allow;
  world.userDecides = new Promise((resolve) => (allow = resolve));
  const call = session.call("bob");
  await resume(world, []);
  assert.equal(call.status, "PENDING");
  allow();
  await settle();
  assert.equal(world.socket.last.type, "call");
});

test("a hang-up that was said to nobody is said again", async () => {
  const { world, call } = await talking();
  world.socket.break();
  void call.hangup();
  await settle();
  await resume(world, [{ ...SNAPSHOT, state: "established" }]);
  assert.equal(world.socket.last.type, "hangup");
  world.socket.tell(ended(200, "OK", "local", true));
  assert.equal(call.status, "FINISH");
});

test("an answer that was lost with the socket is said again", async () => {
  const { world, call } = await ringing();
  void call.answer();
  await settle();
  assert.equal(world.socket.last.type, "answer");
  const { type, ...parties } = INCOMING;
  await resume(world, [{ ...parties, direction: "incoming", state: "incoming" }]);
  assert.equal(type, "call.incoming");
  assert.equal(world.socket.last.type, "answer");
  assert.equal(world.socket.last.sdp, "v=0 page answer");
  assert.equal(call.status, "RING");
});

test("a call that came in while the socket was away rings after the resume", async () => {
  const { world, session } = await loggedIn();
  const calls = [];
  session.on("INCOMING_CALL", (call) => calls.push(call.id));
  await resume(world, [{ ...INCOMING, direction: "incoming", state: "incoming" }]);
  assert.deepEqual(calls, [IN]);
  assert.equal(session.calls.get(IN).status, "RING");
});

test("a call that is over here but not at the pod is hung up", async () => {
  const { world } = await loggedIn();
  await resume(world, [{ ...SNAPSHOT, call: "c-stray", state: "established" }]);
  assert.deepEqual(world.socket.of("hangup").map(({ call }) => call), ["c-stray"]);
});

test("when the session is gone, its calls end and the status says why", async () => {
  const { world, session, call } = await talking();
  world.socket.break();
  await world.clock.pass(250);
  world.socket.accept();
  world.socket.refuse(world.socket.last, 404, "no such session");
  assert.equal(session.status, "FAILED");
  assert.deepEqual(session.cause, { status: 404, reason: "no such session" });
  assert.equal(call.status, "FINISH");
  assert.ok(world.peer.closed);
});

test("a session that another page took over is disconnected for good", async () => {
  const { world, session } = await loggedIn();
  world.socket.tell({ type: "bye", reason: "replaced" });
  await world.clock.pass(60_000);
  assert.equal(session.status, "DISCONNECTED");
  assert.equal(session.cause.reason, "replaced");
  assert.equal(world.sockets.length, 1);
});

test("the servers for candidates come from the login", async () => {
  const world = new World();
  const session = new Session({ url: "ws://pod/ws", platform: world.platform() });
  const login = session.login(ACCOUNT);
  const iceServers = [{ urls: ["turn:turn.example.org"], username: "u", credential: "c" }];
  world.socket.accept();
  world.socket.ok(world.socket.last, { ...WELCOME, ice_servers: iceServers });
  await login;
  session.call("bob");
  await settle();
  assert.deepEqual(world.peer.configuration, { iceServers });
});
