/** What a page does with an established call: hold it, transfer it, send digits; and what it hears of that. */

import { CallMedia } from "./call_media.js";
import { RequestError } from "./errors.js";
import { legOf } from "./quality.js";
import { Waiting } from "./waiting.js";
import { readOffer } from "./wire.js";

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./media.js").Media} Media */
/** @typedef {import("./media.js").MediaOptions} MediaOptions */
/** @typedef {import("./wire.js").Held} Held */
/** @typedef {import("./wire.js").OkReply} OkReply */
/** @typedef {import("./wire.js").Request} Request */
/** @typedef {import("./wire.js").UseEvent} UseEvent */
/** @typedef {{ status: number, reason: string }} Progress */

/**
 * `duration` and `gap` are milliseconds; by `info` each digit waits for the answer to the one before.
 * @typedef {{ method?: import("./wire.js").DtmfMethod, duration?: number, gap?: number }} DtmfOptions
 */

const HOLD_SECONDS = 40; // longer than a re-INVITE without an answer (RFC 3261 §17.1.1.2: 64 × T1)
const TRANSFER_SECONDS = 240; // longer than anything rings
const DIGITS = /^[0-9*#A-D,]+$/;

/** The part of `Call` that begins when it is answered. */
export class CallUse extends CallMedia {
  /** @type {Held} */ #held = { local: false, remote: false };
  /** @type {Media} */ #media;
  /** @type {(request: Request) => Promise<OkReply>} */ #request;
  /** @type {Waiting} */ #waiting;
  #wantsHold = false;
  /** @type {string | undefined} */ #reanchoring;
  /** Who is at the other side now; a transfer may change it. */
  peer = "";
  peerName = "";

  /**
   * @param {string} id
   * @param {Media} media
   * @param {(request: Request) => Promise<OkReply>} request
   */
  constructor(id, media, request) {
    super(media);
    this.id = id;
    this.#media = media;
    this.#request = request;
    this.#waiting = new Waiting(media.platform);
    media.on("state", (state) => state === "failed" && this.regain());
  }

  /** Answered, and not over; it may be held. */
  get isEstablished() {
    return false;
  }

  /** Who holds the call: this side, the other one, both or neither. */
  get held() {
    return this.#held;
  }

  /**
   * Take the call up by another connection. After a reload it needs this to be heard again (see CALL_RESUMED); a
   * connection that fails later is seen to by the call itself, with what it sends.
   * @param {MediaOptions} [options] what to send, where nothing is sent yet
   * @returns {Promise<void>} settled when the connection is on its way; rejected with a RequestError or a MediaError
   */
  async renew(options = {}) {
    this.#mustBeEstablished();
    await this.#comeAnew(readOffer(await this.#request({ type: "renew", call: this.id })), options);
  }

  /**
   * @param {string} offer the pod's
   * @param {MediaOptions} options
   */
  async #comeAnew(offer, options) {
    const sdp = await this.#media.renew(offer, options);
    if (sdp !== undefined) await this.#request({ type: "answer", call: this.id, sdp });
  }

  /**
   * Nothing is heard any more: try once to change that. If it comes to nothing, the pod will end the call.
   * @protected
   */
  async regain() {
    if (!this.isEstablished || !this.#media.isLost || !this.#media.local) return;
    await this.#try(this.renew());
  }

  /**
   * The media comes by another relay from now on: the pod offers a connection there. What is sent goes on being sent.
   * @protected
   * @param {string} offer
   */
  async reanchor(offer) {
    if (!this.isEstablished || !this.#media.local || offer === this.#reanchoring) return;
    this.#reanchoring = offer;
    await this.#try(this.#comeAnew(offer, {}));
  }

  /** @param {Promise<void>} coming */
  async #try(coming) {
    try {
      await coming;
    } catch (error) {
      this.#reanchoring = undefined; // after a lost socket, say, the pod offers the same once more

      if (!(error instanceof RequestError)) throw error;
      this.emit("ACTION_FAILED", { action: "renew", status: error.status, reason: error.reason }, this.#call);
    }
  }

  /** @returns {Promise<void>} settled when the far side has agreed; rejected with a RequestError */
  async hold() {
    await this.#setHold(true);
  }

  /** @returns {Promise<void>} settled when the far side has agreed, which may hold the call itself */
  async unhold() {
    await this.#setHold(false);
  }

  /**
   * Send digits: in the media (RFC 4733, `rfc4733`), also into early media, by SIP INFO (`info`), or by that only where
   * the far side takes none in the media (`auto`). The server makes them; what it cannot do is told by ACTION_FAILED.
   * @param {string} digits of 0-9 * # A-D and `,`, a pause of two seconds
   * @param {DtmfOptions} [options]
   * @returns {Promise<void>} settled when the server has them
   */
  async sendDtmf(digits, { method = "auto", duration = 100, gap = 70 } = {}) {
    const checked = checkDigits(digits);
    if (method === "info") this.#mustBeEstablished();
    await this.#request({ type: "dtmf", call: this.id, digits: checked, method, duration, gap });
  }

  /**
   * Let the far side call somebody else; this call ends when that one is answered.
   * @param {string} to a SIP URI or a user of the domain
   * @returns {Promise<void>} settled when it is answered; rejected with a RequestError, and then the call goes on
   */
  async transfer(to) {
    await this.#transfer({ to });
  }

  /**
   * Connect the far sides of two calls with each other.
   * @param {Call} other
   * @returns {Promise<void>} as `transfer`
   */
  async transferTo(other) {
    await this.#transfer({ other: other.id });
  }

  /**
   * The pod said something of an established call.
   * @protected
   * @param {UseEvent} event
   */
  handleUse(event) {
    switch (event.type) {
      case "call.hold":
        this.holds(event);
        break;
      case "call.reanchor":
        void this.reanchor(event.sdp);
        break;
      case "call.action_failed": {
        const { action, status, reason } = event;
        this.#waiting.fail(action === "unhold" ? "hold" : action, new RequestError("refused", status, reason));
        this.emit("ACTION_FAILED", { action, status, reason }, this.#call);
        break;
      }
      case "call.dtmf":
        this.emit("DTMF", { digit: event.digit, duration: event.duration }, this.#call);
        break;
      case "call.quality":
        this.emit("RELAY_QUALITY", { legs: event.legs.map(legOf), unheard: event.unheard }, this.#call);
        break;
      case "call.transfer":
        this.#transferring(event);
        break;
      case "call.transferred":
        this.peer = event.peer;
        this.peerName = event.peer_name;
        this.emit("TRANSFERRED", this.#call);
        break;
    }
  }

  /**
   * The pod says who holds.
   * @protected
   * @param {Held} held
   */
  holds({ local, remote }) {
    if (local === this.#wantsHold) this.#waiting.end("hold");
    if (local === this.#held.local && remote === this.#held.remote) return;
    this.#held = { local, remote };
    this.heldBySomebody(local || remote);
    if (!local && !remote) this.emit("UNHOLD", this.#call);
  }

  /**
   * The state follows from who holds.
   * @protected
   * @param {boolean} _isHeld
   */
  heldBySomebody(_isHeld) {}

  /**
   * Nobody will say any more what became of what is under way.
   * @protected
   * @param {Progress} why
   */
  leave({ status, reason }) {
    this.#waiting.failAll(new RequestError("lost", status, reason));
  }

  /** What listeners are given. */
  get #call() {
    return /** @type {Call} */ (/** @type {unknown} */ (this));
  }

  /** @param {boolean} on */
  async #setHold(on) {
    this.#mustBeEstablished();
    await this.#waiting.ask("hold", HOLD_SECONDS * 1000, async () => {
      this.#wantsHold = on;
      if (this.#held.local === on) this.#waiting.end("hold");
      else await this.#request({ type: "hold", call: this.id, on });
    });
  }

  /** @param {{ to: string } | { other: string }} where */
  async #transfer(where) {
    this.#mustBeEstablished();
    const ask = () => this.#request({ type: "transfer", call: this.id, ...where });
    await this.#waiting.ask("transfer", TRANSFER_SECONDS * 1000, ask);
  }

  /** @param {Progress} progress of the call that the far side makes */
  #transferring({ status, reason }) {
    if (status >= 300) this.#waiting.fail("transfer", new RequestError("refused", status, reason));
    else if (status >= 200) this.#waiting.end("transfer");
    this.emit("TRANSFER", { status, reason }, this.#call);
  }

  #mustBeEstablished() {
    if (!this.isEstablished) throw new Error("this call is not established");
  }
}

/**
 * @param {string} digits
 * @returns {string} the same, if a telephone has them
 */
function checkDigits(digits) {
  const upper = digits.toUpperCase();
  if (!DIGITS.test(upper)) throw new Error(`not digits of a telephone: ${digits}`);
  return upper;
}
