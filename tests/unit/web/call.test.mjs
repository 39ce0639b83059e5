import assert from "node:assert/strict";
import { test } from "node:test";

import { MediaError, Session } from "../../../web/sdk/index.js";
import { CALL, calling, ended, IN, INCOMING, loggedIn, ringing, talking } from "./scenes.mjs";
import { FakeStream, settle, World } from "./seats.mjs";

test("an outgoing call goes through its states, and each is told once", async () => {
  const { world, session, call, words } = await calling();
  const { socket, peer } = world;
  assert.deepEqual(socket.last, { type: "call", id: socket.last.id, call: CALL, to: "bob", sdp: "v=0 page offer" });
  socket.tell({ type: "call.trying", call: CALL, status: 100, reason: "Trying" });
  socket.tell({ type: "call.ringing", call: CALL, status: 180, reason: "Ringing" });
  socket.tell({ type: "call.ringing", call: CALL, status: 180, reason: "Ringing" });
  socket.tell({ type: "call.early", call: CALL, status: 183, reason: "Session Progress", sdp: "v=0 early" });
  assert.deepEqual(call.sip, { status: 183, reason: "Session Progress" });
  socket.tell({ type: "call.established", call: CALL, sdp: "v=0 final" });
  await settle();
  socket.tell(ended(200, "OK", "remote", true));
  await settle();
  assert.deepEqual(words, ["PENDING", "TRYING", "RING", "SESSION_PROGRESS", "ESTABLISHED", "FINISH"]);
  assert.deepEqual(peer.remoteDescription, { type: "answer", sdp: "v=0 final" });
  assert.deepEqual(call.end, { status: 200, reason: "OK", by: "remote", established: true });
  assert.equal(session.calls.size, 0);
});

const early = (sdp) => ({ type: "call.early", call: CALL, status: 183, reason: "", sdp });
const established = (sdp) => ({ type: "call.established", call: CALL, ...(sdp && { sdp }) });

test("answers before the final one are provisional, and one that is repeated is taken once", async () => {
  const { world, call } = await calling();
  for (const sdp of ["v=0 one", "v=0 one", "v=0 two"]) world.socket.tell(early(sdp));
  world.socket.tell(established("v=0 two"));
  await settle();
  world.socket.tell(established("v=0 three"));
  await settle();
  assert.deepEqual(world.peer.descriptions, [
    "local offer v=0 page offer",
    "remote pranswer v=0 one",
    "remote pranswer v=0 two",
    "remote answer v=0 two",
  ]);
  assert.equal(call.status, "ESTABLISHED");
});

test("an answer that is not repeated when the call is established was final", async () => {
  const { world } = await calling();
  world.socket.tell(early("v=0 one"));
  world.socket.tell(established());
  await settle();
  assert.deepEqual(world.peer.remoteDescription, { type: "answer", sdp: "v=0 one" });
});

test("a browser without provisional answers takes each as final, and makes its offer again for the next", async () => {
  const { world, session } = await loggedIn();
  world.knowsProvisional = false;
  const call = session.call("bob");
  await settle();
  world.socket.ok(world.socket.last);
  for (const sdp of ["v=0 one", "v=0 one", "v=0 two"]) world.socket.tell(early(sdp));
  world.socket.tell(established("v=0 two"));
  await settle();
  const offer = "local offer v=0 page offer";
  assert.deepEqual(world.peer.descriptions, [offer, "remote answer v=0 one", offer, "remote answer v=0 two"]);
  assert.deepEqual(world.socket.of("call").length, 1);
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
  assert.deepEqual([call.from, call.fromName], ["carol@example.org", "Carol"]);
  assert.deepEqual([call.status, call.direction], ["RING", "incoming"]);
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
