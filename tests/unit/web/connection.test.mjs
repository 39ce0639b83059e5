import assert from "node:assert/strict";
import { test } from "node:test";

import { Connection } from "../../../web/sdk/connection.js";
import { settle, WELCOME, World } from "./seats.mjs";

const REGISTERED = { type: "registration", state: "registered", status: 200, reason: "OK" };

function connect(options, hasCalls) {
  const world = new World();
  const greeting = { first: () => ({ type: "greeting" }) };
  const connection = new Connection("ws://pod/ws", greeting, world.platform(), options, hasCalls);
  const log = [];
  for (const name of ["welcome", "event", "lost", "closed", "fault"]) {
    connection.on(name, (what) => log.push([name, what.reason ?? what.message ?? what.session]));
  }
  connection.open();
  return { world, connection, log };
}

function connected(options, hasCalls) {
  const all = connect(options, hasCalls);
  all.world.socket.accept();
  all.world.socket.ok(all.world.socket.last, WELCOME);
  return all;
}

test("the greeting is the first request of the socket, and its reply makes the connection ready", () => {
  const { world, connection, log } = connect();
  assert.equal(connection.state, "OPENING");
  world.socket.accept();
  assert.deepEqual(world.socket.requests, [{ type: "greeting", id: "1" }]);
  world.socket.ok(world.socket.last, WELCOME);
  assert.equal(connection.state, "READY");
  assert.deepEqual(log, [["welcome", WELCOME.session]]);
});

test("replies find their requests, in whatever order they come", async () => {
  const { world, connection } = connected();
  const one = connection.request({ type: "ping" });
  const other = connection.request({ type: "call" });
  const [, first, second] = world.socket.requests;
  world.socket.refuse(second, 404, "Not Found");
  world.socket.ok(first, { mark: 7 });
  assert.equal((await one).mark, 7);
  await assert.rejects(other, { name: "RequestError", fault: "refused", status: 404, reason: "Not Found" });
});

test("a request without a reply fails after its time", async () => {
  const { world, connection } = connected({ requestTimeout: 1000 });
  const request = connection.request({ type: "call" });
  await Promise.all([assert.rejects(request, { fault: "timeout", status: 408 }), world.clock.pass(1000)]);
});

test("a request is refused at once while there is no connection", async () => {
  const { connection } = connect();
  await assert.rejects(connection.request({ type: "ping" }), { fault: "offline", status: 503 });
});

test("events that come before the greeting's reply are told after it, in order", () => {
  const { world, log } = connect();
  world.socket.accept();
  world.socket.tell(REGISTERED);
  world.socket.tell({ ...REGISTERED, reason: "again" });
  assert.deepEqual(log, []);
  world.socket.ok(world.socket.last, WELCOME);
  assert.deepEqual(log, [
    ["welcome", WELCOME.session],
    ["event", "OK"],
    ["event", "again"],
  ]);
});

test("a first connection that fails is not tried again", async () => {
  const { world, connection, log } = connect();
  world.socket.break();
  await world.clock.pass(60_000);
  assert.equal(connection.state, "CLOSED");
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(log, [["closed", "cannot reach ws://pod/ws"]]);
});

test("a refused login closes with the pod's words", () => {
  const { world, log } = connect();
  world.socket.accept();
  world.socket.refuse(world.socket.last, 403, "Forbidden");
  assert.deepEqual(log, [["closed", "Forbidden"]]);
  assert.equal(world.socket.closedWith, 1000);
});

test("an address that is none closes at once", () => {
  const world = new World();
  const platform = { ...world.platform(), openSocket: () => { throw new SyntaxError("not an address"); } };
  const connection = new Connection("nonsense", { first: () => ({ type: "greeting" }) }, platform);
  const reasons = [];
  connection.on("closed", ({ reason }) => reasons.push(reason));
  connection.open();
  assert.deepEqual(reasons, ["not an address"]);
});

test("a lost socket is replaced after delays that double up to their limit", async () => {
  const { world, connection } = connected({ resumeFor: 60_000 });
  const waited = [];
  for (let attempt = 0; attempt < 7; attempt++) {
    const lostAt = world.clock.now;
    const count = world.sockets.length;
    world.socket.break();
    assert.equal(connection.state, "WAITING");
    while (world.sockets.length === count) await world.clock.pass(50);
    waited.push(world.clock.now - lostAt);
  }
  assert.deepEqual(waited, [250, 500, 1000, 2000, 4000, 5000, 5000]);
});

test("the delay is spread at random, so that the pages of a dead pod do not come at once", async () => {
  const world = new World();
  const platform = { ...world.platform(), random: () => 0.2 };
  const connection = new Connection("ws://pod/ws", { first: () => ({ type: "greeting" }) }, platform);
  connection.open();
  world.socket.accept();
  world.socket.ok(world.socket.last, WELCOME);
  world.socket.break();
  await world.clock.pass(49);
  assert.equal(world.sockets.length, 1);
  await world.clock.pass(1);
  assert.equal(world.sockets.length, 2);
});

test("a loss is told once, requests on their way are lost, and a new socket is greeted anew", async () => {
  const { world, connection, log } = connected();
  const request = connection.request({ type: "call" });
  world.socket.break();
  await assert.rejects(request, { fault: "lost" });
  await world.clock.pass(250);
  world.socket.break();
  await world.clock.pass(500);
  world.socket.accept();
  assert.equal(world.socket.last.type, "greeting");
  world.socket.ok(world.socket.last, WELCOME);
  assert.equal(connection.state, "READY");
  assert.deepEqual(log.map(([name]) => name), ["welcome", "lost", "welcome"]);
});

test("event numbers start anew on each socket", async () => {
  const { world, log } = connected();
  world.socket.tell(REGISTERED);
  world.socket.break();
  await world.clock.pass(250);
  world.socket.accept();
  world.socket.ok(world.socket.last, WELCOME);
  world.socket.tell(REGISTERED);
  assert.deepEqual(log.map(([name]) => name), ["welcome", "event", "lost", "welcome", "event"]);
});

test("a resume that is refused for now is tried again, and one that is refused for good ends it", async () => {
  const { world, connection, log } = connected();
  world.socket.break();
  await world.clock.pass(250);
  world.socket.accept();
  world.socket.refuse(world.socket.last, 503, "no room");
  assert.equal(connection.state, "WAITING");
  await world.clock.pass(500);
  world.socket.accept();
  world.socket.refuse(world.socket.last, 404, "no such session");
  assert.deepEqual(log.at(-1), ["closed", "no such session"]);
  assert.equal(world.clock.armed, 0);
});

test("nobody is asked for longer than a session can live", async () => {
  const { world, connection, log } = connected({ resumeFor: 3000 });
  world.socket.break();
  while (connection.state !== "CLOSED" && world.clock.now < 10_000) {
    await world.clock.pass(100);
    if (connection.state === "OPENING") world.socket.break();
  }
  assert.equal(world.clock.now, 3000);
  assert.match(log.at(-1)[1], /^lost: /);
  assert.equal(world.clock.armed, 0);
});

test("a pod that answers no ping is left for another one", async () => {
  const { world, connection } = connected({ pingInterval: 1000, requestTimeout: 200 });
  await world.clock.pass(1000);
  assert.equal(world.socket.last.type, "ping");
  world.socket.ok(world.socket.last);
  await world.clock.pass(1000);
  assert.equal(world.socket.of("ping").length, 2);
  const silent = world.socket;
  await world.clock.pass(200);
  assert.equal(connection.state, "WAITING");
  assert.equal(silent.closedWith, 4000);
});

test("in a call a pod is asked more often, and given less time", async () => {
  let calls = 0;
  const { world, connection } = connected({}, () => calls > 0);
  await world.clock.pass(14_999);
  assert.equal(world.socket.of("ping").length, 0);
  await world.clock.pass(1);
  world.socket.ok(world.socket.last);
  calls = 1;
  for (const asked of [2, 3]) {
    await world.clock.pass(5000);
    assert.equal(world.socket.of("ping").length, asked);
    world.socket.ok(world.socket.last);
  }
  await world.clock.pass(9_999);
  assert.equal(connection.state, "READY");
  await world.clock.pass(1);
  assert.equal(connection.state, "WAITING");
});

test("a missing event makes the page resume, since only the pod knows what it was", async () => {
  const { world, connection, log } = connected();
  const first = world.socket;
  first.say({ ...REGISTERED, seq: 2 });
  assert.equal(connection.state, "WAITING");
  first.say({ ...REGISTERED, seq: 1 });
  assert.deepEqual(log.map(([name]) => name), ["welcome", "lost"]);
});

test("a draining pod is left, and its word is told", async () => {
  const { world, connection, log } = connected();
  world.socket.tell({ type: "bye", reason: "draining" });
  assert.deepEqual(log.slice(1), [["event", "draining"], ["lost", "draining"]]);
  await world.clock.pass(250);
  assert.equal(world.sockets.length, 2);
  assert.equal(connection.state, "OPENING");
});

test("a page that has moved and finds no room tries again, also where its resume was on its way", async () => {
  const { world, connection, log } = connected();
  world.socket.tell({ type: "bye", reason: "draining" });
  await world.clock.pass(250);
  world.socket.accept();
  world.socket.break(1013); // before it has read the greeting
  assert.equal(connection.state, "WAITING");
  await world.clock.pass(500);
  world.socket.accept();
  world.socket.refuse(world.socket.last, 429, "Too Many Requests");
  assert.equal(connection.state, "WAITING");
  await world.clock.pass(1000);
  world.socket.accept();
  world.socket.ok(world.socket.last, WELCOME);
  assert.equal(connection.state, "READY");
  assert.deepEqual(log.map(([name]) => name), ["welcome", "event", "lost", "welcome"]);
});

test("any other bye is the end", async () => {
  const { world, connection, log } = connected();
  world.socket.tell({ type: "bye", reason: "replaced" });
  world.socket.break(1000);
  await world.clock.pass(60_000);
  assert.equal(connection.state, "CLOSED");
  assert.deepEqual(log.slice(1), [["event", "replaced"], ["closed", "replaced"]]);
});

test("a frame that is none is reported, and the next one is read", () => {
  const { world, log } = connected();
  world.socket.onmessage({ data: "{" });
  world.socket.onmessage({ data: new ArrayBuffer(3) });
  world.socket.say([]);
  world.socket.say({ type: "ok", re: "99" });
  world.socket.tell(REGISTERED);
  assert.deepEqual(log.map(([name]) => name), ["welcome", "fault", "fault", "fault", "fault", "event"]);
});

test("a welcome that lacks its fields closes, and says which", () => {
  const { world, connection, log } = connect();
  world.socket.accept();
  world.socket.ok(world.socket.last, { ...WELCOME, resume_token: undefined });
  assert.equal(connection.state, "CLOSED");
  assert.deepEqual(log.at(-1), ["closed", "welcome: resume_token is undefined, not string"]);
});

test("an event of a kind that this SDK does not know keeps the count", () => {
  const { world, log } = connected();
  world.socket.tell({ type: "call.recorded", call: "c-1" });
  world.socket.tell(REGISTERED);
  assert.deepEqual(log.map(([name]) => name), ["welcome", "event", "event"]);
});

test("after close nothing is armed and nothing is heard", async () => {
  const { world, connection, log } = connected();
  const { socket } = world;
  const request = connection.request({ type: "logout" });
  connection.close({ status: 200, reason: "done" });
  await assert.rejects(request, { fault: "lost" });
  socket.tell(REGISTERED);
  socket.break();
  await settle();
  assert.equal(world.clock.armed, 0);
  assert.deepEqual(log.slice(1), [["closed", "done"]]);
});
