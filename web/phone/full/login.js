/** The log-in form. All of it but the password is kept in this browser. */

import { login } from "./elements.js";
import { keep } from "./keep.js";

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

/** It was right: keep it, and take the password off the page. */
export function keepLogin() {
  const fields = Object.fromEntries(TEXTS.map((name) => [name, login[name].value.trim()]));
  kept.write({ ...fields, register: login.register.checked ? "1" : "0" });
  login.password.value = "";
}
