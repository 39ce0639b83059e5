import assert from "node:assert/strict";
import { test } from "node:test";

import { Emitter } from "../../../web/sdk/events.js";

class Bell extends Emitter {
  ring(...args) {
    this.emit("ring", ...args);
  }
}

test("listeners are called in order with the arguments, until they are taken off", () => {
  const bell = new Bell();
  const heard = [];
  const off = bell.on("ring", (tone) => heard.push(`one ${tone}`));
  bell.on("ring", (tone) => heard.push(`two ${tone}`));
  bell.ring("a");
  off();
  bell.ring("b");
  assert.deepEqual(heard, ["one a", "two a", "two b"]);
});

test("once is once", () => {
  const bell = new Bell();
  let count = 0;
  bell.once("ring", () => count++);
  bell.ring();
  bell.ring();
  assert.equal(count, 1);
});

test("an error in a listener is reported as uncaught, and the others are called", (context) => {
  const reported = [];
  const before = globalThis.reportError;
  globalThis.reportError = (error) => reported.push(error.message);
  context.after(() => (globalThis.reportError = before));
  const bell = new Bell();
  let heard = false;
  bell.on("ring", () => { throw new Error("deaf"); });
  bell.on("ring", () => (heard = true));
  bell.ring();
  assert.ok(heard);
  assert.deepEqual(reported, ["deaf"]);
});

test("a listener that is added while an event is told hears the next one", () => {
  const bell = new Bell();
  const heard = [];
  bell.once("ring", () => bell.on("ring", (tone) => heard.push(tone)));
  bell.ring(1);
  bell.ring(2);
  assert.deepEqual(heard, [2]);
});
