/** How good a call is, from what the browser counts. What was not measured is null, never zero. */

/**
 * @typedef {object} Quality
 * @property {number | null} roundTrip seconds, browser to pod and back
 * @property {number | null} jitter seconds, of what is received
 * @property {number | null} loss share of the packets that did not arrive, 0 to 1
 * @property {number | null} mos what a listener would say, 1 (bad) to 4.4; estimated from the three above
 * @property {number} packetsReceived
 * @property {number} packetsSent
 * @property {string | null} codec of the audio that is received
 */

/**
 * How media of one kind went between the relay and one side in the last seconds. Null was not measured.
 * @typedef {object} LegQuality
 * @property {"browser" | "sip"} side this page's, or the far side's
 * @property {"audio" | "video"} kind
 * @property {number | null} loss share of what the side sent that did not come, 0 to 1
 * @property {number | null} jitter seconds
 * @property {number | null} roundTrip seconds, from the relay to the side and back
 * @property {number | null} mos as above, of the side's audio
 * @property {number | null} reportedLoss what the side says of what it gets
 * @property {number | null} reportedJitter
 */
/**
 * @typedef {object} RelayQuality
 * @property {LegQuality[]} legs
 * @property {("browser" | "sip")[]} unheard who should send audio and is not heard: one side, one-way audio; both, silence
 */

/** @typedef {{ forEach: (visit: (entry: any) => void) => void }} Report an RTCStatsReport */

const BEST_R = 93.2; // ITU-T G.107 §7.1: every default, no delay, no loss
const LOSS_ROBUSTNESS = 25.1; // ITU-T G.113 Table I.2: G.711 with concealment, and the nearest known for the others
const WORST = 95; // ITU-T G.107 §7.5
const LONG_DELAY = 177.3; // ms; beyond it talking gets hard, in the usual approximation of G.107 §7.4

/**
 * @param {Report} report
 * @param {Report | null} [before] an earlier one: the loss is then that of the time between
 * @returns {Quality}
 */
export function summarize(report, before = null) {
  const entries = entriesOf(report);
  const earlier = before ? receivedOf(entriesOf(before)) : { received: 0, lost: 0 };
  const now = receivedOf(entries);
  const sent = entries.filter(({ type }) => type === "outbound-rtp");
  const pair = entries.find((entry) => entry.type === "candidate-pair" && entry.nominated && entry.state !== "failed");
  const audio = entries.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio");
  const lost = Math.max(0, now.lost - earlier.lost); // RFC 3550 §6.4.1: duplicates can make it negative
  const expected = now.received - earlier.received + lost;
  const measured = {
    roundTrip: pair?.currentRoundTripTime ?? null,
    jitter: audio?.jitter ?? null,
    loss: expected > 0 ? lost / expected : null,
  };
  return {
    ...measured,
    mos: estimateMos(measured),
    packetsReceived: now.received,
    packetsSent: total(sent, "packetsSent"),
    codec: entries.find(({ id }) => id !== undefined && id === audio?.codecId)?.mimeType ?? null,
  };
}

/**
 * The E-model (ITU-T G.107) with its defaults: what delay and loss leave of the best, as a mean opinion score.
 * @param {Pick<Quality, "roundTrip" | "jitter" | "loss">} measured
 * @returns {number | null}
 */
export function estimateMos({ roundTrip, jitter, loss }) {
  if (roundTrip === null || jitter === null || loss === null) return null;
  const delay = 1000 * (roundTrip / 2 + 2 * jitter); // one way, and a jitter buffer of twice the jitter
  const byDelay = 0.024 * delay + (delay > LONG_DELAY ? 0.11 * (delay - LONG_DELAY) : 0);
  const percent = 100 * loss;
  const byLoss = (WORST * percent) / (percent + LOSS_ROBUSTNESS);
  const r = Math.max(0, BEST_R - byDelay - byLoss);
  return Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6); // G.107 Annex B
}

/** @param {Report} report */
function entriesOf(report) {
  /** @type {any[]} */
  const entries = [];
  report.forEach((entry) => entries.push(entry));
  return entries;
}

/** @param {any[]} entries */
function receivedOf(entries) {
  const received = entries.filter(({ type }) => type === "inbound-rtp");
  return { received: total(received, "packetsReceived"), lost: total(received, "packetsLost") };
}

/**
 * @param {any[]} entries
 * @param {string} field
 * @returns {number}
 */
function total(entries, field) {
  return entries.reduce((sum, entry) => sum + (entry[field] ?? 0), 0);
}

/**
 * @param {import("./wire.js").WireLeg} leg
 * @returns {LegQuality}
 */
export function legOf({ side, kind, loss, jitter, mos, ...rest }) {
  const { round_trip: roundTrip, reported_loss: reportedLoss, reported_jitter: reportedJitter } = rest;
  return { side, kind, loss, jitter, roundTrip, mos, reportedLoss, reportedJitter };
}
