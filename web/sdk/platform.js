/** What the SDK takes from its surroundings, in one place, so that a test or a native shell can bring its own. */

/**
 * The part of the WebSocket interface that is used.
 * @typedef {object} Socket
 * @property {(text: string) => void} send
 * @property {(code?: number, reason?: string) => void} close
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 */

/**
 * @typedef {object} Platform
 * @property {(url: string) => Socket} openSocket
 * @property {(configuration: RTCConfiguration) => RTCPeerConnection} createPeer
 * @property {(constraints: MediaStreamConstraints) => Promise<MediaStream>} getUserMedia
 * @property {() => Promise<MediaStream>} getDisplayMedia
 * @property {() => MediaStream} createStream
 * @property {(run: () => void, milliseconds: number) => unknown} setTimer
 * @property {(timer: any) => void} clearTimer
 * @property {() => number} random in [0, 1), for back-off
 * @property {() => string} newCallId
 * @property {() => string} newMessageId
 * @property {() => string} newToken that nobody can guess
 */

const LETTERS = "abcdefghijklmnopqrstuvwxyz012345"; // 32, so that a byte's low five bits are unbiased

/**
 * @param {number} length
 * @returns {string} letters of five random bits each
 */
function randomLetters(length) {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(length));
  return Array.from(bytes, (byte) => LETTERS[byte & 31]).join("");
}

/**
 * @param {Partial<Platform>} [own] what the caller brings
 * @returns {Platform}
 */
export function platformWith(own = {}) {
  return {
    openSocket: (url) => new WebSocket(url),
    createPeer: (configuration) => new RTCPeerConnection(configuration),
    getUserMedia: async (constraints) => mediaDevices().getUserMedia(constraints),
    getDisplayMedia: async () => mediaDevices().getDisplayMedia({ video: true }),
    createStream: () => new MediaStream(),
    setTimer: (run, milliseconds) => setTimeout(run, milliseconds),
    clearTimer: (timer) => clearTimeout(timer),
    random: Math.random,
    newCallId: () => `c-${randomLetters(16)}`,
    newMessageId: () => `t-${randomLetters(16)}`,
    newToken: () => randomLetters(40),
    ...own,
  };
}

/** @returns {MediaDevices} */
function mediaDevices() {
  const devices = globalThis.navigator?.mediaDevices;
  if (!devices) throw new Error("the browser offers devices only to pages over https or from localhost");
  return devices;
}
