/** The account's form: what is typed into it, the demo accounts, and links that fill it in. */

import { podUrl } from "./credentials.js";
import { account, dial } from "./elements.js";

/** Who the demo accounts are likely to call. */
const FRIEND = { alice: "bob", bob: "alice" };

/** @param {"alice" | "bob"} name an account that every new installation has in its built-in domain */
export function fillDemo(name) {
  for (const field of [account.domain, account.proxy, account.port, account.transport]) field.value = "";
  for (const field of [account.login, account.authName, account.password]) field.value = name;
  account.register.checked = true;
  dial.callee.value = FRIEND[name];
}

/**
 * Fill in what a link names: `?login=&password=&authname=&domain=&proxy=&port=&transport=&register=&url=&callee=&video=1`.
 * @param {URLSearchParams} query
 */
export function fillFrom(query) {
  account.url.value = podUrl();
  const named = [account.login, account.password, account.authName, account.domain, account.proxy, account.port];
  for (const field of [...named, account.transport, account.url, dial.callee]) field.value = query.get(field.name) ?? field.value;
  account.register.checked = isYes(query.get("register") ?? "1");
  dial.video.checked = isYes(query.get("video") ?? "0");
}

/**
 * @param {string} value
 * @returns {boolean}
 */
export function isYes(value) {
  return !["", "0", "false", "no", "off"].includes(value.toLowerCase());
}
