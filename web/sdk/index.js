/** The front door of the SDK; README.md shows the way in. */

export { Call } from "./call.js";
export { CallStatus } from "./call_state.js";
export { canChooseSpeaker, listDevices, onDeviceChange, setSpeaker } from "./devices.js";
export { MediaError, ProtocolError, RequestError } from "./errors.js";
export { storeIn } from "./resume_token.js";
export { Session } from "./session.js";
export { SessionStatus } from "./session_status.js";
