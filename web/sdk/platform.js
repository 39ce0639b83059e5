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
 * @property {() => MediaStream} createStream
 * @property {(run: () => void, milliseconds: number) => unknown} setTimer
 * @property {(timer: any) => void} clearTimer
 * @property {() => number} random in [0, 1), for back-off
 * @property {() => string} newCallId
 */

const CALL_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz012345"; // 32, so that a byte's low five bits are unbiased

/** @returns {string} `c-` and 16 letters: 80 random bits */
function newCallId() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return `c-${Array.from(bytes, (byte) => CALL_ID_LETTERS[byte & 31]).join("")}`;
}

/**
 * @param {Partial<Platform>} [own] what the caller brings
 * @returns {Platform}
 */
export function platformWith(own = {}) {
  return {
    openSocket: (url) => new WebSocket(url),
    createPeer: (configuration) => new RTCPeerConnection(configuration),
    getUserMedia: openDevices,
    createStream: () => new MediaStream(),
    setTimer: (run, milliseconds) => setTimeout(run, milliseconds),
    clearTimer: (timer) => clearTimeout(timer),
    random: Math.random,
    newCallId,
    ...own,
  };
}

/**
 * @param {MediaStreamConstraints} constraints
 * @returns {Promise<MediaStream>}
 */
async function openDevices(constraints) {
  const devices = globalThis.navigator?.mediaDevices;
  if (!devices) throw new Error("the browser offers devices only to pages over https or from localhost");
  return devices.getUserMedia(constraints);
}
