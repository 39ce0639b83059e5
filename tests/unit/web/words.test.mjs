import assert from "node:assert/strict";
import { test } from "node:test";

import { callDetail, clock, partyName, qualityText, sessionDetail } from "../../../web/phone/words.js";

test("a clock reads as on a telephone", () => {
  assert.deepEqual([0, 65_900, 3_600_000].map(clock), ["0:00", "1:05", "1:00:00"]);
});

test("an end is told with its status, its reason and who ended it", () => {
  const end = { status: 603, reason: "Decline", by: "remote", established: false };
  assert.equal(callDetail({ end }), "603 Decline, ended by the other side");
});

test("only what was measured is told of the quality", () => {
  const quality = { roundTrip: null, jitter: 0.0042, loss: null, codec: "audio/opus" };
  assert.equal(qualityText(quality), "opus · jitter\u00a04\u00a0ms");
});

test("a caller is called by name if there is one", () => {
  assert.equal(partyName({ peer: "sip:carol@example.org", peerName: "Carol" }), "Carol");
  assert.equal(partyName({ peer: "sip:carol@example.org", peerName: "" }), "carol@example.org");
});

test("a call on hold says who holds", () => {
  const held = (local, remote) => callDetail({ status: "HOLD", held: { local, remote } });
  assert.deepEqual([held(true, false), held(false, true)], ["you hold", "the other side holds"]);
  assert.equal(held(true, true), "both sides hold");
});

test("a session that failed says what the server said", () => {
  assert.equal(sessionDetail({ status: "FAILED", cause: { status: 403, reason: "Forbidden" } }), "403 Forbidden");
  assert.equal(sessionDetail(null), "");
});
