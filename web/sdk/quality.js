/** How good a call is, from what the browser counts. What was not measured is null, never zero. */

/**
 * @typedef {object} Quality
 * @property {number | null} roundTrip seconds, browser to pod and back
 * @property {number | null} jitter seconds, of what is received
 * @property {number | null} loss share of the packets that did not arrive, 0 to 1
 * @property {number} packetsReceived
 * @property {number} packetsSent
 * @property {string | null} codec of the audio that is received
 */

/**
 * @param {{ forEach: (visit: (entry: any) => void) => void }} report an RTCStatsReport
 * @returns {Quality}
 */
export function summarize(report) {
  /** @type {any[]} */
  const entries = [];
  report.forEach((entry) => entries.push(entry));
  const received = entries.filter(({ type }) => type === "inbound-rtp");
  const sent = entries.filter(({ type }) => type === "outbound-rtp");
  const pair = entries.find((entry) => entry.type === "candidate-pair" && entry.nominated && entry.state !== "failed");
  const audio = received.find(({ kind }) => kind === "audio");
  const packetsReceived = total(received, "packetsReceived");
  const packetsLost = Math.max(0, total(received, "packetsLost")); // RFC 3550 §6.4.1: duplicates can make it negative
  const expected = packetsReceived + packetsLost;
  return {
    roundTrip: pair?.currentRoundTripTime ?? null,
    jitter: audio?.jitter ?? null,
    loss: expected > 0 ? packetsLost / expected : null,
    packetsReceived,
    packetsSent: total(sent, "packetsSent"),
    codec: entries.find(({ id }) => id !== undefined && id === audio?.codecId)?.mimeType ?? null,
  };
}

/**
 * @param {any[]} entries
 * @param {string} field
 * @returns {number}
 */
function total(entries, field) {
  return entries.reduce((sum, entry) => sum + (entry[field] ?? 0), 0);
}
