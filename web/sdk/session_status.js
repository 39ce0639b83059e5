/** Where a session stands, and what it tells its listeners. */

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./platform.js").Platform} Platform */
/** @typedef {import("./resume_token.js").ResumptionStore} ResumptionStore */
/** @typedef {import("./session.js").Session} Session */
/** @typedef {import("./wire.js").RegistrationState} RegistrationState */
/** @typedef {keyof typeof SessionStatus} SessionState */

/** Named as in Flashphoner's SDK, with RECONNECTING for what that one cannot do. */
export const SessionStatus = Object.freeze(
  /** @type {const} */ ({
    NEW: "NEW",
    PENDING: "PENDING",
    ESTABLISHED: "ESTABLISHED",
    REGISTERED: "REGISTERED",
    UNREGISTERED: "UNREGISTERED",
    RECONNECTING: "RECONNECTING",
    FAILED: "FAILED",
    DISCONNECTED: "DISCONNECTED",
  }),
);

/** @type {Readonly<Record<RegistrationState, "ESTABLISHED" | "REGISTERED" | "UNREGISTERED" | "FAILED">>} */
export const STATUS_OF_REGISTRATION = {
  none: "ESTABLISHED",
  registering: "ESTABLISHED",
  registered: "REGISTERED",
  unregistered: "UNREGISTERED",
  failed: "FAILED",
};

/**
 * @typedef {object} OwnOptions
 * @property {string} url
 * @property {Partial<Platform>} [platform]
 * @property {ResumptionStore} [store] where the next page finds this session: see `resume` and `storeIn`
 * @property {boolean} [oneCall] see the property
 * @property {boolean} [answerOnRequest] whether calls that ring are answered when another service asks for that
 */

/**
 * @typedef {object} Message that somebody sent; `call` is the one that it came in, if any
 * @property {string} id
 * @property {string} from
 * @property {string} fromName
 * @property {string} body
 * @property {string} contentType
 * @property {Call | null} call
 */

/**
 * `STATUS` comes with every change, just before the event that is named as the new status.
 * @typedef {object} SessionEvents
 * @property {[Session]} STATUS
 * @property {[Session]} PENDING
 * @property {[Session]} ESTABLISHED
 * @property {[Session]} REGISTERED
 * @property {[Session]} UNREGISTERED
 * @property {[Session]} RECONNECTING
 * @property {[Session]} FAILED
 * @property {[Session]} DISCONNECTED
 * @property {[Call]} INCOMING_CALL
 * @property {[Call]} CALL_RESUMED of the page before this one: `renew` it once it is established
 * @property {[Call]} CALL_ENDED
 * @property {[Message]} MESSAGE
 * @property {[Error]} WARN the pod broke the protocol, and the SDK went on
 */
