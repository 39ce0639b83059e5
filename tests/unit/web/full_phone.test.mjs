// The parts of the full phone that need no page: which call is on the stage, what is kept, and how things are called.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Answered } from "../../../web/phone/full/answered.js";
import { keep } from "../../../web/phone/full/keep.js";
import { Lines } from "../../../web/phone/full/lines.js";
import { callWords, gradeOf, setHome, shortAddress, whenWords } from "../../../web/phone/full/status.js";

const call = (direction = "incoming", now = {}) => ({ direction, isOver: false, isWaitingForAnswer: false, ...now });

/** As much of a Storage as the page uses. */
function memory() {
  const texts = new Map();
  return { getItem: (key) => texts.get(key) ?? null, setItem: (key, text) => texts.set(key, text) };
}

/** A call in the state that `lines.ended` finds it in. */
function end(lines, ended) {
  ended.isOver = true;
  return lines.ended(ended);
}

test("the first call takes the stage, one that comes in meanwhile waits, one that is made takes it", () => {
  const lines = new Lines();
  const [first, waiting, made] = [call(), call(), call("outgoing")];
  lines.add(first);
  lines.add(waiting);
  assert.equal(lines.current, first);
  assert.deepEqual(lines.others, [waiting]);
  lines.add(made);
  assert.equal(lines.current, made);
  assert.deepEqual(lines.others, [first, waiting]);
});

test("when the call on the stage ends, one that rings comes forward, or else the oldest", () => {
  const lines = new Lines();
  const [held, talking, ringing] = [call(), call("outgoing"), call("incoming", { isWaitingForAnswer: true })];
  for (const one of [held, talking, ringing]) lines.add(one);
  assert.equal(end(lines, talking), false);
  assert.equal(lines.current, ringing);
  assert.equal(end(lines, ringing), false);
  assert.equal(lines.current, held);
});

test("the last call stays until it is left, or until the next one comes", () => {
  const lines = new Lines();
  const last = call();
  lines.add(last);
  lines.leave();
  assert.equal(lines.current, last);
  assert.equal(end(lines, last), true);
  assert.equal(lines.current, last);
  const next = call();
  lines.add(next);
  assert.equal(lines.current, next);
  assert.equal(end(lines, next), true);
  lines.leave();
  assert.equal(lines.current, null);
});

test("a call beside the stage that ends changes nothing on it", () => {
  const lines = new Lines();
  const [talking, waiting] = [call(), call()];
  lines.add(talking);
  lines.add(waiting);
  assert.equal(end(lines, waiting), false);
  assert.equal(lines.current, talking);
  assert.deepEqual(lines.others, []);
});

test("a call lasts from its first answer, also after a reload, until it is over", () => {
  const storage = memory();
  const answered = new Answered(storage);
  assert.equal(answered.since({ id: "c" }), undefined);
  answered.begin({ id: "c" }, 5);
  answered.begin({ id: "d" }, 7);
  const reloaded = new Answered(storage);
  reloaded.begin({ id: "c" }, 9);
  assert.equal(reloaded.since({ id: "c" }), 5);
  reloaded.forget({ id: "c" });
  assert.equal(reloaded.since({ id: "c" }), undefined);
  assert.equal(reloaded.since({ id: "d" }), 7);
});

test("what is kept is read again, and what is of another kind is forgotten", () => {
  const storage = memory();
  const kept = keep(storage, "calls", []);
  assert.deepEqual(kept.read(), []);
  kept.write([1, 2]);
  assert.deepEqual(keep(storage, "calls", []).read(), [1, 2]);
  for (const foreign of ["{}", "null", "7", "not JSON"]) {
    storage.setItem("calls", foreign);
    assert.deepEqual(kept.read(), [], foreign);
  }
});

test("who hung up is enough of a call that went well; of another one its status is told", () => {
  const over = (status, by, state, reason = "") => callWords({ status: state, end: { status, reason, by, established: true } });
  assert.equal(over(200, "remote", "FINISH"), "Call ended by the other side");
  assert.equal(over(200, "local", "FINISH"), "Call ended");
  assert.equal(over(486, "remote", "BUSY", "Busy Here"), "Busy · 486 Busy Here, ended by the other side");
  assert.equal(over(404, "remote", "FAILED", "Not Found"), "No connection · 404 Not Found, ended by the other side");
  assert.equal(over(408, "system", "FINISH", "Media Lost"), "Call ended · 408 Media Lost, ended by the system");
});

test("a quality that was not measured has no bars", () => {
  assert.deepEqual(gradeOf(null), { bars: 0, word: "Quality not measured" });
  assert.deepEqual([4.4, 3.8, 3.2, 1].map((mos) => gradeOf(mos).bars), [4, 3, 2, 1]);
});

test("an address is written as a person would, users of this domain by their names", () => {
  setHome("cordboard.test");
  assert.equal(shortAddress("sip:bob@cordboard.test"), "bob");
  assert.equal(shortAddress("<sips:bob@cordboard.test;transport=tls>"), "bob");
  assert.equal(shortAddress("sip:bob@elsewhere.test:5070"), "bob@elsewhere.test:5070");
  setHome("");
  assert.equal(shortAddress("sip:bob@cordboard.test"), "bob@cordboard.test");
});

test("a time is that of today, or the day", () => {
  const now = new Date(2026, 4, 9, 12, 0);
  assert.match(whenWords(new Date(2026, 4, 9, 8, 5).getTime(), now), /8:05/);
  assert.match(whenWords(new Date(2026, 4, 8, 8, 5).getTime(), now), /8/);
  assert.doesNotMatch(whenWords(new Date(2026, 4, 8, 8, 5).getTime(), now), /:/);
});
