/**
 * One call, from its first message to its end.
 *
 * The pod says where the call stands; the call puts that into its state table, keeps the media in step, and remembers
 * what the user wanted (answer, hang up) until a pod has taken it, so that a lost socket loses no wish.
 */

import { isOver, kindOfEnd, nextState } from "./call_state.js";
import { CallUse } from "./call_use.js";
import { RequestError, textOf } from "./errors.js";

/** @typedef {import("./call_state.js").CallState} CallState */
/** @typedef {import("./call_state.js").CallInput} CallInput */
/** @typedef {import("./media.js").Media} Media */
/** @typedef {import("./media.js").MediaOptions} MediaOptions */
/** @typedef {import("./wire.js").CallEnd} CallEnd */
/** @typedef {import("./wire.js").CallEvent} CallEvent */
/** @typedef {import("./wire.js").CallSnapshot} CallSnapshot */
/** @typedef {import("./wire.js").OkReply} OkReply */
/** @typedef {import("./wire.js").Request} Request */

/** @typedef {import("./wire.js").ProgressEvent | import("./wire.js").EstablishedEvent} StateEvent */

/**
 * `private` asks the servers to withhold who calls.
 * @typedef {{ headers?: Record<string, string>, private?: boolean } & MediaOptions} CallOptions
 */
/** @typedef {{ status?: number, reason?: string }} HangupOptions */

/**
 * @typedef {object} CallParties
 * @property {string} id
 * @property {"incoming" | "outgoing"} direction
 * @property {string} from
 * @property {string} fromName
 * @property {string} to
 * @property {boolean} video
 * @property {string} [offer] the pod's, of an incoming call
 * @property {string} [asserted] who calls, as a trusted server says (RFC 3325)
 * @property {Record<string, string>} [headers] of an incoming call
 */

/** @type {Readonly<Record<string, CallInput>>} */
const INPUT_OF_EVENT = {
  "call.trying": "trying",
  "call.ringing": "ringing",
  "call.early": "early",
  "call.established": "established",
};
const NOT_ACCEPTABLE_HERE = 488; // RFC 3261 §21.4.26: what RFC 3264 has for media that cannot be agreed on

export class Call extends CallUse {
  /** @type {CallState} */ #status = "NEW";
  /** @type {CallEnd | null} */ #end = null;
  /** @type {Media} */ #media;
  /** @type {(request: Request) => Promise<OkReply>} */ #request;
  /** @type {string | undefined} */ #offer;
  /** @type {string | undefined} */ #answer;
  /** @type {HangupOptions | null} */ #hangup = null;
  #answering = false;
  #known = false;

  /**
   * @param {CallParties} parties
   * @param {Media} media
   * @param {(request: Request) => Promise<OkReply>} request
   */
  constructor(parties, media, request) {
    super(parties.id, media, request);
    this.direction = parties.direction;
    this.from = parties.from;
    this.fromName = parties.fromName;
    this.to = parties.to;
    this.video = parties.video;
    this.asserted = parties.asserted ?? "";
    this.headers = parties.headers ?? {};
    this.peer = parties.direction === "incoming" ? parties.from : parties.to;
    this.peerName = parties.fromName;
    /** What the far side said last: a SIP status and its reason. */
    this.sip = { status: 0, reason: "" };
    this.#offer = parties.offer;
    this.#media = media;
    this.#request = request;
  }

  get status() {
    return this.#status;
  }

  /** How it ended, once it has. */
  get end() {
    return this.#end;
  }

  get isOver() {
    return isOver(this.#status);
  }

  /**
   * Answered, and not over; it may be held.
   * @override
   */
  get isEstablished() {
    return this.#status === "ESTABLISHED" || this.#status === "HOLD";
  }

  /** Hung up by this side, while the pod has not yet said that the call is over. */
  get isEnding() {
    return this.#hangup !== null && !this.isOver;
  }

  /** Somebody calls, and the user has not yet answered. */
  get isWaitingForAnswer() {
    return this.direction === "incoming" && this.#status === "RING" && !this.#answering && !this.isEnding;
  }

  /**
   * Take an incoming call. When the microphone cannot be opened the promise is rejected with a MediaError and the call
   * rings on, so that the user can allow it and try again.
   * @param {MediaOptions} [options]
   * @returns {Promise<void>}
   */
  answer(options = {}) {
    if (!this.isWaitingForAnswer) return Promise.reject(new Error("this call is not waiting for an answer"));
    this.#answering = true;
    return this.#makeAnswer(options);
  }

  /**
   * End the call as it stands: give up, reject (with `status`, 603 if none is given) or hang up. The microphone is let
   * go at once; the end is told by an event.
   * @param {HangupOptions} [options]
   * @returns {Promise<void>}
   */
  async hangup(options = {}) {
    if (this.isOver || this.#hangup) return;
    this.#hangup = options;
    const isConnecting = this.#known && (this.direction === "outgoing" || this.#answer !== undefined);
    if (isConnecting) this.#media.quiet();
    else this.#media.close(); // also where the user is still being asked for devices
    if (this.#known) await this.#sendHangup();
    else this.finish({ status: 487, reason: "Request Terminated", by: "local", established: false });
  }

  /**
   * For the session: start an outgoing call.
   * @internal
   * @param {CallOptions} options
   */
  async dial({ headers, private: isPrivate, ...media }) {
    this.#put("dial");
    try {
      const sdp = await this.#media.offer(media);
      if (this.isOver || sdp === undefined) return;
      this.#known = true;
      await this.#request({ type: "call", call: this.id, to: this.to, sdp, headers, private: isPrivate });
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * For the session: the pod announced it.
   * @internal
   */
  ring() {
    this.#known = true;
    this.#put("incoming");
  }

  /**
   * For the session: a call of the page before this one. It has no media yet.
   * @internal
   * @param {CallSnapshot} snapshot
   */
  adopt({ state, held }) {
    this.#known = true;
    this.#put(this.direction === "outgoing" ? "dial" : "incoming");
    this.#progress(INPUT_OF_EVENT[`call.${state}`], undefined);
    if (held) this.holds(held);
  }

  /**
   * For the session: the pod said something of this call.
   * @internal
   * @param {CallEvent} event
   */
  handle(event) {
    if (event.type === "call.ended") {
      const { status, reason, by, established } = event;
      this.finish({ status, reason, by, established });
      return;
    }
    if (event.type === "call.answer_requested") this.emit("ANSWER_REQUESTED", this);
    else if (event.type === "call.reanchor" && this.isWaitingForAnswer) this.#offer = event.sdp;
    else if (event.type in INPUT_OF_EVENT) this.#moved(/** @type {StateEvent} */ (event));
    else this.handleUse(/** @type {import("./wire.js").UseEvent} */ (event));
  }

  /**
   * For the session: the socket was lost and found, and the pod lists its calls. The peer connection is left alone,
   * so that nobody hears anything of it.
   * @internal
   * @param {CallSnapshot | undefined} snapshot of this call, if the pod still has it
   */
  reconcile(snapshot) {
    if (this.isOver || !this.#known) return;
    if (!snapshot) {
      const by = this.#hangup ? "local" : "system";
      this.finish({ status: 481, reason: "Ended while disconnected", by, established: false });
    } else if (this.#hangup) {
      void this.#sendHangup();
    } else if (snapshot.state === "incoming") {
      if (this.#answer !== undefined) void this.#sendAnswer(this.#answer);
      else if (!this.#answering && snapshot.sdp) this.#offer = snapshot.sdp;
    } else {
      this.#progress(INPUT_OF_EVENT[`call.${snapshot.state}`], snapshot.sdp);
      if (snapshot.held) this.holds(snapshot.held);
      void (snapshot.offer ? this.reanchor(snapshot.offer) : this.regain());
    }
    this.leave({ status: 503, reason: "disconnected meanwhile" });
  }

  /**
   * For the session: over, however it came. Only the first end counts.
   * @internal
   * @param {CallEnd} end
   */
  finish(end) {
    if (this.isOver) return;
    this.#end = { ...end, established: end.established || this.isEstablished };
    this.sip = { status: end.status, reason: end.reason };
    this.#media.close();
    this.#put(kindOfEnd(this.#status, this.#end));
    this.leave({ status: end.status, reason: `the call has ended: ${end.reason}` });
  }

  /** @param {StateEvent} event */
  #moved(event) {
    if ("status" in event) this.sip = { status: event.status, reason: event.reason };
    else this.sip = { status: 200, reason: "OK" };
    this.#progress(INPUT_OF_EVENT[event.type], event.sdp);
  }

  /** @param {MediaOptions} options */
  async #makeAnswer(options) {
    let sdp;
    try {
      sdp = await this.#media.answer(this.#offer ?? "", options);
    } catch (error) {
      if (this.isOver || this.#hangup) return;
      this.#answering = false;
      if (!this.#media.described) throw error;
      this.#reject(error);
      return;
    }
    if (this.isOver || this.#hangup || sdp === undefined) return;
    this.#answer = sdp;
    await this.#sendAnswer(sdp);
  }

  /** @param {string} sdp */
  async #sendAnswer(sdp) {
    try {
      await this.#request({ type: "answer", call: this.id, sdp });
    } catch (error) {
      this.#failed(error);
    }
  }

  async #sendHangup() {
    const { status, reason } = this.#hangup ?? {};
    try {
      await this.#request({ type: "hangup", call: this.id, status, reason });
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.fault === "lost" || error.fault === "offline") return; // said again after the resume
      this.finish({ status: error.status, reason: error.reason, by: "local", established: false });
    }
  }

  /**
   * A request of this call came to nothing. If it may have arrived, or can be said again, the resume will tell.
   * @param {unknown} error
   */
  #failed(error) {
    if (this.isOver || this.#hangup) return;
    if (!(error instanceof RequestError)) {
      if (this.#known) this.#reject(error);
      else this.#failHere(error);
      return;
    }
    if (error.fault === "lost" || (error.fault === "offline" && this.#answer !== undefined)) return;
    if (error.fault === "timeout") this.#tellQuietly(error.status, error.reason);
    this.finish({ status: error.status, reason: error.reason, by: "system", established: false });
  }

  /**
   * The descriptions do not fit: tell the far side, and end.
   * @param {unknown} error
   */
  #reject(error) {
    if (this.isOver) return;
    this.#tellQuietly(NOT_ACCEPTABLE_HERE, "Not Acceptable Here");
    this.#failHere(error);
  }

  /** @param {unknown} error */
  #failHere(error) {
    this.finish({ status: NOT_ACCEPTABLE_HERE, reason: textOf(error), by: "system", established: false });
  }

  /**
   * @param {number} status
   * @param {string} reason
   */
  #tellQuietly(status, reason) {
    this.#hangup = { status, reason };
    void this.#sendHangup();
  }

  /**
   * @param {CallInput | undefined} input
   * @param {string | undefined} sdp
   */
  #progress(input, sdp) {
    const isFinal = input === "established";
    if (this.direction === "outgoing" && (sdp || isFinal)) {
      this.#media.accept(sdp, isFinal).catch((error) => this.#reject(error));
    }
    if (input) this.#put(input);
  }

  /**
   * @protected
   * @override
   * @param {boolean} isHeld
   */
  heldBySomebody(isHeld) {
    this.#put(isHeld ? "hold" : "unhold");
  }

  /** @param {CallInput} input */
  #put(input) {
    const next = nextState(this.#status, input);
    if (!next) return;
    this.#status = next;
    this.emit("STATUS", this);
    if (this.#status === next) this.emit(next, this);
  }
}
