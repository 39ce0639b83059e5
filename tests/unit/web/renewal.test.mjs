import assert from "node:assert/strict";
import { test } from "node:test";

import { RequestError } from "../../../web/sdk/index.js";
import { CALL, ended, resume, ringing, SNAPSHOT, talking } from "./scenes.mjs";
import { FakeStream, FakeTrack, settle } from "./seats.mjs";

const OFFER = "v=0\r\nm=audio 9 RTP\r\n";

/** The pod gives an offer for another connection, and takes its answer. */
async function renewed(world) {
  assert.equal(world.socket.last.type, "renew");
  world.socket.ok(world.socket.last, { sdp: OFFER });
  await settle();
  const answer = world.socket.last;
  assert.deepEqual([answer.type, answer.sdp], ["answer", "v=0 page answer"]);
  world.socket.ok(answer);
  await settle();
}

const REANCHOR = { type: "call.reanchor", call: CALL, sdp: OFFER };

/** The pod offers a connection to another relay, and takes the answer. */
async function reanchored(world) {
  world.socket.tell(REANCHOR);
  await settle();
  const answer = world.socket.last;
  assert.deepEqual([answer.type, answer.sdp], ["answer", "v=0 page answer"]);
  world.socket.ok(answer);
  await settle();
}

function move(peer, state) {
  peer.connectionState = state;
  peer.onconnectionstatechange();
}

test("a connection that fails is followed by another one, which sends what that one sent", async () => {
  const { world, call } = await talking();
  const [first] = world.peers;
  move(first, "failed");
  await settle();
  await renewed(world);
  assert.equal(world.peers.length, 2);
  assert.equal(world.opened.length, 1); // the user is not asked again
  assert.deepEqual(world.peer.tracks, first.tracks);
  assert.deepEqual(world.peer.descriptions, [`remote offer ${OFFER}`, "local answer v=0 page answer"]);
  assert.equal(first.closed, false);
  move(world.peer, "connected");
  assert.equal(first.closed, true);
  assert.equal(call.status, "ESTABLISHED");
});

test("what the former connection says meanwhile is nobody's business", async () => {
  const { world, call } = await talking();
  const [first] = world.peers;
  const states = [];
  call.on("MEDIA_STATE", (state) => states.push(state));
  move(first, "failed");
  await settle();
  await renewed(world);
  assert.equal(first.onconnectionstatechange, null);
  move(world.peer, "connected");
  assert.deepEqual(states, ["failed", "connected"]);
});

test("a connection that works is heard until the other one is there", async () => {
  const { world, call } = await talking();
  const heard = [];
  call.on("REMOTE_STREAM", (stream) => heard.push(stream));
  move(world.peer, "connected");
  const renewing = call.renew();
  await settle();
  world.socket.ok(world.socket.last, { sdp: OFFER });
  await settle();
  world.peer.ontrack({ track: new FakeTrack("audio") });
  assert.equal(heard.length, 0);
  move(world.peer, "connected");
  assert.equal(heard.length, 1);
  world.socket.ok(world.socket.last);
  await renewing;
});

test("a connection that works is left only when media comes by the other one, or none does for some time", async () => {
  for (const passed of [0, 2_000]) {
    const { world, call } = await talking();
    const heard = [];
    call.on("REMOTE_STREAM", (stream) => heard.push(stream));
    const [first] = world.peers;
    move(first, "connected");
    await reanchored(world);
    const track = Object.assign(new FakeTrack("audio"), { muted: true });
    world.peer.ontrack({ track });
    move(world.peer, "connected");
    await settle();
    assert.deepEqual([heard.length, first.closed], [0, false]);
    if (passed) await world.clock.pass(passed);
    else track.onunmute();
    assert.deepEqual([heard.length, first.closed], [1, true]);
  }
});

test("an offer of another relay is answered by another connection, which sends what is sent, and is taken once", async () => {
  const { world, call } = await talking();
  const [first] = world.peers;
  call.mute();
  await reanchored(world);
  assert.equal(world.peers.length, 2);
  assert.equal(world.opened.length, 1); // the user is not asked again
  assert.deepEqual(world.peer.tracks, first.tracks);
  assert.equal(world.peer.tracks[0].enabled, false);
  world.socket.tell(REANCHOR);
  await settle();
  assert.equal(world.peers.length, 2);
});

test("an offer that was missed while the socket was away comes with the resume", async () => {
  const { world } = await talking();
  await resume(world, [{ ...SNAPSHOT, state: "established", offer: OFFER }]);
  const answer = world.socket.last;
  assert.deepEqual([answer.type, answer.sdp], ["answer", "v=0 page answer"]);
  assert.equal(world.socket.of("renew").length, 0);
});

test("an answer that was lost with the socket is given again", async () => {
  const { world } = await talking();
  world.socket.tell(REANCHOR);
  await settle();
  assert.equal(world.socket.last.type, "answer");
  await resume(world, [{ ...SNAPSHOT, state: "established", offer: OFFER }]);
  assert.deepEqual([world.socket.last.type, world.peers.length], ["answer", 3]);
});

test("a pod that does not take the answer is believed, and the page hears of it", async () => {
  const { world, call } = await talking();
  const failures = [];
  call.on("ACTION_FAILED", (failure) => failures.push(failure));
  world.socket.tell(REANCHOR);
  await settle();
  world.socket.refuse(world.socket.last, 481, "Gone");
  await settle();
  assert.deepEqual(failures, [{ action: "renew", status: 481, reason: "Gone" }]);
});

test("a call that rings here is answered by the newest offer", async () => {
  const { world, call } = await ringing();
  const other = "v=0\r\nm=audio 9 RTP other\r\n";
  world.socket.tell({ ...REANCHOR, call: call.id, sdp: other });
  void call.answer();
  await settle();
  assert.equal(world.peer.descriptions[0], `remote offer ${other}`);
});

test("an answer that was for the former connection is not given to the new one", async () => {
  const { world } = await talking();
  move(world.peer, "failed");
  await settle();
  await renewed(world);
  await resume(world, [{ ...SNAPSHOT, state: "established", sdp: "v=0 pod answer" }]);
  assert.equal(world.peer.descriptions.length, 2);
});

test("a connection that fails while the socket is away is seen to when that is back", async () => {
  const { world } = await talking();
  world.socket.break();
  move(world.peer, "failed");
  await settle();
  assert.equal(world.peers.length, 1);
  await world.clock.pass(250);
  world.socket.accept();
  const registration = { state: "registered", status: 200, reason: "OK" };
  const calls = [{ ...SNAPSHOT, state: "established" }];
  world.socket.ok(world.socket.last, { session: "s", resume_token: "t", aor: "a", domain: "d", ice_servers: [], registration, calls });
  await settle();
  await renewed(world);
});

test("a pod that has no other connection to offer is not asked again, and the page hears of it", async () => {
  const { world, call } = await talking();
  const failures = [];
  call.on("ACTION_FAILED", (failure) => failures.push(failure));
  move(world.peer, "failed");
  await settle();
  world.socket.refuse(world.socket.last, 481, "Gone");
  await settle();
  assert.deepEqual(failures, [{ action: "renew", status: 481, reason: "Gone" }]);
  assert.equal(world.socket.of("renew").length, 1);
});

test("a reply without an offer is refused as what it is", async () => {
  const { world, call } = await talking();
  const renewing = call.renew();
  await settle();
  world.socket.ok(world.socket.last);
  await assert.rejects(renewing, /offer: sdp is undefined/);
});

test("a call that ends while it renews lets go of both connections", async () => {
  const { world, call } = await talking();
  move(world.peer, "connected");
  const renewing = call.renew();
  await settle();
  world.socket.ok(world.socket.last, { sdp: OFFER });
  await settle();
  world.socket.tell(ended(200, "Normal Call Clearing", "remote", true));
  await settle();
  assert.deepEqual(world.peers.map(({ closed }) => closed), [true, true]);
  world.socket.refuse(world.socket.last, 404, "No Such Call");
  await assert.rejects(renewing, (error) => error instanceof RequestError);
});

test("a call that is not established cannot come anew", async () => {
  const { call, world } = await talking();
  world.socket.tell(ended(200, "OK", "remote", true));
  await assert.rejects(call.renew(), /not established/);
});
