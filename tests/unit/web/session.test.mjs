import assert from "node:assert/strict";
import { test } from "node:test";

import { RequestError, Session } from "../../../web/sdk/index.js";
import { ACCOUNT, ended, loggedIn, ringing, talking } from "./scenes.mjs";
import { settle, WELCOME, World } from "./seats.mjs";

test("the status of a session is its registration's, once logged in", async () => {
  const { world, session } = await loggedIn();
  assert.equal(session.status, "ESTABLISHED");
  assert.equal(session.aor, WELCOME.aor);
  world.socket.tell({ type: "registration", state: "registering", status: 0, reason: "", expires: 0 });
  assert.equal(session.status, "ESTABLISHED");
  world.socket.tell({ type: "registration", state: "registered", status: 200, reason: "OK", expires: 300 });
  assert.equal(session.status, "REGISTERED");
  assert.equal(session.registration.expires, 300);
  world.socket.tell({ type: "registration", state: "failed", status: 403, reason: "Forbidden", expires: 0 });
  assert.equal(session.status, "FAILED");
  assert.deepEqual(session.cause, { status: 403, reason: "Forbidden" });
  assert.ok(session.isConnected);
});

test("a refused login rejects with the pod's status, and the session may try again", async () => {
  const world = new World();
  const session = new Session({ url: "ws://pod/ws", platform: world.platform() });
  const login = session.login(ACCOUNT);
  world.socket.accept();
  world.socket.refuse(world.socket.last, 403, "Forbidden");
  await assert.rejects(login, (error) => error instanceof RequestError && error.status === 403);
  assert.equal(session.status, "FAILED");
  const again = session.login(ACCOUNT);
  world.socket.accept();
  world.socket.ok(world.socket.last, WELCOME);
  await again;
  assert.equal(session.status, "ESTABLISHED");
});

test("log-out ends the calls and closes the socket", async () => {
  const { world, session, call } = await talking();
  const logout = session.logout();
  world.socket.ok(world.socket.last);
  await logout;
  assert.equal(session.status, "DISCONNECTED");
  assert.equal(call.status, "FINISH");
  assert.ok(world.peer.closed);
  assert.equal(world.socket.closedWith, 1000);
});

test("who rings at log-out is told that nobody is there, before the log-out", async () => {
  const { world, session, call } = await ringing();
  void session.logout();
  const [hangup, logout] = world.socket.requests.slice(-2);
  assert.deepEqual([hangup.type, hangup.call, hangup.status, logout.type], ["hangup", call.id, 480, "logout"]);
});

test("events of calls that nobody knows are left alone", async () => {
  const { world, session } = await loggedIn();
  world.socket.tell(ended(200, "OK", "remote"));
  world.socket.tell({ type: "call.ringing", call: "c-unknown", status: 180, reason: "Ringing" });
  assert.equal(session.calls.size, 0);
});

test("when the session is gone, its calls end and the status says why", async () => {
  const { world, session, call } = await talking();
  world.socket.break();
  await world.clock.pass(250);
  world.socket.accept();
  world.socket.refuse(world.socket.last, 404, "no such session");
  assert.equal(session.status, "FAILED");
  assert.deepEqual(session.cause, { status: 404, reason: "no such session" });
  assert.equal(call.status, "FINISH");
  assert.ok(world.peer.closed);
});

test("a session that another page took over is disconnected for good", async () => {
  const { world, session } = await loggedIn();
  world.socket.tell({ type: "bye", reason: "replaced" });
  await world.clock.pass(60_000);
  assert.equal(session.status, "DISCONNECTED");
  assert.equal(session.cause.reason, "replaced");
  assert.equal(world.sockets.length, 1);
});

test("the servers for candidates come from the login", async () => {
  const world = new World();
  const session = new Session({ url: "ws://pod/ws", platform: world.platform() });
  const login = session.login(ACCOUNT);
  const iceServers = [{ urls: ["turn:turn.example.org"], username: "u", credential: "c" }];
  world.socket.accept();
  world.socket.ok(world.socket.last, { ...WELCOME, ice_servers: iceServers });
  await login;
  session.call("bob");
  await settle();
  assert.deepEqual(world.peer.configuration, { iceServers });
});
