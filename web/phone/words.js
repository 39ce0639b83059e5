/** Statuses in words that a person can act on. Pure text, no page. */

/** @typedef {import("../sdk/call.js").Call} Call */
/** @typedef {import("../sdk/quality.js").Quality} Quality */
/** @typedef {import("../sdk/session.js").Session} Session */

const NO_BREAK = "\u00a0";
const ENDED_BY = { local: "ended by you", remote: "ended by the other side", system: "ended by the system" };

/**
 * @param {Session | null} session
 * @returns {string} what to say beside the status
 */
export function sessionDetail(session) {
  if (!session) return "";
  const { status, reason } = session.cause;
  switch (session.status) {
    case "PENDING":
      return "logging in";
    case "ESTABLISHED":
      return session.registration.state === "registering" ? `${session.aor}, registering` : session.aor;
    case "REGISTERED":
      return session.aor;
    case "RECONNECTING":
      return "connection lost, calls go on";
    default:
      return status ? `${status} ${reason}` : reason;
  }
}

/**
 * @param {Call | null} call
 * @returns {string}
 */
export function callDetail(call) {
  if (!call) return "";
  if (call.end) return `${call.end.status} ${call.end.reason}, ${ENDED_BY[call.end.by]}`;
  if (call.isEnding) return "hanging up";
  switch (call.status) {
    case "PENDING":
      return call.localStream ? "calling" : "waiting for your microphone";
    case "TRYING":
      return "the call is on its way";
    case "RING":
      if (call.direction === "outgoing") return "it rings there";
      return call.isWaitingForAnswer ? "" : "answering";
    case "SESSION_PROGRESS":
      return call.sip.reason || "early media";
    case "HOLD":
      if (call.held.local) return call.held.remote ? "both sides hold" : "you hold";
      return "the other side holds";
    default:
      return "";
  }
}

/**
 * @param {Call} call
 * @returns {string} how a person would call the other side
 */
export function partyName(call) {
  return call.peerName || call.peer.replace(/^sips?:/, "");
}

/**
 * @param {number} milliseconds
 * @returns {string} as on a telephone: 1:05, 1:02:03
 */
export function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, index) => (index ? String(part).padStart(2, "0") : String(part))).join(":");
}

/**
 * @param {Quality} quality
 * @returns {string} only what was measured
 */
export function qualityText({ roundTrip, jitter, loss, codec }) {
  const facts = [
    codec?.replace(/^audio\//, ""),
    roundTrip === null ? null : `round trip ${Math.round(roundTrip * 1000)} ms`,
    jitter === null ? null : `jitter ${Math.round(jitter * 1000)} ms`,
    loss === null ? null : `loss ${(loss * 100).toFixed(1)} %`,
  ];
  const measured = facts.filter((fact) => fact !== null && fact !== undefined);
  return measured.map((fact) => fact.replaceAll(" ", NO_BREAK)).join(" · ");
}
