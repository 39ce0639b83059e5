import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("../../../web", import.meta.url));
const SDK = join(WEB, "sdk");
const TSC = join(WEB, "node_modules", ".bin", "tsc");

/** What a developer writes against the types, and what must be refused. */
const CONSUMER = `
import { Session, listDevices, storeIn, type Call } from "cordboard-sdk";

const session = new Session({ url: "wss://pod.example/ws", store: storeIn(sessionStorage), oneCall: true });
session.on("INCOMING_CALL", async (call: Call) => {
  await call.answer({ video: true });
  call.on("QUALITY", ({ mos }) => mos?.toFixed(1));
  call.watchQuality();
  await call.useMicrophone((await listDevices()).microphones[0]!.id);
  await session.switchTo(call);
  const by: "local" | "remote" | "system" | undefined = call.end?.by;
  console.log(by);
});
// @ts-expect-error: no such event
session.on("RINGING", () => undefined);
// @ts-expect-error: a login needs a password, or a token
await session.login({ login: "alice" });
`;

/** In a folder of its own, which is gone afterwards. */
function inFolder(run) {
  const folder = mkdtempSync(join(tmpdir(), "cordboard-sdk-"));
  try {
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const npm = (folder, ...args) => execFileSync("npm", args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

test("npm packs every module with its types, the README and the licence, and nothing else", () => {
  const output = npm(SDK, "pack", "--dry-run", "--json", "--loglevel=error");
  const [{ files }] = JSON.parse(output.slice(output.indexOf("[\n")));
  const modules = readdirSync(SDK).filter((name) => name.endsWith(".js"));
  const types = modules.map((name) => `types/${name.replace(/js$/, "d.ts")}`);
  const expected = ["LICENSE", "README.md", "package.json", ...modules, ...types].sort();
  assert.deepEqual(files.map(({ path }) => path).sort(), expected);
  assert.ok(!existsSync(join(SDK, "types")), "what is generated is not left behind, so it cannot be out of date");
});

test("a program in TypeScript is checked against the packed types", () => {
  inFolder((folder) => {
    npm(SDK, "pack", "--pack-destination", folder, "--loglevel=error");
    const [archive] = readdirSync(folder);
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    npm(folder, "install", "--offline", "--no-audit", "--no-fund", `./${archive}`);
    writeFileSync(join(folder, "consumer.ts"), CONSUMER);
    const options = ["--strict", "--noEmit", "--target", "ES2022", "--module", "NodeNext"];
    execFileSync(TSC, [...options, "consumer.ts"], { cwd: folder, encoding: "utf8", stdio: ["ignore", "inherit", "inherit"] });
  });
});
