import assert from "node:assert/strict";
import { test } from "node:test";

import { calling, ended, IN, INCOMING, loggedIn, resume, ringing, SNAPSHOT, talking } from "./scenes.mjs";
import { settle, WELCOME } from "./seats.mjs";

test("a lost socket does not touch an established call, and each resume shows the newest token", async () => {
  const { world, session, call, words } = await talking();
  const { peer } = world;
  const statuses = [];
  session.on("STATUS", () => statuses.push(session.status));
  const snapshot = { ...SNAPSHOT, state: "established", sdp: "v=0 pod answer" };
  const first = await resume(world, [snapshot]);
  const second = await resume(world, [snapshot]);
  assert.equal(first.type, "resume");
  assert.equal(first.session, WELCOME.session);
  assert.deepEqual([first.resume_token, first.next_token], ["token-1", "next-1"]);
  assert.deepEqual([second.resume_token, second.next_token], ["next-1", "next-2"]);
  assert.deepEqual(statuses, ["RECONNECTING", "REGISTERED", "RECONNECTING", "REGISTERED"]);
  assert.equal(world.peer, peer);
  assert.ok(!peer.closed);
  assert.equal(call.status, "ESTABLISHED");
  assert.deepEqual(words, ["PENDING", "ESTABLISHED"]);
});

/** The next socket, with the resume that is its first request. */
async function comeBack(world) {
  world.socket.break();
  await world.clock.pass(5000);
  world.socket.accept();
  return world.socket.last;
}

const shown = ({ resume_token, next_token }) => [resume_token, next_token];

test("a session outlives the loss of a resume's reply, and of the next one's", async () => {
  const { world, session } = await loggedIn();
  assert.deepEqual(shown(await comeBack(world)), ["token-1", "next-1"]); // carried out; nobody hears of it
  const again = await comeBack(world);
  assert.deepEqual(shown(again), ["token-1", "next-1"]);
  world.socket.refuse(again, 403, "Resume Token Is Not Valid");
  assert.deepEqual(shown(world.socket.last), ["next-1", "next-2"]); // carried out too
  const third = await comeBack(world);
  assert.deepEqual(shown(third), ["next-1", "next-2"]);
  world.socket.refuse(third, 403, "Resume Token Is Not Valid");
  assert.deepEqual(shown(world.socket.last), ["next-2", "next-3"]);
  world.socket.ok(world.socket.last, { ...WELCOME, resume_token: "next-3", calls: [] });
  assert.equal(session.isConnected, true);
});

test("a resume that never arrived is said again with the same tokens", async () => {
  const { world, session } = await loggedIn();
  await comeBack(world);
  const again = await comeBack(world);
  assert.deepEqual(shown(again), ["token-1", "next-1"]);
  world.socket.ok(again, { ...WELCOME, resume_token: "next-1", calls: [] });
  assert.equal(session.isConnected, true);
});

test("a token that was stolen and used is the session's end", async () => {
  const { world, session } = await loggedIn();
  const request = await comeBack(world);
  world.socket.refuse(request, 403, "Resume Token Is Not Valid");
  assert.equal(session.status, "FAILED");
  assert.equal(world.socket.of("resume").length, 1);
});

test("a session of which neither token is good is over", async () => {
  const { world, session } = await loggedIn();
  await comeBack(world);
  await comeBack(world);
  for (let tries = 0; tries < 2; tries++) world.socket.refuse(world.socket.last, 403, "Resume Token Is Not Valid");
  assert.equal(session.status, "FAILED");
  assert.equal(world.socket.of("resume").length, 2);
});

test("what happened while the socket was away is caught up with", async () => {
  const { world, call, words } = await calling();
  await resume(world, [{ ...SNAPSHOT, state: "established", sdp: "v=0 pod answer" }]);
  assert.equal(call.status, "ESTABLISHED");
  assert.equal(world.peer.remoteDescription.sdp, "v=0 pod answer");
  assert.deepEqual(words, ["PENDING", "ESTABLISHED"]);
});

test("a call that comes back early has a provisional answer, and the final one later", async () => {
  const { world } = await calling();
  await resume(world, [{ ...SNAPSHOT, state: "early", sdp: "v=0 one" }]);
  await resume(world, [{ ...SNAPSHOT, state: "early", sdp: "v=0 two" }]);
  await resume(world, [{ ...SNAPSHOT, state: "established", sdp: "v=0 two" }]);
  const [, ...answers] = world.peer.descriptions;
  assert.deepEqual(answers, ["remote pranswer v=0 one", "remote pranswer v=0 two", "remote answer v=0 two"]);
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
