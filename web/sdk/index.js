/** The front door of the SDK; README.md shows the way in. */

export { Call } from "./call.js";
export { CallStatus } from "./call_state.js";
export { canChooseSpeaker, listDevices, onDeviceChange, setSpeaker } from "./devices.js";
export { MediaError, ProtocolError, RequestError } from "./errors.js";
export { storeIn } from "./resume_token.js";
export { Session } from "./session.js";
export { SessionStatus } from "./session_status.js";

/** @typedef {import("./call.js").CallOptions} CallOptions */
/** @typedef {import("./devices.js").Device} Device */
/** @typedef {import("./devices.js").DeviceList} DeviceList */
/** @typedef {import("./media.js").MediaOptions} MediaOptions */
/** @typedef {import("./quality.js").Quality} Quality */
/** @typedef {import("./quality.js").RelayQuality} RelayQuality */
/** @typedef {import("./resume_token.js").ResumptionStore} ResumptionStore */
/** @typedef {import("./session.js").SessionOptions} SessionOptions */
/** @typedef {import("./session_status.js").Message} Message */
/** @typedef {import("./wire.js").CallEnd} CallEnd */
/** @typedef {import("./wire.js").Credentials} Credentials */
