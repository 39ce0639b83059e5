/** The log-in form. All of it but the password is kept in this browser. */

import { login } from "./elements.js";
import { keep } from "./keep.js";

/** @typedef {import("../../sdk/wire.js").SipCredentials} SipCredentials */

const TEXTS = /** @type {const} */ (["login", "domain", "authName", "proxy", "port", "transport"]);
/** @type {{ read: () => Record<string, string>, write: (fields: Record<string, string>) => void }} */
const kept = keep(localStorage, "cordboard.account", {});

/** What was typed the last time, or what a link names. */
export function fillLogin() {
  const query = new URLSearchParams(location.search);
  const fields = kept.read();
  for (const name of TEXTS) login[name].value = query.get(name) ?? fields[name] ?? "";
  login.register.checked = (query.get("register") ?? fields.register ?? "1") !== "0";
  login.more.open = ["domain", "authName", "proxy", "port", "transport"].some((name) => fields[name]) || !login.register.checked;
}

/** @returns {SipCredentials} */
export function credentials() {
  return {
    login: login.login.value.trim(),
    password: login.password.value,
    domain: login.domain.value.trim(),
    authName: login.authName.value.trim(),
    outboundProxy: login.proxy.value.trim(),
    port: Number(login.port.value) || undefined,
    transport: /** @type {"udp" | "tcp" | "tls"} */ (login.transport.value) || undefined,
    register: login.register.checked,
  };
}

/** It was right: keep it, and take the password off the page. */
export function keepLogin() {
  const fields = Object.fromEntries(TEXTS.map((name) => [name, login[name].value.trim()]));
  kept.write({ ...fields, register: login.register.checked ? "1" : "0" });
  login.password.value = "";
}

/** @returns {string} where this page came from is where the pods are */
export function podUrl() {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
}
