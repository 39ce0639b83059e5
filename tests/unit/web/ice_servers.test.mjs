import assert from "node:assert/strict";
import { test } from "node:test";

import { Session } from "../../../web/sdk/index.js";
import { ACCOUNT } from "./scenes.mjs";
import { settle, WELCOME, World } from "./seats.mjs";

const turn = (credential) => [{ urls: ["turn:turn.example.org"], username: "1793370000:s-1", credential }];

async function loggedIn(advice) {
  const world = new World();
  const session = new Session({ url: "ws://pod/ws", platform: world.platform(), pingInterval: 1e12, callPingInterval: 1e12 });
  const login = session.login(ACCOUNT);
  world.socket.accept();
  world.socket.ok(world.socket.last, { ...WELCOME, ...advice });
  await login;
  return { world, session };
}

const asked = (world) => world.socket.of("ice");

async function serversOfCall(session, world) {
  session.call("bob");
  await settle();
  return world.peer.configuration.iceServers;
}

test("credentials are renewed when half of their time is over, and each call has the newest", async () => {
  const { world, session } = await loggedIn({ ice_servers: turn("first"), ice_seconds: 600 });
  await world.clock.pass(299_000);
  assert.equal(asked(world).length, 0);
  await world.clock.pass(2_000);
  world.socket.ok(asked(world)[0], { ice_servers: turn("second"), ice_seconds: 600 });
  await settle();
  assert.deepEqual(await serversOfCall(session, world), turn("second"));
  await world.clock.pass(301_000);
  assert.equal(asked(world).length, 2);
});

test("a refusal is told, keeps what there is, and is tried again", async () => {
  const { world, session } = await loggedIn({ ice_servers: turn("first"), ice_seconds: 600 });
  const faults = [];
  session.on("WARN", (error) => faults.push(error.status));
  await world.clock.pass(301_000);
  world.socket.refuse(asked(world)[0], 503, "Service Unavailable");
  await settle();
  assert.deepEqual(faults, [503]);
  assert.deepEqual(await serversOfCall(session, world), turn("first"));
  await world.clock.pass(151_000);
  assert.equal(asked(world).length, 2);
});

test("credentials without a time, or of a session that is over, are not renewed", async () => {
  const { world } = await loggedIn({ ice_servers: turn("first") });
  await world.clock.pass(86_400_000);
  assert.equal(asked(world).length, 0);
  const other = await loggedIn({ ice_servers: turn("first"), ice_seconds: 600 });
  other.world.socket.tell({ type: "bye", reason: "replaced" });
  await other.world.clock.pass(86_400_000);
  assert.equal(asked(other.world).length, 0);
});
