/**
 * The ICE servers of a session. Credentials for TURN are good for some time: new ones are asked for when half of it is
 * over, so that a call that begins hours after the log-in has good ones.
 */

import { RequestError } from "./errors.js";

/** @typedef {import("./platform.js").Platform} Platform */
/** @typedef {import("./wire.js").IceAdvice} IceAdvice */

export class IceServers {
  /** @type {RTCIceServer[]} */ #servers = [];
  /** @type {unknown} */ #timer;
  #isWanted = false;

  /**
   * @param {Platform} platform
   * @param {() => Promise<IceAdvice>} ask rejected with a RequestError
   * @param {(error: RequestError) => void} onFault
   */
  constructor(platform, ask, onFault) {
    this.platform = platform;
    this.ask = ask;
    this.onFault = onFault;
  }

  get current() {
    return this.#servers;
  }

  /** @param {IceAdvice} advice of the pod, the newest */
  take({ ice_servers, ice_seconds }) {
    this.forget();
    this.#servers = ice_servers;
    this.#isWanted = true;
    if (ice_seconds) this.#renewAfter(ice_seconds / 2, ice_seconds / 4);
  }

  /** Ask for nothing more. */
  forget() {
    this.#isWanted = false;
    this.platform.clearTimer(this.#timer);
  }

  /**
   * @param {number} seconds
   * @param {number} again seconds until the next try, should this one fail
   */
  #renewAfter(seconds, again) {
    this.#timer = this.platform.setTimer(() => void this.#renew(again), seconds * 1000);
  }

  /** @param {number} again */
  async #renew(again) {
    try {
      const advice = await this.ask();
      if (this.#isWanted) this.take(advice);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (!this.#isWanted) return;
      this.#renewAfter(again, again);
      this.onFault(error);
    }
  }
}
