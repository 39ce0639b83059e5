import assert from "node:assert/strict";
import { test } from "node:test";

import { CALL, calling, ended, loggedIn, resume, ringing, SNAPSHOT, talking } from "./scenes.mjs";
import { settle } from "./seats.mjs";

const hold = (local, remote = false) => ({ type: "call.hold", call: CALL, local, remote });
const failed = (action, status, reason) => ({ type: "call.action_failed", call: CALL, action, status, reason });
const progress = (status, reason) => ({ type: "call.transfer", call: CALL, status, reason });

/** How a promise stands: "pending", "done", or the error that it was rejected with. */
function watch(promise) {
  const state = { now: /** @type {any} */ ("pending") };
  promise.then(
    () => (state.now = "done"),
    (error) => (state.now = error),
  );
  return state;
}

/** Say ok to the last request. */
async function taken(world) {
  world.socket.ok(world.socket.last);
  await settle();
}

test("a call is held when the far side has agreed, and its events say so", async () => {
  const { world, call } = await talking();
  const words = [];
  for (const name of ["STATUS", "HOLD", "ESTABLISHED", "UNHOLD"]) call.on(name, () => words.push(name));
  const held = watch(call.hold());
  assert.deepEqual(world.socket.last, { type: "hold", id: world.socket.last.id, call: CALL, on: true });
  await taken(world);
  assert.equal(held.now, "pending");
  world.socket.tell(hold(true));
  await settle();
  assert.equal(held.now, "done");
  assert.deepEqual([call.status, call.held], ["HOLD", { local: true, remote: false }]);
  assert.ok(call.isEstablished);
  const back = watch(call.unhold());
  assert.equal(world.socket.last.on, false);
  await taken(world);
  world.socket.tell(hold(false));
  await settle();
  assert.equal(back.now, "done");
  assert.deepEqual(words, ["STATUS", "HOLD", "STATUS", "ESTABLISHED", "UNHOLD"]);
});

test("a call is held as long as either side holds it", async () => {
  const { world, call } = await talking();
  const statuses = [];
  call.on("STATUS", () => statuses.push([call.status, call.held.local, call.held.remote]));
  world.socket.tell(hold(false, true));
  world.socket.tell(hold(true, true));
  world.socket.tell(hold(true, true));
  world.socket.tell(hold(true, false));
  world.socket.tell(hold(false, false));
  assert.deepEqual(statuses, [
    ["HOLD", false, true],
    ["HOLD", true, true],
    ["HOLD", true, false],
    ["ESTABLISHED", false, false],
  ]);
});

test("a hold that the far side holds against is still waited for", async () => {
  const { world, call } = await talking();
  const held = watch(call.hold());
  await taken(world);
  world.socket.tell(hold(false, true));
  await settle();
  assert.equal(held.now, "pending");
  world.socket.tell(hold(true, true));
  await settle();
  assert.equal(held.now, "done");
});

test("a call that is held already needs no asking", async () => {
  const { world, call } = await talking();
  world.socket.tell(hold(true));
  await call.hold();
  assert.deepEqual(world.socket.of("hold"), []);
});

test("a hold that fails is rejected with the far side's words, and the call goes on", async () => {
  const { world, call } = await talking();
  const told = [];
  call.on("ACTION_FAILED", (failure) => told.push(failure));
  const held = watch(call.hold());
  await taken(world);
  world.socket.tell(failed("hold", 488, "Not Acceptable Here"));
  await settle();
  assert.deepEqual([held.now.fault, held.now.status, held.now.reason], ["refused", 488, "Not Acceptable Here"]);
  assert.deepEqual(told, [{ action: "hold", status: 488, reason: "Not Acceptable Here" }]);
  assert.equal(call.status, "ESTABLISHED");
  world.socket.tell(hold(true));
  const back = watch(call.unhold());
  await taken(world);
  world.socket.tell(failed("unhold", 500, "Server Internal Error"));
  await settle();
  assert.equal(back.now.status, 500);
});

test("a hold that the pod refuses, or of which nobody says more, is rejected", async () => {
  const { world, call } = await talking();
  const refused = watch(call.hold());
  world.socket.refuse(world.socket.last, 481, "no such call");
  await settle();
  assert.equal(refused.now.status, 481);
  const forgotten = watch(call.hold());
  await taken(world);
  for (let waited = 0; waited < 40_000; waited += 5000) {
    await world.clock.pass(5000);
    world.socket.ok(world.socket.of("ping").at(-1));
  }
  assert.equal(forgotten.now.fault, "timeout");
});

test("of one kind, one thing is under way at a time", async () => {
  const { call } = await talking();
  const held = watch(call.hold());
  await assert.rejects(call.unhold(), { status: 491 });
  assert.equal(held.now, "pending");
});

test("a call that is not answered can be neither held nor transferred", async () => {
  for (const { call } of [await calling(), await ringing()]) {
    await assert.rejects(call.hold(), /not established/);
    await assert.rejects(call.transfer("carol"), /not established/);
    await assert.rejects(call.sendDtmf("1", { method: "info" }), /not established/);
  }
});

test("what no telephone has is not sent", async () => {
  const { call } = await talking();
  for (const digits of ["", "1 2", "E", "1;2"]) await assert.rejects(call.sendDtmf(digits), /not digits/);
});

test("digits are done when the server has them", async () => {
  const { world, call } = await talking();
  const digits = watch(call.sendDtmf("1a,#", { method: "rfc4733", duration: 200, gap: 50 }));
  const { last } = world.socket;
  const wanted = { type: "dtmf", id: last.id, call: CALL, digits: "1A,#", method: "rfc4733", duration: 200, gap: 50 };
  assert.deepEqual(last, wanted);
  assert.equal(digits.now, "pending");
  await taken(world);
  assert.equal(digits.now, "done");
});

test("digits may be sent into early media", async () => {
  const { world, call } = await calling();
  void call.sendDtmf("1");
  const { last } = world.socket;
  const wanted = { type: "dtmf", id: last.id, call: CALL, digits: "1", method: "auto", duration: 100, gap: 70 };
  assert.deepEqual(last, wanted);
});

test("a digit of the far side is told", async () => {
  const { world, call } = await talking();
  const digits = [];
  call.on("DTMF", (digit, from) => digits.push([digit, from.id]));
  world.socket.tell({ type: "call.dtmf", call: CALL, digit: "5", duration: 160 });
  assert.deepEqual(digits, [[{ digit: "5", duration: 160 }, CALL]]);
});

test("what the relay has measured is told in the words of the SDK", async () => {
  const { world, call } = await talking();
  const told = [];
  call.on("RELAY_QUALITY", (quality, from) => told.push([quality, from.id]));
  const measured = { loss: 0.01, jitter: 0.004, mos: 4.1 };
  const reported = { round_trip: 0.08, reported_loss: 0.02, reported_jitter: null };
  const leg = { side: "sip", kind: "audio", ...measured, ...reported };
  world.socket.tell({ type: "call.quality", call: CALL, legs: [leg], unheard: ["browser"] });
  const inWords = { side: "sip", kind: "audio", ...measured, roundTrip: 0.08, reportedLoss: 0.02, reportedJitter: null };
  assert.deepEqual(told, [[{ legs: [inWords], unheard: ["browser"] }, CALL]]);
});

test("a transfer is done when the third party has answered", async () => {
  const { world, call } = await talking();
  const told = [];
  call.on("TRANSFER", ({ status }) => told.push(status));
  const transfer = watch(call.transfer("carol"));
  assert.equal(world.socket.last.to, "carol");
  await taken(world);
  world.socket.tell(progress(100, "Trying"));
  world.socket.tell(progress(180, "Ringing"));
  await settle();
  assert.equal(transfer.now, "pending");
  world.socket.tell(progress(200, "OK"));
  world.socket.tell(ended(200, "Transferred", "local", true));
  await settle();
  assert.equal(transfer.now, "done");
  assert.deepEqual(told, [100, 180, 200]);
});

test("a transfer that fails leaves the call as it was", async () => {
  const { world, call } = await talking();
  const busy = watch(call.transfer("carol"));
  await taken(world);
  world.socket.tell(progress(486, "Busy Here"));
  await settle();
  assert.deepEqual([busy.now.fault, busy.now.status], ["refused", 486]);
  const refused = watch(call.transfer("carol"));
  await taken(world);
  world.socket.tell(failed("transfer", 405, "Method Not Allowed"));
  await settle();
  assert.equal(refused.now.status, 405);
  assert.equal(call.status, "ESTABLISHED");
});

test("a call that ends before its transfer's result leaves that unknown", async () => {
  const { world, call } = await talking();
  const transfer = watch(call.transfer("carol"));
  await taken(world);
  world.socket.tell(ended(200, "OK", "remote", true));
  await settle();
  assert.equal(transfer.now.fault, "lost");
});

test("a call with another far side says who that is", async () => {
  const { world, call } = await talking();
  assert.deepEqual([call.peer, call.peerName], ["bob", ""]);
  const told = [];
  call.on("TRANSFERRED", (one) => told.push(one.peer));
  world.socket.tell({ type: "call.transferred", call: CALL, peer: "dave@example.org", peer_name: "Dave" });
  assert.deepEqual([told, call.peer, call.peerName, call.to], [["dave@example.org"], "dave@example.org", "Dave", "bob"]);
});

test("after a resume the call is held as the pod says, and what the pod does not show is unknown", async () => {
  const { world, call } = await talking();
  const held = watch(call.hold());
  await taken(world);
  const snapshot = { ...SNAPSHOT, state: "established", sdp: "v=0 pod answer" };
  await resume(world, [{ ...snapshot, held: { local: true, remote: false } }]);
  assert.equal(held.now, "done");
  assert.equal(call.status, "HOLD");
  const back = watch(call.unhold());
  await taken(world);
  await resume(world, [{ ...snapshot, held: { local: true, remote: false } }]);
  assert.equal(back.now.fault, "lost");
  assert.equal(call.status, "HOLD");
});

test("a message is done when it was taken, and rejected with the words of who refused it", async () => {
  const { world, session } = await loggedIn();
  const sent = watch(session.sendMessage("bob", "hello"));
  const { last } = world.socket;
  assert.deepEqual(last, { type: "message", id: last.id, message: "t-abcdefgh12345678", body: "hello", to: "bob" });
  const other = watch(session.sendMessage("carol", "hello"));
  await taken(world);
  assert.equal(sent.now, "pending");
  world.socket.tell({ type: "message.sent", message: "t-ijklmnop12345678", status: 404, reason: "Not Found" });
  world.socket.tell({ type: "message.sent", message: "t-abcdefgh12345678", status: 202, reason: "Accepted" });
  await settle();
  assert.equal(sent.now, "done");
  assert.deepEqual([other.now.fault, other.now.status, other.now.reason], ["refused", 404, "Not Found"]);
});

test("what became of a message is unknown when the socket is lost, or the session ends", async () => {
  for (const end of [({ world }) => world.socket.break(), ({ session }) => void session.logout()]) {
    const all = await loggedIn();
    const sent = watch(all.session.sendMessage("bob", "hello"));
    await taken(all.world);
    end(all);
    await settle();
    if (sent.now === "pending") await taken(all.world);
    assert.equal(sent.now.fault, "lost");
  }
});

test("a message that comes is told, with its call if it came in one", async () => {
  const { world, session, call } = await talking();
  const messages = [];
  session.on("MESSAGE", (message) => messages.push(message));
  const event = {
    type: "message", message: "t-1", from: "bob@x", from_name: "Bob", body: "hello", content_type: "text/plain",
  };
  world.socket.tell(event);
  world.socket.tell({ ...event, call: CALL });
  world.socket.tell({ ...event, call: "c-gone" });
  const told = { id: "t-1", from: "bob@x", fromName: "Bob", body: "hello", contentType: "text/plain" };
  assert.deepEqual(messages.map(({ call: _, ...rest }) => rest), [told, told, told]);
  assert.deepEqual(messages.map((message) => message.call), [null, call, null]);
});
