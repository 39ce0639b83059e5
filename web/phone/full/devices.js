/** Which microphone, speaker and camera calls use; the choice is kept in this browser. */

import { canChooseSpeaker, listDevices, onDeviceChange, setSpeaker } from "../../sdk/index.js";
import { settings, stage } from "./elements.js";
import { keep } from "./keep.js";
import { attempt } from "./notice.js";

/** @typedef {import("../../sdk/index.js").Call} Call */
/** @typedef {import("../../sdk/index.js").Device} Device */
/** @typedef {{ microphone: string, speaker: string, camera: string }} Choice ids; empty: the browser's own */

const KINDS = /** @type {const} */ (["microphone", "speaker", "camera"]);
const LISTS = /** @type {const} */ ({ microphone: "microphones", speaker: "speakers", camera: "cameras" });

export class Devices {
  #kept = keep(localStorage, "cordboard.devices", { microphone: "", speaker: "", camera: "" });
  #calls;

  /** @param {() => Call[]} calls that are to follow a choice */
  constructor(calls) {
    this.#calls = calls;
    settings.speakerField.hidden = !canChooseSpeaker();
    for (const kind of KINDS) settings[kind].addEventListener("change", () => void this.#choose(kind));
    settings.allow.addEventListener("click", () => void this.#allow());
    onDeviceChange(() => void this.refresh());
  }

  /**
   * @param {boolean} video
   * @returns {Promise<import("../../sdk/index.js").MediaOptions>} what a call is to open
   */
  async options(video) {
    const stream = await window.cordboardMedia?.(video);
    if (stream) return { video, stream };
    const { microphone, camera } = this.#kept.read();
    return { audio: wish(microphone), video: video && wish(camera) };
  }

  async refresh() {
    const lists = await listDevices();
    const choice = this.#kept.read();
    for (const kind of KINDS) fill(settings[kind], lists[LISTS[kind]], choice[kind]);
    settings.hint.hidden = lists.microphones.some(({ label }) => label !== "");
    if (canChooseSpeaker() && lists.speakers.some(({ id }) => id === choice.speaker)) await this.#setSpeaker(choice.speaker);
  }

  /** @param {typeof KINDS[number]} kind */
  async #choose(kind) {
    const id = settings[kind].value;
    this.#kept.write({ ...this.#kept.read(), [kind]: id });
    if (kind === "speaker") await this.#setSpeaker(id);
    if (kind === "speaker" || !id) return;
    for (const call of this.#calls()) {
      if (kind === "microphone") await attempt("Microphone", () => call.useMicrophone(id));
      else if (call.sendsVideo) await attempt("Camera", () => call.useCamera(id));
    }
  }

  /** @param {string} id */
  async #setSpeaker(id) {
    await attempt("Speaker", () => setSpeaker(stage.remoteAudio, id));
  }

  /** Browsers name the devices of those who may use them. */
  async #allow() {
    await attempt("Microphone", async () => {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      for (const track of stream.getTracks()) track.stop();
    });
    await this.refresh();
  }
}

/**
 * @param {string} id
 * @returns {boolean | MediaTrackConstraints} another one will do, if that one is unplugged
 */
function wish(id) {
  return id ? { deviceId: { ideal: id } } : true;
}

/**
 * @param {HTMLSelectElement} select
 * @param {Device[]} devices
 * @param {string} chosen
 */
function fill(select, devices, chosen) {
  const options = devices.map(({ id, label }, index) => new Option(label || `Device ${index + 1}`, id));
  select.replaceChildren(new Option("The browser's choice", ""), ...options);
  select.value = devices.some(({ id }) => id === chosen) ? chosen : "";
}
