import assert from "node:assert/strict";
import { test } from "node:test";

import { estimateMos, summarize } from "../../../web/sdk/quality.js";

const report = (...entries) => new Map(entries.map((entry) => [entry.id, entry]));

test("what was not measured is null", () => {
  assert.deepEqual(summarize(report()), {
    roundTrip: null, jitter: null, loss: null, mos: null, packetsReceived: 0, packetsSent: 0, codec: null,
  });
});

test("loss is the share of what was sent to us, over audio and video", () => {
  const quality = summarize(report(
    { id: "a", type: "inbound-rtp", kind: "audio", packetsReceived: 90, packetsLost: 10, jitter: 0.004, codecId: "c" },
    { id: "v", type: "inbound-rtp", kind: "video", packetsReceived: 100, packetsLost: 0, jitter: 0.5 },
    { id: "o", type: "outbound-rtp", kind: "audio", packetsSent: 120 },
    { id: "c", type: "codec", mimeType: "audio/opus" },
    { id: "p", type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.02 },
    { id: "q", type: "candidate-pair", nominated: false, state: "succeeded", currentRoundTripTime: 0.9 },
  ));
  const { mos, ...counted } = quality;
  assert.ok(mos !== null && mos > 3 && mos < 4, `${mos}`);
  assert.deepEqual(counted, {
    roundTrip: 0.02, jitter: 0.004, loss: 0.05, packetsReceived: 190, packetsSent: 120, codec: "audio/opus",
  });
});

test("more packets than were expected is no negative loss", () => {
  const duplicated = { id: "a", type: "inbound-rtp", kind: "audio", packetsReceived: 5, packetsLost: -2 };
  const { loss } = summarize(report(duplicated));
  assert.equal(loss, 0);
});

test("the opinion score is that of the E-model: its best without loss, falling with loss and with delay", () => {
  const best = estimateMos({ roundTrip: 0, jitter: 0, loss: 0 });
  assert.equal(best?.toFixed(2), "4.41"); // ITU-T G.107: R = 93.2
  assert.equal(estimateMos({ roundTrip: 0, jitter: 0, loss: 0.05 })?.toFixed(2), "3.92"); // R = 93.2 - 95 × 5 / 30.1 = 77.4
  assert.ok(estimateMos({ roundTrip: 0.8, jitter: 0, loss: 0 }) < 3.7);
  assert.equal(estimateMos({ roundTrip: 9, jitter: 1, loss: 1 }), 1);
});

test("nothing is estimated from what was not measured", () => {
  for (const missing of ["roundTrip", "jitter", "loss"]) {
    assert.equal(estimateMos({ roundTrip: 0, jitter: 0, loss: 0, [missing]: null }), null);
  }
});
