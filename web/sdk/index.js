/** The front door of the SDK; README.md shows the way in. */

export { Call } from "./call.js";
export { CallStatus } from "./call_state.js";
export { MediaError, ProtocolError, RequestError } from "./errors.js";
export { Session, SessionStatus } from "./session.js";
