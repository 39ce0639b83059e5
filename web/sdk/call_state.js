/**
 * The states of a call (docs/web-protocol.md, "States of a call"), named as in Flashphoner's SDK.
 *
 * Pure: what an input does in a state, and nothing else. `Call` puts the inputs in and acts on the outcome.
 */

/** @typedef {import("./wire.js").CallEnd} CallEnd */
/**
 * @typedef {"NEW" | "PENDING" | "TRYING" | "RING" | "SESSION_PROGRESS" | "ESTABLISHED" | "HOLD" | "FINISH" | "BUSY"
 *   | "FAILED"} CallState
 */
/**
 * @typedef {"dial" | "incoming" | "trying" | "ringing" | "early" | "established" | "hold" | "unhold" | "finish"
 *   | "busy" | "failed"} CallInput
 */

/** `HOLD` is an established call that this side holds, or the other one, or both. */
export const CallStatus = Object.freeze(
  /** @type {const} */ ({
    NEW: "NEW",
    PENDING: "PENDING",
    TRYING: "TRYING",
    RING: "RING",
    SESSION_PROGRESS: "SESSION_PROGRESS",
    ESTABLISHED: "ESTABLISHED",
    HOLD: "HOLD",
    FINISH: "FINISH",
    BUSY: "BUSY",
    FAILED: "FAILED",
  }),
);

/** @typedef {Exclude<CallState, "NEW">} LaterState a state that a call can come to */

/** @type {Readonly<Partial<Record<CallInput, LaterState>>>} */
const ENDS = { finish: "FINISH", busy: "BUSY", failed: "FAILED" };

/**
 * What is not here changes nothing: a repeated 180 of a forked INVITE, a 100 that comes late, anything after the end.
 * A 180 after early media is left out too: a page that played its own ringing tone then would drown what is heard.
 * @type {Readonly<Record<CallState, Readonly<Partial<Record<CallInput, LaterState>>>>>}
 */
const TABLE = {
  NEW: { dial: "PENDING", incoming: "RING", ...ENDS },
  PENDING: { trying: "TRYING", ringing: "RING", early: "SESSION_PROGRESS", established: "ESTABLISHED", ...ENDS },
  TRYING: { ringing: "RING", early: "SESSION_PROGRESS", established: "ESTABLISHED", ...ENDS },
  RING: { early: "SESSION_PROGRESS", established: "ESTABLISHED", ...ENDS },
  SESSION_PROGRESS: { established: "ESTABLISHED", ...ENDS },
  ESTABLISHED: { hold: "HOLD", finish: "FINISH" },
  HOLD: { hold: "HOLD", unhold: "ESTABLISHED", finish: "FINISH" },
  FINISH: {},
  BUSY: {},
  FAILED: {},
};

/**
 * @param {CallState} state
 * @param {CallInput} input
 * @returns {LaterState | undefined} the next state, or nothing where the input does not change it
 */
export function nextState(state, input) {
  return TABLE[state][input];
}

/**
 * @param {CallState} state
 * @returns {boolean}
 */
export function isOver(state) {
  return state === "FINISH" || state === "BUSY" || state === "FAILED";
}

/**
 * Which kind of end it was; RFC 3261 §21.4.24 (486) and §21.6.1 (600) are busy.
 * @param {CallState} state
 * @param {CallEnd} end
 * @returns {"finish" | "busy" | "failed"}
 */
export function kindOfEnd(state, end) {
  if (end.established || state === "ESTABLISHED" || state === "HOLD" || end.by === "local") return "finish";
  return end.status === 486 || end.status === 600 ? "busy" : "failed";
}
