/** What a call sends and receives, as the page sees it: streams, mute, devices, the screen, and how good it is. */

import { Emitter } from "./events.js";

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./call_events.js").CallEvents} CallEvents */
/** @typedef {import("./media.js").Kind} Kind */
/** @typedef {import("./media.js").Media} Media */

/** @extends {Emitter<CallEvents>} */
export class CallMedia extends Emitter {
  /** @type {Media} */ #media;
  /** @type {(() => void) | null} */ #stopWatching = null;

  /** @param {Media} media */
  constructor(media) {
    super();
    this.#media = media;
    media.on("local", (stream) => this.emit("LOCAL_STREAM", stream, this.#call));
    media.on("remote", (stream) => this.emit("REMOTE_STREAM", stream, this.#call));
    media.on("state", (state) => this.emit("MEDIA_STATE", state, this.#call));
  }

  get localStream() {
    return this.#media.local;
  }

  get remoteStream() {
    return this.#media.remote;
  }

  /** Which of the local tracks are silenced. */
  get muted() {
    return this.#media.muted;
  }

  /** @param {Kind} [kind] */
  mute(kind = "audio") {
    this.#media.setMuted(kind, true);
  }

  /** @param {Kind} [kind] */
  unmute(kind = "audio") {
    this.#media.setMuted(kind, false);
  }

  /** Whether this side sends a picture, or could without asking the far side again. */
  get sendsVideo() {
    return this.#media.sends("video");
  }

  /** Whether the screen is sent instead of the camera. */
  get isSharing() {
    return this.#media.isSharing;
  }

  /**
   * Speak into another microphone. The call goes on as it was if that cannot be opened.
   * @param {string} deviceId as `listDevices` has it
   * @returns {Promise<void>} rejected with a MediaError
   */
  async useMicrophone(deviceId) {
    await this.#media.useDevice("audio", deviceId);
  }

  /**
   * Send the picture of another camera, in a call that was made or answered with video.
   * @param {string} deviceId
   * @returns {Promise<void>} rejected with a MediaError
   */
  async useCamera(deviceId) {
    await this.#media.useDevice("video", deviceId);
  }

  /**
   * Send the screen, or what of it the user picks, instead of the camera; until `stopSharing`, or until the user ends it
   * in the browser. Needs a call that was made or answered with video.
   * @returns {Promise<void>} rejected with a MediaError
   */
  async shareScreen() {
    await this.#media.shareScreen();
  }

  async stopSharing() {
    await this.#media.stopSharing();
  }

  /** Over the whole call. */
  quality() {
    return this.#media.quality();
  }

  /**
   * Tell the quality by QUALITY, each time of the span since the one before.
   * @param {number} [milliseconds]
   * @returns {() => void} ends it; the call's end does, too
   */
  watchQuality(milliseconds = 2_000) {
    this.#stopWatching?.();
    const stop = this.#media.watchQuality(milliseconds, (quality) => this.emit("QUALITY", quality, this.#call));
    this.#stopWatching = stop;
    return stop;
  }

  /** What listeners are given. */
  get #call() {
    return /** @type {Call} */ (/** @type {unknown} */ (this));
  }
}
