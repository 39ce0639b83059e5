/**
 * The way to the pods: one socket at a time, requests and their replies, events in order, and coming back after a loss.
 *
 * A session outlives its sockets. After the first welcome a lost socket is replaced, at whatever pod answers, with a
 * growing and randomly spread delay, until a pod says that the session is gone or nobody has answered for too long.
 */

import { ProtocolError, RequestError, textOf } from "./errors.js";
import { Emitter } from "./events.js";
import { decode, encode, readWelcome } from "./wire.js";

/** @typedef {import("./platform.js").Platform} Platform */
/** @typedef {import("./platform.js").Socket} Socket */
/** @typedef {import("./wire.js").Request} Request */
/** @typedef {import("./wire.js").OkReply} OkReply */
/** @typedef {import("./wire.js").PodEvent} PodEvent */
/** @typedef {import("./wire.js").Welcome} Welcome */

/**
 * IDLE → OPENING (the socket) → GREETING (login or resume is sent) → READY.
 * A loss leads to WAITING and back to OPENING; CLOSED is the end.
 * @typedef {"IDLE" | "OPENING" | "GREETING" | "READY" | "WAITING" | "CLOSED"} ConnectionState
 */

/** @typedef {{ status: number, reason: string }} Cause */
/** @typedef {{ onOk: (reply: OkReply) => void, onError: (error: RequestError) => void, timer: unknown }} Pending */

/**
 * @typedef {object} ConnectionEvents
 * @property {[Welcome]} welcome login or resume was accepted
 * @property {[PodEvent]} event
 * @property {[Cause]} lost the socket is gone, and another one will be opened
 * @property {[Cause]} closed for good
 * @property {[Error]} fault the pod broke the protocol; the frame was left out
 */

/**
 * The first request of each socket, and what else to try, if anything, when the pod refuses it. Where `isReturn` is true
 * the pods have the session already, so that a pod that does not answer is no reason to give up.
 * @typedef {object} Greeting
 * @property {() => Request} first
 * @property {(refusal: RequestError) => Request | null} [second]
 * @property {boolean} [isReturn]
 */

/**
 * @typedef {object} ConnectionOptions
 * @property {number} [requestTimeout] milliseconds until a request without a reply has failed
 * @property {number} [resumeFor] milliseconds for which a lost session is asked for; the pods keep one for 30 s
 * @property {number} [pingInterval] milliseconds between checks that the socket is alive
 * @property {number} [callPingInterval] the same in a call, and within how many each has to be answered there: a host that
 *   vanishes closes no socket, and the call waits for the page to come back and take new media
 */

const NORMAL_CLOSURE = 1000; // RFC 6455 §7.4.1
const COMING_BACK = 4000; // of the private range: this side leaves the socket, not the session
const FIRST_DELAY = 250;
const LONGEST_DELAY = 5_000;
/** Refusals that mean "not now, not here": another pod, or the same one later, may well accept. */
const RETRY_STATUS = new Set([408, 429, 480, 500, 503, 504]);

/** @extends {Emitter<ConnectionEvents>} */
export class Connection extends Emitter {
  /** @type {ConnectionState} */ #state = "IDLE";
  /** @type {Socket | null} */ #socket = null;
  /** @type {Map<string, Pending>} */ #pending = new Map();
  /** @type {PodEvent[]} */ #held = [];
  /** @type {Map<string, unknown>} */ #timers = new Map();
  #welcomed = false;
  #nextId = 1;
  #seq = 0;
  #attempt = 0;

  /**
   * @param {string} url
   * @param {Greeting} greeting
   * @param {Platform} platform
   * @param {ConnectionOptions} [options]
   * @param {() => boolean} [hasCalls]
   */
  constructor(url, greeting, platform, options = {}, hasCalls = () => false) {
    const { requestTimeout = 10_000, resumeFor = 30_000, pingInterval = 15_000, callPingInterval = 5_000 } = options;
    super();
    this.url = url;
    this.greeting = greeting;
    this.platform = platform;
    this.requestTimeout = requestTimeout;
    this.resumeFor = resumeFor;
    this.pingInterval = pingInterval;
    this.callPingInterval = Math.min(callPingInterval, pingInterval);
    this.hasCalls = hasCalls;
    this.#welcomed = greeting.isReturn ?? false;
  }

  get state() {
    return this.#state;
  }

  open() {
    if (this.#state !== "IDLE") throw new Error("a connection is opened once");
    if (this.#welcomed) this.#expectReturn("the page was reloaded");
    this.#openSocket();
  }

  /**
   * @param {Request} request
   * @returns {Promise<OkReply>} rejected with a RequestError
   */
  request(request) {
    return new Promise((resolve, reject) => {
      if (this.#state !== "READY") reject(new RequestError("offline", 503, "not connected"));
      else this.#send(request, resolve, reject);
    });
  }

  /** @param {Cause} cause */
  close(cause) {
    if (this.#state === "CLOSED") return;
    this.#state = "CLOSED";
    for (const name of [...this.#timers.keys()]) this.#disarm(name);
    this.#dropSocket(NORMAL_CLOSURE, cause.reason);
    this.emit("closed", cause);
  }

  #openSocket() {
    this.#state = "OPENING";
    /** @type {Socket} */
    let socket;
    try {
      socket = this.platform.openSocket(this.url);
    } catch (error) {
      this.close({ status: 400, reason: textOf(error) }); // an address that is none, or ws: in a page from https:
      return;
    }
    this.#socket = socket;
    this.#arm("open", this.#patience, () => this.#lose(`no answer from ${this.url}`));
    socket.onopen = () => this.#ifCurrent(socket, () => this.#greet());
    socket.onmessage = ({ data }) => this.#ifCurrent(socket, () => this.#receive(data));
    socket.onclose = ({ code, reason }) => this.#ifCurrent(socket, () => this.#lose(reason || this.#sayClosed(code)));
  }

  /**
   * A socket that was given up may still speak; nobody listens.
   * @param {Socket} socket
   * @param {() => void} run
   */
  #ifCurrent(socket, run) {
    if (this.#socket === socket) run();
  }

  /** @param {number} code */
  #sayClosed(code) {
    return this.#state === "OPENING" ? `cannot reach ${this.url}` : `the socket was closed (${code})`;
  }

  #greet() {
    this.#disarm("open");
    this.#state = "GREETING";
    this.#seq = 0;
    this.#held = [];
    this.#sendGreeting(this.greeting.first());
  }

  /** @param {Request} request */
  #sendGreeting(request) {
    this.#send(
      request,
      (reply) => this.#welcome(reply),
      (error) => this.#greetingFailed(error),
    );
  }

  /** @param {OkReply} reply */
  #welcome(reply) {
    const welcome = readWelcome(reply);
    this.#state = "READY";
    this.#welcomed = true;
    this.#attempt = 0;
    this.#disarm("resume");
    this.#pingIn(this.pingInterval);
    this.emit("welcome", welcome);
    const held = this.#held;
    this.#held = [];
    for (const event of held) this.#deliver(event);
  }

  /** @param {RequestError} error */
  #greetingFailed(error) {
    if (error.fault === "lost") return; // whoever lost the socket goes on from there
    const { status, reason } = error;
    const second = error.fault === "refused" ? this.greeting.second?.(error) : null;
    if (second) this.#sendGreeting(second);
    else if (this.#welcomed && (error.fault === "timeout" || RETRY_STATUS.has(status))) this.#lose(reason);
    else this.close({ status, reason });
  }

  /**
   * @param {Request} request
   * @param {(reply: OkReply) => void} onOk
   * @param {(error: RequestError) => void} onError
   * @param {number} [within] milliseconds
   */
  #send(request, onOk, onError, within = this.requestTimeout) {
    const id = String(this.#nextId++);
    const timer = this.platform.setTimer(() => {
      this.#pending.delete(id);
      onError(new RequestError("timeout", 408, `no reply to ${request.type}`));
    }, within);
    this.#pending.set(id, { onOk, onError, timer });
    this.#socket?.send(encode(id, request));
  }

  /** @param {unknown} data */
  #receive(data) {
    try {
      const frame = decode(data);
      if (frame.type === "ok" || frame.type === "error") this.#settle(frame);
      else this.#take(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.emit("fault", error);
      if (this.#state === "GREETING") this.close({ status: 502, reason: error.message });
    }
  }

  /** @param {OkReply | import("./wire.js").ErrorReply} reply */
  #settle(reply) {
    const pending = reply.re === null ? undefined : this.#pending.get(reply.re);
    if (!pending) throw new ProtocolError(`a reply to nothing: ${JSON.stringify(reply)}`);
    this.#pending.delete(/** @type {string} */ (reply.re));
    this.platform.clearTimer(pending.timer);
    if (reply.type === "ok") pending.onOk(reply);
    else pending.onError(new RequestError("refused", reply.status, reply.reason));
  }

  /**
   * A gap means that an event was missed; only a resume can tell what.
   * @param {PodEvent} event
   */
  #take(event) {
    this.#seq += 1;
    if (event.seq !== this.#seq) this.#lose(`event ${event.seq} where ${this.#seq} was due`);
    else if (this.#state === "GREETING") this.#held.push(event);
    else this.#deliver(event);
  }

  /** @param {PodEvent} event */
  #deliver(event) {
    if (this.#state !== "READY") return; // an earlier held event ended the connection
    this.emit("event", event);
    if (event.type !== "bye") return;
    if (event.reason === "draining") this.#lose(event.reason);
    else this.close({ status: 410, reason: event.reason });
  }

  /** @param {string} reason */
  #lose(reason) {
    const cause = { status: 503, reason };
    const first = this.#state === "READY";
    if (!this.#welcomed) {
      this.close(cause);
      return;
    }
    this.#state = "WAITING";
    this.#disarm("ping");
    this.#disarm("open");
    this.#dropSocket(COMING_BACK, reason);
    if (first) this.#expectReturn(reason);
    const delay = this.platform.random() * Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#attempt++);
    this.#arm("retry", delay, () => this.#openSocket());
    if (first) this.emit("lost", cause);
  }

  /** @param {string} reason why there is no connection */
  #expectReturn(reason) {
    this.#arm("resume", this.resumeFor, () => this.close({ status: 408, reason: `lost: ${reason}` }));
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #dropSocket(code, reason) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(code);
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { onError, timer } of pending) {
      this.platform.clearTimer(timer);
      onError(new RequestError("lost", 503, reason));
    }
  }

  /**
   * A dead network closes no socket; a ping without an answer does. Whether there are calls is looked at meanwhile.
   * @param {number} left milliseconds, where there is no call
   */
  #pingIn(left) {
    this.#arm("ping", Math.min(left, this.callPingInterval), () => {
      if (left <= this.callPingInterval || this.hasCalls()) this.#ping();
      else this.#pingIn(left - this.callPingInterval);
    });
  }

  #ping() {
    this.#send(
      { type: "ping" },
      () => this.#pingIn(this.pingInterval),
      (error) => error.fault === "timeout" && this.#lose("the pod no longer answers"),
      this.#patience,
    );
  }

  /** Milliseconds for a pod to show that it is there. */
  get #patience() {
    return this.hasCalls() ? Math.min(this.callPingInterval, this.requestTimeout) : this.requestTimeout;
  }

  /**
   * @param {string} name
   * @param {number} milliseconds
   * @param {() => void} run
   */
  #arm(name, milliseconds, run) {
    this.#disarm(name);
    const timer = this.platform.setTimer(() => {
      this.#timers.delete(name);
      run();
    }, milliseconds);
    this.#timers.set(name, timer);
  }

  /** @param {string} name */
  #disarm(name) {
    this.platform.clearTimer(this.#timers.get(name));
    this.#timers.delete(name);
  }
}
