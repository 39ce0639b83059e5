import { webcrypto } from "node:crypto";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { platformWith } from "../../../web/sdk/platform.js";

// Debian 12 has Node 18, which keeps Web Crypto in a module.
globalThis.crypto ??= /** @type {Crypto} */ (webcrypto);

test("call ids have the form that pods take, and do not repeat", () => {
  const { newCallId } = platformWith();
  const ids = Array.from({ length: 200 }, newCallId);
  for (const id of ids) assert.match(id, /^c-[a-z0-9]{16}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test("without devices the reason is one that a person can act on", async () => {
  await assert.rejects(platformWith().getUserMedia({ audio: true }), /https or from localhost/);
});

test("the SDK has no DOM", () => {
  const folder = new URL("../../../web/sdk/", import.meta.url);
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".js"))) {
    assert.doesNotMatch(readFileSync(new URL(file, folder), "utf8"), /\b(window|document|localStorage)\./, file);
  }
});
