/** What can go wrong, told apart by whose fault it is. */

/**
 * Why a request has no `ok`:
 * - `refused`: the pod answered with an error; `status` and `reason` are its own.
 * - `timeout`: no reply came in time.
 * - `lost`: the socket broke after the request was sent, so nobody knows whether it was carried out.
 * - `offline`: there was no connection, so it was not sent.
 * @typedef {"refused" | "timeout" | "lost" | "offline"} RequestFault
 */

/** A request that failed. `status` is a SIP status code, as everywhere in Cordboard. */
export class RequestError extends Error {
  /**
   * @param {RequestFault} fault
   * @param {number} status
   * @param {string} reason
   */
  constructor(fault, status, reason) {
    super(`${status} ${reason}`);
    this.name = "RequestError";
    this.fault = fault;
    this.status = status;
    this.reason = reason;
  }
}

/** The pod sent something that docs/web-protocol.md does not allow. */
export class ProtocolError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "ProtocolError";
  }
}

/** The microphone or camera could not be opened; `cause` is the browser's own error. */
export class MediaError extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super(`microphone or camera: ${textOf(cause)}`, { cause });
    this.name = "MediaError";
  }
}

/**
 * @param {unknown} error
 * @returns {string}
 */
export function textOf(error) {
  return error instanceof Error ? error.message || error.name : String(error);
}
