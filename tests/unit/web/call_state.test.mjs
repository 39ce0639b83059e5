import assert from "node:assert/strict";
import { test } from "node:test";

import { CallStatus, isOver, kindOfEnd, nextState } from "../../../web/sdk/call_state.js";

const INPUTS = [
  "dial", "incoming", "trying", "ringing", "early", "established", "hold", "unhold", "finish", "busy", "failed",
];

/** Written out beside the table on purpose: each line is a state, each word what INPUTS leads to in turn. */
const EXPECTED = {
  NEW: "PENDING RING - - - - - - FINISH BUSY FAILED",
  PENDING: "- - TRYING RING SESSION_PROGRESS ESTABLISHED - - FINISH BUSY FAILED",
  TRYING: "- - - RING SESSION_PROGRESS ESTABLISHED - - FINISH BUSY FAILED",
  RING: "- - - - SESSION_PROGRESS ESTABLISHED - - FINISH BUSY FAILED",
  SESSION_PROGRESS: "- - - - - ESTABLISHED - - FINISH BUSY FAILED",
  ESTABLISHED: "- - - - - - HOLD - FINISH - -",
  HOLD: "- - - - - - HOLD ESTABLISHED FINISH - -",
  FINISH: "- - - - - - - - - - -",
  BUSY: "- - - - - - - - - - -",
  FAILED: "- - - - - - - - - - -",
};

test("every state takes every input as the protocol's diagram has it", () => {
  assert.deepEqual(Object.keys(EXPECTED).sort(), Object.keys(CallStatus).sort());
  for (const [state, line] of Object.entries(EXPECTED)) {
    const row = INPUTS.map((input) => nextState(state, input) ?? "-").join(" ");
    assert.equal(row, line, state);
  }
});

test("no input leads out of an end", () => {
  for (const state of Object.keys(EXPECTED)) {
    if (isOver(state)) for (const input of INPUTS) assert.equal(nextState(state, input), undefined);
  }
  assert.deepEqual(Object.keys(EXPECTED).filter(isOver), ["FINISH", "BUSY", "FAILED"]);
});

const end = (status, by, established = false) => ({ status, by, established, reason: "" });

test("the end of an established call is FINISH, whatever ended it", () => {
  assert.equal(kindOfEnd("ESTABLISHED", end(503, "system")), "finish");
  assert.equal(kindOfEnd("RING", end(200, "remote", true)), "finish");
});

test("hanging up is FINISH, also before the call was answered", () => {
  assert.equal(kindOfEnd("RING", end(487, "local")), "finish");
  assert.equal(kindOfEnd("RING", end(486, "local")), "finish");
});

test("486 and 600 are BUSY, and any other status is FAILED", () => {
  assert.equal(kindOfEnd("TRYING", end(486, "remote")), "busy");
  assert.equal(kindOfEnd("TRYING", end(600, "remote")), "busy");
  for (const status of [404, 408, 480, 487, 503, 603]) assert.equal(kindOfEnd("RING", end(status, "remote")), "failed");
});
