/**
 * The frames of docs/web-protocol.md: the only place where objects become text for the pod, and its text objects.
 */

import { ProtocolError } from "./errors.js";

export const VERSION = 1;

/** @typedef {"registering" | "registered" | "failed" | "unregistered" | "none"} RegistrationState */
/** @typedef {{ state: RegistrationState, status: number, reason: string, expires?: number }} Registration */
/** @typedef {"local" | "remote" | "system"} EndedBy */
/** @typedef {{ status: number, reason: string, by: EndedBy, established: boolean }} CallEnd */

/** @typedef {{ local: boolean, remote: boolean }} Held who holds a call */
/** @typedef {"auto" | "rfc4733" | "info"} DtmfMethod how digits are sent; by itself: in the media if that can be */
/** @typedef {"hold" | "unhold" | "dtmf" | "transfer" | "renew"} Action what a page asks of an established call */

/**
 * A live call in the reply to `resume`.
 * @typedef {object} CallSnapshot
 * @property {string} call
 * @property {"incoming" | "outgoing"} direction
 * @property {"incoming" | "trying" | "ringing" | "early" | "established"} state
 * @property {string} from
 * @property {string} from_name
 * @property {string} to
 * @property {boolean} video
 * @property {Held} [held]
 * @property {string} [sdp]
 * @property {string} [offer] of another connection, not answered yet
 */

/**
 * What to reach the relay by, and for how many seconds its credentials are good; not said: for ever.
 * @typedef {{ ice_servers: RTCIceServer[], ice_seconds?: number }} IceAdvice
 */

/**
 * The reply to `login` and `resume`; the last two are given by `resume` only.
 * @typedef {object} Welcome
 * @property {string} session
 * @property {string} resume_token
 * @property {string} aor
 * @property {string} domain
 * @property {RTCIceServer[]} ice_servers
 * @property {number} [ice_seconds]
 * @property {Registration} [registration]
 * @property {CallSnapshot[]} [calls]
 */

/** @typedef {{ type: "ok", re: string } & Record<string, unknown>} OkReply */
/** @typedef {{ type: "error", re: string | null, status: number, reason: string }} ErrorReply */
/** @typedef {{ type: "registration", seq: number } & Registration} RegistrationEvent */
/** @typedef {{ type: "bye", seq: number, reason: string }} ByeEvent */
/**
 * @typedef {object} IncomingEvent
 * @property {"call.incoming"} type
 * @property {number} seq
 * @property {string} call
 * @property {string} from
 * @property {string} from_name
 * @property {string} to
 * @property {string} sdp
 * @property {boolean} video
 * @property {string} [asserted]
 * @property {Record<string, string>} [headers]
 */
/** @typedef {{ type: "call.answer_requested", seq: number, call: string }} AnswerRequestedEvent */
/**
 * @typedef {object} ProgressEvent
 * @property {"call.trying" | "call.ringing" | "call.early"} type
 * @property {number} seq
 * @property {string} call
 * @property {number} status
 * @property {string} reason
 * @property {string} [sdp]
 */
/** @typedef {{ type: "call.established", seq: number, call: string, sdp?: string }} EstablishedEvent */
/** @typedef {{ type: "call.ended", seq: number, call: string } & CallEnd} EndedEvent */
/** @typedef {ProgressEvent | EstablishedEvent | EndedEvent} StateEvent an event that moves the call's state */
/** @typedef {{ type: "call.hold", seq: number, call: string } & Held} HoldEvent */
/**
 * @typedef {object} ActionFailedEvent
 * @property {"call.action_failed"} type
 * @property {number} seq
 * @property {string} call
 * @property {Action} action
 * @property {number} status
 * @property {string} reason
 */
/** @typedef {{ type: "call.dtmf", seq: number, call: string, digit: string, duration: number }} DtmfEvent */
/**
 * How media of one kind went between the relay and one side in the last seconds; null was not measured.
 * @typedef {object} WireLeg
 * @property {"browser" | "sip"} side
 * @property {"audio" | "video"} kind
 * @property {number | null} loss
 * @property {number | null} jitter
 * @property {number | null} round_trip
 * @property {number | null} mos
 * @property {number | null} reported_loss
 * @property {number | null} reported_jitter
 */
/** @typedef {"browser" | "sip"} Side */
/** @typedef {{ type: "call.quality", seq: number, call: string, legs: WireLeg[], unheard: Side[] }} QualityEvent */
/** @typedef {{ type: "call.transfer", seq: number, call: string, status: number, reason: string }} TransferEvent */
/** @typedef {{ type: "call.transferred", seq: number, call: string, peer: string, peer_name: string }} TransferredEvent */
/** @typedef {{ type: "call.reanchor", seq: number, call: string, sdp: string }} ReanchorEvent */
/**
 * @typedef {HoldEvent | ReanchorEvent | ActionFailedEvent | DtmfEvent | QualityEvent | TransferEvent
 *   | TransferredEvent} UseEvent
 */
/** @typedef {StateEvent | UseEvent | AnswerRequestedEvent} CallEvent */
/**
 * @typedef {object} MessageEvent
 * @property {"message"} type
 * @property {number} seq
 * @property {string} message
 * @property {string} from
 * @property {string} from_name
 * @property {string} body
 * @property {string} content_type
 * @property {string} [call]
 */
/** @typedef {{ type: "message.sent", seq: number, message: string, status: number, reason: string }} SentEvent */
/** @typedef {RegistrationEvent | ByeEvent | IncomingEvent | CallEvent | MessageEvent | SentEvent} PodEvent */
/** @typedef {OkReply | ErrorReply | PodEvent} Frame */

/** Fields and their types; a `?` marks those that may be absent. */
const REGISTRATION = { state: "string", status: "number", reason: "string", "expires?": "number" };
const PROGRESS = { call: "string", status: "number", reason: "string", "sdp?": "string" };
const END = { status: "number", reason: "string", by: "string", established: "boolean" };
const HELD = { local: "boolean", remote: "boolean" };
const OUTCOME = { status: "number", reason: "string" };
const PARTIES = { from: "string", from_name: "string", to: "string", video: "boolean" };

/** @type {Readonly<Record<string, Readonly<Record<string, string>>>>} */
const EVENTS = {
  registration: REGISTRATION,
  bye: { reason: "string" },
  "call.incoming": { call: "string", sdp: "string", ...PARTIES, "asserted?": "string", "headers?": "object" },
  "call.answer_requested": { call: "string" },
  "call.trying": PROGRESS,
  "call.ringing": PROGRESS,
  "call.early": PROGRESS,
  "call.established": { call: "string", "sdp?": "string" },
  "call.ended": { call: "string", ...END },
  "call.hold": { call: "string", ...HELD },
  "call.reanchor": { call: "string", sdp: "string" },
  "call.action_failed": { call: "string", action: "string", ...OUTCOME },
  "call.dtmf": { call: "string", digit: "string", duration: "number" },
  "call.quality": { call: "string", legs: "array", unheard: "array" },
  "call.transfer": { call: "string", ...OUTCOME },
  "call.transferred": { call: "string", peer: "string", peer_name: "string" },
  message: {
    message: "string",
    from: "string",
    from_name: "string",
    body: "string",
    content_type: "string",
    "call?": "string",
  },
  "message.sent": { message: "string", ...OUTCOME },
};
const ICE_ADVICE = { ice_servers: "array", "ice_seconds?": "number" };
const WELCOME = {
  session: "string",
  resume_token: "string",
  aor: "string",
  domain: "string",
  ...ICE_ADVICE,
  "registration?": "object",
  "calls?": "array",
};
const SNAPSHOT = {
  call: "string",
  direction: "string",
  state: "string",
  "sdp?": "string",
  "offer?": "string",
  "held?": "object",
  ...PARTIES,
};

/**
 * @param {unknown} value
 * @returns {string}
 */
function kindOf(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/**
 * @param {unknown} value
 * @param {Readonly<Record<string, string>>} fields
 * @param {string} where
 */
function check(value, fields, where) {
  if (kindOf(value) !== "object") throw new ProtocolError(`${where} is not an object`);
  const object = /** @type {Record<string, unknown>} */ (value);
  for (const [key, kind] of Object.entries(fields)) {
    const optional = key.endsWith("?");
    const name = optional ? key.slice(0, -1) : key;
    const found = kindOf(object[name]);
    const absent = found === "undefined" || found === "null";
    if (found !== kind && !(optional && absent)) throw new ProtocolError(`${where}: ${name} is ${found}, not ${kind}`);
  }
}

/**
 * Read a frame. An event of an unknown type is passed on with its `seq`, so that a newer pod may say more.
 * @param {unknown} text
 * @returns {Frame}
 */
export function decode(text) {
  if (typeof text !== "string") throw new ProtocolError("the frame is not text");
  let frame;
  try {
    frame = JSON.parse(text);
  } catch (error) {
    throw new ProtocolError(`the frame is not JSON: ${error instanceof Error ? error.message : error}`);
  }
  check(frame, { type: "string" }, "frame");
  if (frame.type === "ok") check(frame, { re: "string" }, "ok");
  else if (frame.type === "error") check(frame, { "re?": "string", status: "number", reason: "string" }, "error");
  else check(frame, { seq: "number", ...EVENTS[frame.type] }, frame.type);
  return frame;
}

/**
 * @param {OkReply} reply
 * @returns {Welcome}
 */
export function readWelcome(reply) {
  check(reply, WELCOME, "welcome");
  const welcome = /** @type {Welcome} */ (/** @type {unknown} */ (reply));
  if (welcome.registration) check(welcome.registration, REGISTRATION, "registration");
  for (const call of welcome.calls ?? []) {
    check(call, SNAPSHOT, "call");
    if (call.held) check(call.held, HELD, "held");
  }
  return welcome;
}

/**
 * @param {OkReply} reply to `ice`
 * @returns {IceAdvice}
 */
export function readIceAdvice(reply) {
  check(reply, ICE_ADVICE, "ice");
  return /** @type {IceAdvice} */ (/** @type {unknown} */ (reply));
}

/**
 * @param {OkReply} reply to `renew`
 * @returns {string} the offer
 */
export function readOffer(reply) {
  check(reply, { sdp: "string" }, "offer");
  return String(reply.sdp);
}

/**
 * A SIP account, by the names of the login form.
 * @typedef {object} SipCredentials
 * @property {string} login
 * @property {string} password
 * @property {string} [domain] empty: the server's own
 * @property {string} [authName] empty: the login
 * @property {string} [outboundProxy]
 * @property {number} [port]
 * @property {"udp" | "tcp" | "tls"} [transport]
 * @property {boolean} [register] default true
 * @property {string} [displayName]
 */
/** @typedef {SipCredentials | { jwt: string }} Credentials */
/** @typedef {{ type: string } & Record<string, unknown>} Request without its `id` */

/**
 * @param {Credentials} credentials
 * @returns {Request}
 */
export function loginRequest(credentials) {
  if ("jwt" in credentials) return { type: "login", version: VERSION, jwt: credentials.jwt };
  return {
    type: "login",
    version: VERSION,
    sip: {
      login: credentials.login,
      password: credentials.password,
      domain: credentials.domain ?? "",
      auth_name: credentials.authName || undefined,
      outbound_proxy: credentials.outboundProxy || undefined,
      port: credentials.port || undefined,
      transport: credentials.transport,
      register: credentials.register,
      display_name: credentials.displayName || undefined,
    },
  };
}

/**
 * @param {string} session
 * @param {string} token
 * @param {string} next
 * @returns {Request}
 */
export function resumeRequest(session, token, next) {
  return { type: "resume", version: VERSION, session, resume_token: token, next_token: next };
}

/**
 * @param {string} id
 * @param {Request} request
 * @returns {string} fields that are undefined are left out
 */
export function encode(id, request) {
  const { type, ...fields } = request;
  return JSON.stringify({ type, id, ...fields });
}
