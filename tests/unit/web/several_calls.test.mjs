import assert from "node:assert/strict";
import { test } from "node:test";

import { CALL, IN, INCOMING, loggedIn, talking } from "./scenes.mjs";
import { settle } from "./seats.mjs";

/** A call that is established, and another one that was answered beside it. */
async function two() {
  const { world, session, call: first } = await talking();
  const calls = [];
  session.on("INCOMING_CALL", (call) => calls.push(call));
  world.socket.tell(INCOMING);
  const [second] = calls;
  void second.answer();
  await settle();
  world.socket.ok(world.socket.last);
  world.socket.tell({ type: "call.established", call: IN });
  await settle();
  return { world, session, first, second };
}

test("a second call waits while the first goes on", async () => {
  const { first, second, world } = await two();
  assert.deepEqual([first.status, second.status], ["ESTABLISHED", "ESTABLISHED"]);
  assert.equal(world.peers.length, 2);
});

test("to switch is to hold the others and then to take the call up", async () => {
  const { world, session, first, second } = await two();
  const away = session.switchTo(second);
  await settle();
  assert.deepEqual([world.socket.last.type, world.socket.last.call, world.socket.last.on], ["hold", CALL, true]);
  world.socket.ok(world.socket.last);
  world.socket.tell({ type: "call.hold", call: CALL, local: true, remote: false });
  await away;
  const back = session.switchTo(first);
  await settle();
  assert.deepEqual([world.socket.last.call, world.socket.last.on], [IN, true]);
  world.socket.ok(world.socket.last);
  world.socket.tell({ type: "call.hold", call: IN, local: true, remote: false });
  await settle();
  assert.deepEqual([world.socket.last.call, world.socket.last.on], [CALL, false]);
  world.socket.ok(world.socket.last);
  world.socket.tell({ type: "call.hold", call: CALL, local: false, remote: false });
  await back;
  assert.deepEqual([first.status, second.status], ["ESTABLISHED", "HOLD"]);
});

test("a call is not taken up while the other one's far side does not agree to be held", async () => {
  const { world, session, first, second } = await two();
  const away = session.switchTo(second);
  await settle();
  world.socket.ok(world.socket.last);
  world.socket.tell({ type: "call.action_failed", call: CALL, action: "hold", status: 488, reason: "Not Acceptable Here" });
  await assert.rejects(away, /488/);
  assert.equal(first.status, "ESTABLISHED");
});

test("in one-call mode a second caller is told 486, and the user nothing", async () => {
  const { world, session } = await talking();
  session.oneCall = true;
  const calls = [];
  session.on("INCOMING_CALL", (call) => calls.push(call));
  world.socket.tell(INCOMING);
  const { type, call, status, reason } = world.socket.last;
  assert.deepEqual([type, call, status, reason], ["hangup", IN, 486, "Busy Here"]);
  assert.deepEqual([calls.length, session.calls.size], [0, 1]);
});

test("in one-call mode the first caller rings", async () => {
  const { world, session } = await loggedIn();
  session.oneCall = true;
  const calls = [];
  session.on("INCOMING_CALL", (call) => calls.push(call));
  world.socket.tell(INCOMING);
  assert.equal(calls.length, 1);
});

/** Alice's session, at which Carol's call rings; another service asks that it be answered. */
async function asked(answerOnRequest) {
  const { world, session } = await loggedIn();
  session.answerOnRequest = answerOnRequest;
  const words = [];
  session.on("INCOMING_CALL", (call) => call.on("ANSWER_REQUESTED", (of) => words.push(of === call)));
  world.socket.tell(INCOMING);
  world.socket.tell({ type: "call.answer_requested", call: IN });
  await settle();
  return { world, session, words };
}

test("a call is answered when another service asks for that, if the page was made to", async () => {
  const { world, words } = await asked(true);
  assert.deepEqual([world.socket.last.type, world.socket.last.call], ["answer", IN]);
  assert.deepEqual(words, [true]);
});

test("a page that was not made to is told, and rings on", async () => {
  const { world, session, words } = await asked(false);
  assert.notEqual(world.socket.last.type, "answer");
  assert.deepEqual(words, [true]);
  assert.equal(session.calls.get(IN).status, "RING");
});

test("a call that is being answered is not answered again", async () => {
  const { world, session } = await asked(true);
  const warnings = [];
  session.on("WARN", (error) => warnings.push(error.message));
  const answer = world.socket.last;
  world.socket.tell({ type: "call.answer_requested", call: IN });
  await settle();
  assert.equal(world.socket.last, answer);
  assert.deepEqual(warnings, ["this call is not waiting for an answer"]);
});
