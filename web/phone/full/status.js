/** What a call, a session, an end, an address and a quality are called on this page. Text alone. */

import { callDetail } from "../words.js";

/** @typedef {import("../../sdk/index.js").Call} Call */
/** @typedef {import("../../sdk/index.js").Session} Session */

/**
 * @param {Session | null} session
 * @returns {string}
 */
export function sessionWords(session) {
  if (!session) return "Logged out";
  const { status, reason } = session.cause;
  switch (session.status) {
    case "NEW":
      return "Logged out";
    case "PENDING":
      return "Logging in";
    case "REGISTERED":
      return "Ready";
    case "ESTABLISHED":
      return session.registration.state === "registering" ? "Registering" : "Ready to call";
    case "RECONNECTING":
      return "Reconnecting, calls go on";
    case "UNREGISTERED":
      return "Not registered";
    default:
      return [session.status === "FAILED" ? "Failed:" : "Logged out:", status || "", reason].filter(Boolean).join(" ");
  }
}

/**
 * @param {Call} call
 * @returns {string}
 */
export function callWords(call) {
  if (call.end) return endWords(call, call.end);
  if (call.isEnding) return "Hanging up";
  switch (call.status) {
    case "PENDING":
      return call.localStream ? "Calling" : "Waiting for your microphone";
    case "TRYING":
      return "Calling";
    case "RING":
      if (call.direction === "outgoing") return "Ringing";
      if (!call.isWaitingForAnswer) return "Answering";
      return call.video ? "Incoming video call" : "Incoming call";
    case "SESSION_PROGRESS":
      return "Not answered yet";
    case "HOLD":
      if (!call.held.local) return "On hold by the other side";
      return call.held.remote ? "On hold by both sides" : "On hold";
    default:
      return "In call";
  }
}

/**
 * Who hung up is enough to say of a call that went well; why it did not is said in the words of whoever ended it.
 * @param {Call} call
 * @param {import("../../sdk/index.js").CallEnd} end
 */
function endWords(call, { status, by }) {
  if (status === 200) return by === "remote" ? "Call ended by the other side" : "Call ended";
  const isBusy = call.status === "BUSY";
  const word = isBusy ? "Busy" : call.status === "FAILED" && by !== "local" ? "No connection" : "Call ended";
  return `${word} · ${callDetail(call)}`;
}

/**
 * @param {number | null} mos
 * @returns {{ bars: number, word: string }} of four; none if it was not measured
 */
export function gradeOf(mos) {
  if (mos === null) return { bars: 0, word: "Quality not measured" };
  if (mos >= 4) return { bars: 4, word: "Good" };
  if (mos >= 3.6) return { bars: 3, word: "Fair" };
  return mos >= 3.1 ? { bars: 2, word: "Weak" } : { bars: 1, word: "Bad" };
}

let home = "";

/** @param {string} domain whose users are called by their names alone */
export function setHome(domain) {
  home = domain;
}

/**
 * @param {string} address
 * @returns {string} as a person would write it
 */
export function shortAddress(address) {
  const bare = address.replace(/^<?sips?:/, "").replace(/[;>].*$/, "");
  return home && bare.endsWith(`@${home}`) ? bare.slice(0, -home.length - 1) : bare;
}

/**
 * @param {number} at
 * @param {Date} now
 * @returns {string} the time of today, or the day
 */
export function whenWords(at, now) {
  const date = new Date(at);
  const isToday = date.toDateString() === now.toDateString();
  /** @type {Intl.DateTimeFormatOptions} */
  const options = isToday ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(undefined, options).format(date);
}
