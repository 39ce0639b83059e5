/**
 * The media of one call: one RTCPeerConnection, one offer and its answer, no candidates sent.
 *
 * An answer may be provisional (early media), with others to follow (RFC 8829 §4.1.8). Firefox knows none such: there
 * each is taken as final, and the next one as the answer to the same offer made again, of which the pod hears nothing.
 *
 * The pod's description has all of its candidates, and it learns the browser's from its connectivity checks, so a local
 * description is sent as soon as it is made.
 */

import { MediaError } from "./errors.js";
import { Emitter } from "./events.js";
import { acceptProvisionally, offers, openPeer } from "./peer.js";
import { summarize } from "./quality.js";
import { Sources, stop } from "./sources.js";

/** @typedef {import("./platform.js").Platform} Platform */
/** @typedef {import("./quality.js").Quality} Quality */

/**
 * @typedef {object} MediaOptions
 * @property {boolean | MediaTrackConstraints} [audio] default true
 * @property {boolean | MediaTrackConstraints} [video] default false
 * @property {MediaStream} [stream] the caller's own; it is used instead of the devices, and never stopped
 */

/**
 * @typedef {object} MediaEvents
 * @property {[MediaStream]} local
 * @property {[MediaStream]} remote
 * @property {[RTCPeerConnectionState]} state
 * @property {[]} closed
 */

/** @typedef {"audio" | "video"} Kind */
const KINDS = /** @type {const} */ (["audio", "video"]);

/** @extends {Emitter<MediaEvents>} */
export class Media extends Emitter {
  /** @type {RTCPeerConnection | null} */ #peer = null;
  /** @type {MediaStream | null} */ #opened = null;
  /** @type {MediaStream | null} */ #local = null;
  /** @type {MediaStream | null} */ #remote = null;
  #ownsLocal = false;
  /** @type {string | undefined} */ #answer;
  /** @type {Promise<void>} */ #answers = Promise.resolve();
  #described = false;
  #settled = false;
  #closed = false;
  #isQuiet = false;
  #muted = { audio: false, video: false };
  /** @type {Map<string, RTCRtpSender>} */ #senders = new Map();
  #sources;

  /**
   * @param {Platform} platform
   * @param {() => RTCIceServer[]} iceServers of the moment, for each connection that is made
   */
  constructor(platform, iceServers) {
    super();
    this.platform = platform;
    this.iceServers = iceServers;
    this.#sources = new Sources(platform);
  }

  /** Whether `close` was called, perhaps while the user was being asked for the microphone. */
  get closed() {
    return this.#closed;
  }

  /** Whether the connection is lost, or none was made yet. */
  get isLost() {
    return !this.#peer || this.#peer.connectionState === "failed" || this.#peer.connectionState === "closed";
  }

  /** Whether the pod's offer was taken up, and so no second try. */
  get described() {
    return this.#described;
  }

  get local() {
    return this.#local;
  }

  get remote() {
    return this.#remote;
  }

  get muted() {
    return { ...this.#muted };
  }

  /**
   * @param {MediaOptions} options
   * @returns {Promise<string | undefined>} the offer, or nothing if `close` came first
   */
  async offer(options) {
    const stream = await this.#openLocal(options);
    if (this.#closed) return undefined;
    const peer = this.#open();
    for (const track of stream.getTracks()) this.#send(peer, track, stream);
    if (options.video && stream.getVideoTracks().length === 0) peer.addTransceiver("video", { direction: "recvonly" });
    await peer.setLocalDescription(await peer.createOffer());
    return peer.localDescription?.sdp;
  }

  /**
   * Answer the pod's offer. Video that is offered is received even where none is sent.
   * @param {string} sdp
   * @param {MediaOptions} options
   * @returns {Promise<string | undefined>} the answer, or nothing if `close` came first
   */
  async answer(sdp, options) {
    const stream = await this.#openLocal(options);
    if (this.#closed) return undefined;
    const peer = this.#open();
    this.#described = true;
    await peer.setRemoteDescription({ type: "offer", sdp });
    if (this.#closed) return undefined;
    for (const track of stream.getTracks()) {
      if (offers(sdp, track.kind)) this.#send(peer, track, stream);
    }
    await peer.setLocalDescription(await peer.createAnswer());
    return peer.localDescription?.sdp;
  }

  /**
   * Answer the pod's offer of another connection, which takes the place of the present one, if there is any, once it
   * is heard. What is sent goes on being sent; where nothing is yet, `options` say what is to be.
   * @param {string} sdp
   * @param {MediaOptions} options
   * @returns {Promise<string | undefined>} the answer, or nothing if `close` came first
   */
  async renew(sdp, options) {
    const stream = this.#local ?? (await this.#openLocal(options));
    if (this.#closed) return undefined;
    const former = this.#peer;
    const peer = this.#open(former);
    this.#settled = true; // the answers that were for the former one
    await peer.setRemoteDescription({ type: "offer", sdp });
    if (this.#closed) return undefined;
    this.#senders.clear();
    for (const track of stream.getTracks()) {
      if (offers(sdp, track.kind)) this.#send(peer, track, stream);
    }
    await peer.setLocalDescription(await peer.createAnswer());
    return peer.localDescription?.sdp;
  }

  /**
   * Take an answer of the pod; the final one without a description says that the last provisional one stands.
   * @param {string | undefined} sdp
   * @param {boolean} isFinal
   * @returns {Promise<void>}
   */
  accept(sdp, isFinal) {
    const accepted = this.#answers.then(() => this.#accept(sdp ?? this.#answer, isFinal));
    this.#answers = accepted.catch(() => undefined); // told to the caller, and nothing more comes of this peer
    return accepted;
  }

  /**
   * @param {string | undefined} sdp
   * @param {boolean} isFinal
   */
  async #accept(sdp, isFinal) {
    const peer = this.#peer;
    if (!peer || sdp === undefined || this.#closed || this.#settled) return;
    const isNew = sdp !== this.#answer;
    this.#answer = sdp;
    this.#settled = isFinal;
    if (peer.signalingState === "stable") {
      if (!isNew) return;
      await peer.setLocalDescription(await peer.createOffer());
      await peer.setRemoteDescription({ type: "answer", sdp });
    } else if (isFinal) {
      await peer.setRemoteDescription({ type: "answer", sdp });
    } else if (isNew) {
      await acceptProvisionally(peer, sdp);
    }
  }

  /**
   * @param {Kind} kind
   * @param {boolean} muted
   */
  setMuted(kind, muted) {
    this.#muted[kind] = muted;
    for (const track of this.#local?.getTracks() ?? []) {
      if (track.kind === kind) track.enabled = !muted;
    }
  }

  /** @param {Kind} kind */
  sends(kind) {
    return this.#senders.has(kind) && !this.#closed;
  }

  get isSharing() {
    return this.#sources.isSharing;
  }

  /**
   * Send what another device hears or sees; behind a shared screen, a camera waits for its turn.
   * @param {Kind} kind
   * @param {string} deviceId
   */
  async useDevice(kind, deviceId) {
    await this.#put(kind, await this.#sources.openDevice(this.#sender(kind).track, deviceId, kind));
  }

  async shareScreen() {
    const { track: camera } = this.#sender("video");
    await this.#put("video", await this.#sources.openScreen(camera, () => void this.stopSharing()));
  }

  async stopSharing() {
    if (this.#sources.isSharing) await this.#put("video", this.#sources.closeScreen());
  }

  /**
   * @param {Kind} kind
   * @returns {RTCRtpSender}
   */
  #sender(kind) {
    const sender = this.#senders.get(kind);
    if (!sender || this.#closed) throw new Error(`this call sends no ${kind}`);
    return sender;
  }

  /**
   * Send this track from now on; the far side is not asked.
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  async #put(kind, track) {
    if (this.#closed || this.#isQuiet) return this.#sources.close();
    if (track) track.enabled = !this.#muted[kind];
    await this.#sender(kind).replaceTrack(track);
    this.#sources.settle();
    const shown = this.platform.createStream();
    for (const other of this.#local?.getTracks() ?? []) if (other.kind !== kind) shown.addTrack(other);
    if (track) shown.addTrack(track);
    this.#local = shown;
    this.emit("local", shown);
  }

  /** @returns {Promise<Quality>} */
  async quality() {
    return summarize(await this.#report());
  }

  /**
   * @param {number} milliseconds
   * @param {(quality: Quality) => void} tell
   * @returns {() => void}
   */
  watchQuality(milliseconds, tell) {
    /** @type {unknown} */
    let timer;
    let isOn = true;
    /** @param {import("./quality.js").Report} before */
    const look = async (before) => {
      const now = await this.#report();
      if (!isOn || this.#closed) return;
      timer = this.platform.setTimer(() => void look(now), milliseconds);
      tell(summarize(now, before));
    };
    const stop = () => {
      isOn = false;
      this.platform.clearTimer(timer);
    };
    this.once("closed", stop);
    timer = this.platform.setTimer(() => void look(new Map()), milliseconds);
    return stop;
  }

  /** @returns {Promise<import("./quality.js").Report>} */
  async #report() {
    return this.#peer ? this.#peer.getStats() : new Map();
  }

  /**
   * Neither send nor play anything any more, while the far side is being told. The connection stays until `close`: its
   * end is quicker than that news, and would be taken for a failure.
   */
  quiet() {
    this.#isQuiet = true;
    for (const sender of this.#senders.values()) void sender.replaceTrack(null);
    for (const track of this.#remote?.getTracks() ?? []) track.stop();
    this.#letGo();
  }

  /** Let go of everything, once and for all; a stream that the caller brought goes on. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#peer?.close();
    this.#letGo();
    this.emit("closed");
  }

  #letGo() {
    this.#sources.close();
    if (this.#ownsLocal) stop(this.#opened);
    else this.#restoreTracks();
  }

  /** Muting a borrowed track must not outlive the call. */
  #restoreTracks() {
    for (const track of this.#opened?.getTracks() ?? []) {
      if (this.#muted[/** @type {Kind} */ (track.kind)]) track.enabled = true;
    }
  }

  /**
   * @param {MediaOptions} options
   * @returns {Promise<MediaStream>}
   */
  async #openLocal(options) {
    this.#ownsLocal = options.stream === undefined;
    const stream = options.stream ?? (await this.#openDevices(options));
    if (this.#closed && this.#ownsLocal) stop(stream);
    if (!this.#closed) {
      this.#opened = this.#local = stream;
      for (const kind of KINDS) if (this.#muted[kind]) this.setMuted(kind, true);
      this.emit("local", stream);
    }
    return stream;
  }

  /** @param {MediaOptions} options */
  async #openDevices({ audio = true, video = false }) {
    try {
      return await this.platform.getUserMedia({ audio, video });
    } catch (error) {
      throw new MediaError(error);
    }
  }

  /**
   * @param {RTCPeerConnection} peer
   * @param {MediaStreamTrack} track
   * @param {MediaStream} stream
   */
  #send(peer, track, stream) {
    this.#senders.set(track.kind, peer.addTrack(track, stream));
  }

  /**
   * @param {RTCPeerConnection | null} [former] is heard until the new one is there
   * @returns {RTCPeerConnection}
   */
  #open(former = null) {
    const listener = {
      heard: (/** @type {MediaStream} */ remote) => {
        if (this.#isQuiet || this.#closed) return;
        this.#remote = remote;
        this.emit("remote", remote);
      },
      moved: (/** @type {RTCPeerConnectionState} */ state) => this.emit("state", state),
    };
    this.#peer = openPeer(this.platform, { iceServers: this.iceServers() }, listener, former);
    this.once("closed", () => former?.close());
    return this.#peer;
  }
}
