/** `window.cordboard`: the session and its calls, for who looks about in the console. */

/** @typedef {import("../sdk/index.js").Call} Call */
/** @typedef {import("../sdk/index.js").Session} Session */

/**
 * @param {() => Session | null} session
 * @param {() => Call | null} current the call that the page shows
 */
export function showInConsole(session, current) {
  window.cordboard = {
    get session() {
      return session();
    },
    get calls() {
      return [...(session()?.calls.values() ?? [])];
    },
    get call() {
      return current();
    },
  };
}
