/** What a telephone sounds like: its bell, and the tone that says that it rings at the other side. */

/** @typedef {import("../sdk/index.js").Call} Call */
/** @typedef {{ frequencies: number[], on: number, off: number, gain: number }} Cadence seconds and hertz */

/** @type {Readonly<Record<"bell" | "ringback" | "waiting", Cadence>>} */
const CADENCES = {
  bell: { frequencies: [660, 880], on: 0.9, off: 1.6, gain: 0.08 },
  ringback: { frequencies: [425], on: 1, off: 4, gain: 0.05 }, // ITU-T E.180: 400 to 450 Hz, 1 s on, 4 s off
  waiting: { frequencies: [425], on: 0.2, off: 4.8, gain: 0.04 }, // somebody else calls; low, for it is heard in a call
};
const LONGEST = 180; // seconds; no phone rings for longer

/**
 * @param {Call | null} call
 * @returns {"bell" | "ringback" | null}
 */
export function toneFor(call) {
  if (call?.isWaitingForAnswer) return "bell";
  return call?.status === "RING" && call.direction === "outgoing" && !call.isEnding ? "ringback" : null;
}

export class Tones {
  /** @type {AudioContext | null} */ #context = null;
  /** @type {keyof typeof CADENCES | null} */ #playing = null;

  /** @param {keyof typeof CADENCES | null} name */
  play(name) {
    if (name === this.#playing) return;
    this.#playing = name;
    void this.#context?.close();
    this.#context = name ? start(CADENCES[name]) : null;
  }
}

/**
 * @param {Cadence} cadence
 * @returns {AudioContext}
 */
function start({ frequencies, on, off, gain }) {
  const context = new AudioContext();
  const level = new GainNode(context, { gain: 0 });
  level.connect(context.destination);
  for (const frequency of frequencies) {
    const oscillator = new OscillatorNode(context, { frequency });
    oscillator.connect(level);
    oscillator.start();
  }
  for (let at = context.currentTime; at < LONGEST; at += on + off) {
    level.gain.setTargetAtTime(gain, at, 0.01);
    level.gain.setTargetAtTime(0, at + on, 0.03);
  }
  return context;
}
