/** The microphones, speakers and cameras of this machine, and which speaker an element plays on. */

/** @typedef {{ id: string, label: string }} Device `label` is empty until the user has allowed a device */
/** @typedef {{ microphones: Device[], speakers: Device[], cameras: Device[] }} DeviceList */

const LIST_OF_KIND = /** @type {const} */ ({
  audioinput: "microphones",
  audiooutput: "speakers",
  videoinput: "cameras",
});

/**
 * @param {MediaDevices | undefined} [source]
 * @returns {Promise<DeviceList>} empty lists where the browser offers no devices (a page that is not secure)
 */
export async function listDevices(source = globalThis.navigator?.mediaDevices) {
  /** @type {DeviceList} */
  const devices = { microphones: [], speakers: [], cameras: [] };
  for (const { kind, deviceId, label } of (await source?.enumerateDevices()) ?? []) {
    if (deviceId) devices[LIST_OF_KIND[kind]].push({ id: deviceId, label }); // empty: not allowed yet
  }
  return devices;
}

/**
 * @param {() => void} listener is told when a device comes or goes
 * @param {MediaDevices | undefined} [source]
 * @returns {() => void} takes it off again
 */
export function onDeviceChange(listener, source = globalThis.navigator?.mediaDevices) {
  source?.addEventListener("devicechange", listener);
  return () => source?.removeEventListener("devicechange", listener);
}

/** @returns {boolean} whether this browser lets a page choose its speaker */
export function canChooseSpeaker() {
  return typeof globalThis.HTMLMediaElement?.prototype.setSinkId === "function";
}

/**
 * @param {HTMLMediaElement} element
 * @param {string} deviceId empty: the system's own choice
 * @returns {Promise<void>}
 */
export async function setSpeaker(element, deviceId) {
  if (element.sinkId !== deviceId) await element.setSinkId(deviceId);
}
