/** What a call tells its listeners. */

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./quality.js").Quality} Quality */
/** @typedef {import("./quality.js").RelayQuality} RelayQuality */

/**
 * `STATUS` comes with every change, just before the event that is named as the new status.
 * @typedef {object} CallEvents
 * @property {[Call]} STATUS
 * @property {[Call]} PENDING
 * @property {[Call]} TRYING
 * @property {[Call]} RING
 * @property {[Call]} ANSWER_REQUESTED another service asks that this call, which rings here, be answered
 * @property {[Call]} SESSION_PROGRESS
 * @property {[Call]} ESTABLISHED
 * @property {[Call]} HOLD somebody holds; again when `held` changes
 * @property {[Call]} UNHOLD nobody holds any more; after ESTABLISHED, which comes again
 * @property {[Call]} FINISH
 * @property {[Call]} BUSY
 * @property {[Call]} FAILED
 * @property {[MediaStream, Call]} LOCAL_STREAM again when another device, or the screen, is sent
 * @property {[MediaStream, Call]} REMOTE_STREAM
 * @property {[RTCPeerConnectionState, Call]} MEDIA_STATE
 * @property {[Quality, Call]} QUALITY since the one before; as long as `watchQuality` is on
 * @property {[RelayQuality, Call]} RELAY_QUALITY as the relay measured it, every few seconds
 * @property {[{ digit: string, duration: number }, Call]} DTMF the far side sent a digit
 * @property {[{ status: number, reason: string }, Call]} TRANSFER how far the far side is with our transfer
 * @property {[Call]} TRANSFERRED it has another far side: see `peer`
 * @property {[{ action: import("./wire.js").Action, status: number, reason: string }, Call]} ACTION_FAILED
 */

export {};
