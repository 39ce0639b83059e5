/**
 * The tracks that are sent instead of those which the call began with: another device, or the screen.
 *
 * What is opened here is stopped here, once something else is sent in its place; what the call began with is the media's.
 */

import { MediaError } from "./errors.js";

/** @typedef {import("./media.js").Kind} Kind */
/** @typedef {import("./platform.js").Platform} Platform */

export class Sources {
  /** @type {Map<Kind, MediaStreamTrack>} */ #devices = new Map();
  /** @type {MediaStreamTrack | null} */ #screen = null;
  /** @type {MediaStreamTrack | null} */ #camera = null;
  /** @type {MediaStreamTrack[]} */ #replaced = [];

  /** @param {Platform} platform */
  constructor(platform) {
    this.platform = platform;
  }

  get isSharing() {
    return this.#screen !== null;
  }

  /**
   * @param {MediaStreamTrack | null} present what is sent now
   * @param {string} deviceId
   * @param {Kind} kind
   * @returns {Promise<MediaStreamTrack | null>} what is to be sent; `settle` once it is
   */
  async openDevice(present, deviceId, kind) {
    const track = await open(() => this.platform.getUserMedia({ [kind]: { deviceId: { exact: deviceId } } }));
    this.#replace(this.#devices.get(kind));
    this.#devices.set(kind, track);
    if (kind === "audio" || !this.isSharing) return track;
    this.#camera = track;
    return present;
  }

  /**
   * @param {MediaStreamTrack | null} camera what to go back to
   * @param {() => void} onEnd the user ended it in the browser
   * @returns {Promise<MediaStreamTrack>}
   */
  async openScreen(camera, onEnd) {
    const track = await open(() => this.platform.getDisplayMedia());
    if (this.#screen) this.#replace(this.#screen);
    else this.#camera = camera;
    this.#screen = track;
    track.onended = onEnd;
    return track;
  }

  /** @returns {MediaStreamTrack | null} what is to be sent again */
  closeScreen() {
    this.#replace(this.#screen);
    this.#screen = null;
    return this.#camera;
  }

  /** The new track is being sent: let go of the one before. */
  settle() {
    for (const track of this.#replaced.splice(0)) end(track);
  }

  close() {
    for (const track of [...this.#devices.values(), this.#screen, ...this.#replaced]) end(track);
    this.#screen = null;
  }

  /** @param {MediaStreamTrack | null | undefined} track */
  #replace(track) {
    if (track) this.#replaced.push(track);
  }
}

/** @param {MediaStream | null} stream */
export function stop(stream) {
  for (const track of stream?.getTracks() ?? []) end(track);
}

/** @param {MediaStreamTrack | null} track */
function end(track) {
  if (!track) return;
  track.onended = null;
  track.stop();
}

/**
 * @param {() => Promise<MediaStream>} ask
 * @returns {Promise<MediaStreamTrack>}
 */
async function open(ask) {
  try {
    const [track] = (await ask()).getTracks();
    if (!track) throw new Error("no track was given");
    return track;
  } catch (error) {
    throw new MediaError(error);
  }
}
