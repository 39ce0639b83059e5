/**
 * A login: who the user is, whether the SIP server knows it, and the calls.
 *
 * It survives its sockets: the pods keep it for half a minute, and `Connection` comes back with the token of the last
 * reply. Only its own end (log-out, refusal, nobody there for too long) ends the calls.
 */

import { Call } from "./call.js";
import { Connection } from "./connection.js";
import { RequestError } from "./errors.js";
import { Emitter } from "./events.js";
import { Media } from "./media.js";
import { platformWith } from "./platform.js";
import { ResumeToken } from "./resume_token.js";
import { Waiting } from "./waiting.js";
import { loginRequest, resumeRequest } from "./wire.js";

/** @typedef {import("./call.js").CallOptions} CallOptions */
/** @typedef {import("./connection.js").Cause} Cause */
/** @typedef {import("./connection.js").ConnectionOptions} ConnectionOptions */
/** @typedef {import("./platform.js").Platform} Platform */
/** @typedef {import("./wire.js").CallSnapshot} CallSnapshot */
/** @typedef {import("./wire.js").Credentials} Credentials */
/** @typedef {import("./wire.js").IncomingEvent} IncomingEvent */
/** @typedef {import("./wire.js").PodEvent} PodEvent */
/** @typedef {import("./wire.js").Registration} Registration */
/** @typedef {import("./wire.js").Welcome} Welcome */

/** @typedef {keyof typeof SessionStatus} SessionState */
/** @typedef {{ url: string, platform?: Partial<Platform> } & ConnectionOptions} SessionOptions */

/**
 * @typedef {object} Message that somebody sent; `call` is the one that it came in, if any
 * @property {string} id
 * @property {string} from
 * @property {string} fromName
 * @property {string} body
 * @property {string} contentType
 * @property {Call | null} call
 */

const BAD_TOKEN = 403;
const MESSAGE_SECONDS = 40; // longer than a MESSAGE without an answer (RFC 3261 §17.1.2.2: 64 × T1)
const UNAVAILABLE = { status: 480, reason: "Temporarily Unavailable" };

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

/** @type {Readonly<Record<Registration["state"], "ESTABLISHED" | "REGISTERED" | "UNREGISTERED" | "FAILED">>} */
const STATUS_OF_REGISTRATION = {
  none: "ESTABLISHED",
  registering: "ESTABLISHED",
  registered: "REGISTERED",
  unregistered: "UNREGISTERED",
  failed: "FAILED",
};

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
 * @property {[Call]} CALL_ENDED
 * @property {[Message]} MESSAGE
 * @property {[Error]} WARN the pod broke the protocol, and the SDK went on
 */

/** @extends {Emitter<SessionEvents>} */
export class Session extends Emitter {
  /** @type {SessionState} */ #status = "NEW";
  /** @type {Connection | null} */ #connection = null;
  /** @type {Welcome | null} */ #welcome = null;
  /** @type {ResumeToken | null} */ #token = null;
  /** @type {Map<string, Call>} */ #calls = new Map();
  /** @type {Waiting} */ #messages;
  /** @type {Registration} */ #registration = { state: "none", status: 0, reason: "" };

  /** @param {SessionOptions} options */
  constructor({ url, platform, ...options }) {
    super();
    this.url = url;
    this.options = options;
    this.platform = platformWith(platform);
    this.#messages = new Waiting(this.platform);
    /** Why the status is what it is, in the words of whoever decided it. */
    this.cause = { status: 0, reason: "" };
  }

  get status() {
    return this.#status;
  }

  get registration() {
    return this.#registration;
  }

  /** Live calls by id. @returns {ReadonlyMap<string, Call>} */
  get calls() {
    return this.#calls;
  }

  /** The address of record, once logged in. */
  get aor() {
    return this.#welcome?.aor ?? "";
  }

  get domain() {
    return this.#welcome?.domain ?? "";
  }

  /** Whether requests can be sent now. */
  get isConnected() {
    return this.#connection?.state === "READY";
  }

  /**
   * @param {Credentials} credentials
   * @returns {Promise<void>} settled when the pod has decided; the registration follows by events
   */
  login(credentials) {
    if (this.#connection) return Promise.reject(new Error("this session is logged in, or about to be"));
    const greeting = { first: () => this.#greeting(credentials), second: this.#secondGreeting.bind(this) };
    const connection = new Connection(this.url, greeting, this.platform, this.options);
    this.#connection = connection;
    this.#welcome = null;
    const registers = !("jwt" in credentials) && credentials.register !== false;
    this.#registration = { state: registers ? "registering" : "none", status: 0, reason: "" };
    connection.on("welcome", (welcome) => this.#welcomed(welcome));
    connection.on("event", (event) => this.#handle(event));
    connection.on("lost", (cause) => this.#lost(cause));
    connection.on("closed", (cause) => this.#closed(cause));
    connection.on("fault", (error) => this.emit("WARN", error));
    this.#set("PENDING");
    return new Promise((resolve, reject) => {
      connection.once("welcome", () => resolve());
      connection.once("closed", ({ status, reason }) => reject(new RequestError("refused", status, reason)));
      connection.open();
    });
  }

  /** End the session and its calls. Who rings is told that nobody is there (480, RFC 3261 §21.4.18), not declined. */
  async logout() {
    const connection = this.#connection;
    if (!connection) return;
    for (const call of this.#calls.values()) if (call.isWaitingForAnswer) void call.hangup(UNAVAILABLE);
    try {
      await connection.request({ type: "logout" });
    } catch (error) {
      if (!(error instanceof RequestError)) throw error; // else gone already, which was the wish
    }
    connection.close({ status: 200, reason: "logged out" });
  }

  /**
   * Start a call. It is returned at once, before anything of it has happened, so that no event can be missed.
   * @param {string} to a SIP URI or a user of the domain
   * @param {CallOptions} [options]
   * @returns {Call}
   */
  call(to, options = {}) {
    const call = this.#add({
      id: this.platform.newCallId(),
      direction: "outgoing",
      from: this.aor,
      fromName: "",
      to,
      video: Boolean(options.video || options.stream?.getVideoTracks().length),
    });
    queueMicrotask(() => void call.dial(options));
    return call;
  }

  /**
   * Send an instant message.
   * @param {string | Call} to a SIP URI, a user of the domain, or a call to send it in
   * @param {string} body
   * @param {{ contentType?: string }} [options] `text/plain` in UTF-8 if nothing else is said
   * @returns {Promise<void>} settled when the far side, or its server, has taken it; rejected with a RequestError
   */
  sendMessage(to, body, { contentType } = {}) {
    const message = this.platform.newMessageId();
    const whereto = to instanceof Call ? { call: to.id } : { to };
    const request = { type: "message", message, body, ...whereto, content_type: contentType };
    return this.#messages.ask(message, MESSAGE_SECONDS * 1000, () => this.#request(request));
  }

  /**
   * @param {Credentials} credentials
   * @returns {import("./wire.js").Request}
   */
  #greeting(credentials) {
    return this.#resumption() ?? loginRequest(credentials);
  }

  /** @param {RequestError} refusal of the first */
  #secondGreeting(refusal) {
    return refusal.status === BAD_TOKEN && this.#token?.giveUpCurrent() ? this.#resumption() : null;
  }

  #resumption() {
    if (!this.#welcome || !this.#token) return null;
    const { current, next } = this.#token.show();
    return resumeRequest(this.#welcome.session, current, next);
  }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    this.#welcome = welcome;
    this.#token = new ResumeToken(welcome.resume_token, this.platform.newToken);
    this.#register(welcome.registration ?? this.#registration);
    if (welcome.calls) this.#reconcile(welcome.calls);
  }

  /** @param {CallSnapshot[]} snapshots */
  #reconcile(snapshots) {
    const known = new Map(snapshots.map((snapshot) => [snapshot.call, snapshot]));
    for (const call of [...this.#calls.values()]) {
      call.reconcile(known.get(call.id));
      known.delete(call.id);
    }
    for (const snapshot of known.values()) {
      if (snapshot.state === "incoming" && snapshot.sdp) this.#incoming({ ...snapshot, sdp: snapshot.sdp });
      else void this.#hangUpStray(snapshot.call);
    }
  }

  /**
   * A call that ended here while the socket was away has no media any more: end it there, too.
   * @param {string} call
   */
  async #hangUpStray(call) {
    try {
      await this.#connection?.request({ type: "hangup", call });
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.emit("WARN", error);
    }
  }

  /** @param {PodEvent} event */
  #handle(event) {
    switch (event.type) {
      case "registration":
        this.#register({ state: event.state, status: event.status, reason: event.reason, expires: event.expires });
        break;
      case "call.incoming":
        if (!this.#calls.has(event.call)) this.#incoming(event);
        break;
      case "call.trying":
      case "call.ringing":
      case "call.early":
      case "call.established":
      case "call.ended":
      case "call.hold":
      case "call.action_failed":
      case "call.dtmf":
      case "call.transfer":
      case "call.transferred":
        this.#calls.get(event.call)?.handle(event);
        break;
      case "message":
        this.#received(event);
        break;
      case "message.sent":
        this.#sent(event);
        break;
      default: // `bye` is the connection's matter; anything else is newer than this SDK
        break;
    }
  }

  /** @param {Omit<IncomingEvent, "type" | "seq">} event */
  #incoming(event) {
    const call = this.#add({
      id: event.call,
      direction: "incoming",
      from: event.from,
      fromName: event.from_name,
      to: event.to,
      video: event.video,
      offer: event.sdp,
      asserted: event.asserted,
      headers: event.headers,
    });
    call.ring();
    this.emit("INCOMING_CALL", call);
  }

  /** @param {import("./wire.js").MessageEvent} event */
  #received({ message: id, from, from_name: fromName, body, content_type: contentType, call }) {
    this.emit("MESSAGE", { id, from, fromName, body, contentType, call: this.#calls.get(call ?? "") ?? null });
  }

  /** @param {import("./wire.js").SentEvent} event */
  #sent({ message, status, reason }) {
    if (status < 300) this.#messages.end(message);
    else this.#messages.fail(message, new RequestError("refused", status, reason));
  }

  /**
   * @param {import("./call.js").CallParties} parties
   * @returns {Call}
   */
  #add(parties) {
    const media = new Media(this.platform, this.#welcome?.ice_servers ?? []);
    const call = new Call(parties, media, (request) => this.#request(request));
    this.#calls.set(call.id, call);
    call.on("STATUS", () => {
      if (!call.isOver || this.#calls.get(call.id) !== call) return;
      this.#calls.delete(call.id);
      this.emit("CALL_ENDED", call);
    });
    return call;
  }

  /** @param {import("./wire.js").Request} request */
  #request(request) {
    return this.#connection?.request(request) ?? Promise.reject(new RequestError("offline", 503, "not logged in"));
  }

  /** @param {Registration} registration */
  #register(registration) {
    this.#registration = registration;
    this.#set(STATUS_OF_REGISTRATION[registration.state], registration);
  }

  /** @param {Cause} cause */
  #lost(cause) {
    this.#messages.failAll(new RequestError("lost", cause.status, cause.reason)); // a resume tells nothing of them
    this.#set("RECONNECTING", cause);
  }

  /**
   * For good. The status says whether anybody wanted that.
   * @param {Cause} cause
   */
  #closed(cause) {
    const wanted = cause.status === 200 || (cause.status === 410 && this.#welcome !== null);
    this.#connection = null;
    this.#registration = { state: "none", status: 0, reason: "" };
    const { status, reason } = cause.status === 200 ? { status: 487, reason: "logged out" } : cause;
    const by = cause.status === 200 ? "local" : "system";
    for (const call of [...this.#calls.values()]) call.finish({ status, reason, by, established: false });
    this.#messages.failAll(new RequestError("lost", status, reason));
    this.#set(wanted ? "DISCONNECTED" : "FAILED", cause);
  }

  /**
   * @param {Exclude<SessionState, "NEW">} status
   * @param {Cause} [cause]
   */
  #set(status, { status: code, reason } = { status: 0, reason: "" }) {
    if (this.#status === status && this.cause.status === code && this.cause.reason === reason) return;
    this.#status = status;
    this.cause = { status: code, reason };
    this.emit("STATUS", this);
    if (this.#status === status) this.emit(status, this);
  }
}
