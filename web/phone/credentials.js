/** How the phone pages log in: with what their forms say, at the pods that they came from. */

/** @typedef {import("../sdk/wire.js").SipCredentials} SipCredentials */
/** @typedef {"login" | "password" | "domain" | "authName" | "proxy" | "port" | "register"} Field */

/**
 * @param {Record<Field, HTMLInputElement> & { transport: HTMLSelectElement }} form
 * @returns {SipCredentials}
 */
export function credentialsOf(form) {
  return {
    login: form.login.value.trim(),
    password: form.password.value,
    domain: form.domain.value.trim(),
    authName: form.authName.value.trim(),
    outboundProxy: form.proxy.value.trim(),
    port: Number(form.port.value) || undefined,
    transport: /** @type {"udp" | "tcp" | "tls"} */ (form.transport.value) || undefined,
    register: form.register.checked,
  };
}

/** @returns {string} where this page came from is where the pods are */
export function podUrl() {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
}
