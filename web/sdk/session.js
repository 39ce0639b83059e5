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
import { IceServers } from "./ice_servers.js";
import { Media } from "./media.js";
import { platformWith } from "./platform.js";
import { ResumeToken } from "./resume_token.js";
import { STATUS_OF_REGISTRATION } from "./session_status.js";
import { Waiting } from "./waiting.js";
import { loginRequest, readIceAdvice, resumeRequest } from "./wire.js";

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

/** @typedef {import("./resume_token.js").ResumptionStore} ResumptionStore */
/** @typedef {import("./session_status.js").OwnOptions} OwnOptions */
/** @typedef {import("./session_status.js").SessionEvents} SessionEvents */
/** @typedef {import("./session_status.js").SessionState} SessionState */
/** @typedef {OwnOptions & ConnectionOptions} SessionOptions */

const BAD_TOKEN = 403;
const LOGGED_IN = "this session is logged in, or about to be";
const MESSAGE_SECONDS = 40; // longer than a MESSAGE without an answer (RFC 3261 §17.1.2.2: 64 × T1)
const BUSY_HERE = { status: 486, reason: "Busy Here" };
const UNAVAILABLE = { status: 480, reason: "Temporarily Unavailable" };

/** @extends {Emitter<SessionEvents>} */
export class Session extends Emitter {
  /** @type {SessionState} */ #status = "NEW";
  /** @type {Connection | null} */ #connection = null;
  /** @type {Welcome | null} */ #welcome = null;
  /** @type {ResumeToken} */ #token;
  /** @type {Map<string, Call>} */ #calls = new Map();
  /** @type {Waiting} */ #messages;
  /** @type {IceServers} */ #iceServers;
  /** @type {Registration} */ #registration = { state: "none", status: 0, reason: "" };

  /** @param {SessionOptions} options */
  constructor({ url, platform, store, oneCall = false, answerOnRequest = false, ...options }) {
    super();
    this.url = url;
    /** Whether callers get 486 (Busy Here) while there is a call; else a second call waits. */
    this.oneCall = oneCall;
    this.answerOnRequest = answerOnRequest;
    this.options = options;
    this.platform = platformWith(platform);
    this.#token = new ResumeToken(this.platform.newToken, store);
    this.#messages = new Waiting(this.platform);
    const ask = async () => readIceAdvice(await this.#request({ type: "ice" }));
    this.#iceServers = new IceServers(this.platform, ask, (error) => this.emit("WARN", error));
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
    const isRegistering = !("jwt" in credentials) && credentials.register !== false;
    const first = () => (this.#token.isKnown ? this.#resumption() : loginRequest(credentials));
    return this.#open(first, isRegistering ? "registering" : "none");
  }

  /**
   * Take up the session that the page before this one left in the store, in place of a log-in. What rings rings on; of
   * other calls CALL_RESUMED tells, and they are heard again once they are established and given media by `renew`.
   * @returns {Promise<void>} as `login`; rejected with 404 where nothing is kept, and with what a pod says where it no
   * longer has the session
   */
  resume() {
    if (this.#connection) return Promise.reject(new Error(LOGGED_IN));
    if (!this.#token.recall()) return Promise.reject(new RequestError("refused", 404, "no session is kept"));
    return this.#open(() => this.#resumption(), "none");
  }

  /**
   * @param {() => import("./wire.js").Request} first request of each socket
   * @param {Registration["state"]} registration
   * @returns {Promise<void>}
   */
  #open(first, registration) {
    if (this.#connection) return Promise.reject(new Error(LOGGED_IN));
    const second = (/** @type {RequestError} */ refusal) => this.#secondGreeting(refusal);
    const greeting = { first, second, isReturn: this.#token.isKnown };
    const connection = new Connection(this.url, greeting, this.platform, this.options, () => this.#calls.size > 0);
    this.#connection = connection;
    this.#welcome = null;
    this.#registration = { state: registration, status: 0, reason: "" };
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
   * Talk in this call alone: those that this side does not hold yet are held, and then this one is taken up.
   * @param {Call} call
   * @returns {Promise<void>} rejected with a RequestError if somebody does not agree
   */
  async switchTo(call) {
    const others = [...this.#calls.values()].filter((other) => other !== call && other.isEstablished && !other.held.local);
    await Promise.all(others.map((other) => other.hold()));
    if (call.held.local) await call.unhold();
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
   * Give something of the page's own to the operator's web server.
   * @param {unknown} payload anything that JSON can say
   * @returns {Promise<void>} settled when the web server has taken it; rejected with a RequestError
   */
  async sendData(payload) {
    await this.#request({ type: "data", payload });
  }

  /** @param {RequestError} refusal of the first */
  #secondGreeting(refusal) {
    return refusal.status === BAD_TOKEN && this.#token.giveUpCurrent() ? this.#resumption() : null;
  }

  #resumption() {
    const { session, current, next } = this.#token.show();
    return resumeRequest(session, current, next);
  }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    const isNewHere = this.#welcome === null;
    this.#welcome = welcome;
    this.#token.renew(welcome.session, welcome.resume_token);
    this.#iceServers.take(welcome);
    this.#register(welcome.registration ?? this.#registration);
    if (welcome.calls) this.#reconcile(welcome.calls, isNewHere);
  }

  /**
   * @param {CallSnapshot[]} snapshots
   * @param {boolean} isNewHere whether this page has never seen any of them
   */
  #reconcile(snapshots, isNewHere) {
    const known = new Map(snapshots.map((snapshot) => [snapshot.call, snapshot]));
    for (const call of [...this.#calls.values()]) {
      call.reconcile(known.get(call.id));
      known.delete(call.id);
    }
    for (const snapshot of known.values()) {
      if (snapshot.state === "incoming" && snapshot.sdp) this.#incoming({ ...snapshot, sdp: snapshot.sdp });
      else if (isNewHere && snapshot.state !== "incoming") this.#resumed(snapshot);
      else void this.#tell({ type: "hangup", call: snapshot.call }); // it ended here while the socket was away
    }
  }

  /** @param {CallSnapshot} snapshot of a call that the page before this one had */
  #resumed(snapshot) {
    const { call: id, direction, from, from_name: fromName, to, video } = snapshot;
    const call = this.#add({ id, direction, from, fromName, to, video });
    call.adopt(snapshot);
    this.emit("CALL_RESUMED", call);
  }

  /**
   * Something that is not told twice: if the pod does not take it, it will find out by itself.
   * @param {import("./wire.js").Request} request
   */
  async #tell(request) {
    try {
      await this.#request(request);
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
      case "call.answer_requested":
      case "call.trying":
      case "call.ringing":
      case "call.early":
      case "call.established":
      case "call.ended":
      case "call.hold":
      case "call.reanchor":
      case "call.action_failed":
      case "call.dtmf":
      case "call.quality":
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
    if (this.oneCall && this.#calls.size > 0) {
      return void this.#tell({ type: "hangup", call: event.call, ...BUSY_HERE });
    }
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
    if (this.answerOnRequest) {
      call.on("ANSWER_REQUESTED", () => void call.answer().catch((error) => this.emit("WARN", error)));
    }
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
    const media = new Media(this.platform, () => this.#iceServers.current);
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
    this.#token.forget();
    this.#iceServers.forget();
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
