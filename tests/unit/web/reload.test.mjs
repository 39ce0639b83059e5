import assert from "node:assert/strict";
import { test } from "node:test";

import { RequestError, Session, storeIn } from "../../../web/sdk/index.js";
import { CALL, IN, INCOMING, SNAPSHOT, ACCOUNT } from "./scenes.mjs";
import { settle, WELCOME, World } from "./seats.mjs";

const REGISTERED = { state: "registered", status: 200, reason: "OK" };

/** What a browser keeps for a tab. */
function tab() {
  const kept = new Map();
  return {
    kept,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
}

/** A page that logged in and was left without a word. */
async function left() {
  const storage = tab();
  const world = new World();
  const session = new Session({ url: "ws://pod/ws", platform: world.platform(), store: storeIn(storage) });
  const login = session.login(ACCOUNT);
  world.socket.accept();
  world.socket.ok(world.socket.last, WELCOME);
  await login;
  return { storage, world, session };
}

/** The page after it. */
function next(storage) {
  const world = new World();
  world.tokens = ["later-1", "later-2", "later-3"];
  const session = new Session({ url: "ws://pod/ws", platform: world.platform(), store: storeIn(storage) });
  return { world, session };
}

test("a page that is reloaded takes its session up without a password", async () => {
  const { storage } = await left();
  const { world, session } = next(storage);
  const resumed = session.resume();
  world.socket.accept();
  const { type, session: id, resume_token: shown, next_token: following } = world.socket.last;
  assert.deepEqual([type, id, shown, following], ["resume", WELCOME.session, "token-1", "next-1"]);
  world.socket.ok(world.socket.last, { ...WELCOME, resume_token: "next-1", registration: REGISTERED, calls: [] });
  await resumed;
  assert.equal(session.status, "REGISTERED");
  assert.equal(session.aor, WELCOME.aor);
  assert.equal(JSON.parse([...storage.kept.values()][0]).current, "next-1");
});

test("a call that rings, rings on after a reload, and is answered with media of its own", async () => {
  const { storage } = await left();
  const { world, session } = next(storage);
  const calls = [];
  session.on("INCOMING_CALL", (call) => calls.push(call));
  void session.resume();
  world.socket.accept();
  const snapshot = { ...SNAPSHOT, call: IN, direction: "incoming", from: "carol@example.org", state: "incoming", sdp: INCOMING.sdp };
  world.socket.ok(world.socket.last, { ...WELCOME, registration: REGISTERED, calls: [snapshot] });
  await settle();
  assert.equal(calls[0]?.from, "carol@example.org");
  void calls[0].answer();
  await settle();
  assert.equal(world.socket.last.type, "answer");
});

/** The page after it, and the calls that it took up. */
async function back(storage, ...calls) {
  const { world, session } = next(storage);
  const resumed = [];
  session.on("CALL_RESUMED", (call) => resumed.push(call));
  void session.resume();
  world.socket.accept();
  world.socket.ok(world.socket.last, { ...WELCOME, registration: REGISTERED, calls });
  await settle();
  return { world, session, resumed };
}

test("a call goes on after a reload, with media of the new page", async () => {
  const { storage } = await left();
  const held = { local: true, remote: false };
  const { world, session, resumed } = await back(storage, { ...SNAPSHOT, state: "established", sdp: "v=0 pod", held });
  const [call] = resumed;
  assert.deepEqual([call.status, call.peer, call.held], ["HOLD", "bob", held]);
  assert.equal(session.calls.get(CALL), call);
  const renewing = call.renew();
  await settle();
  world.socket.ok(world.socket.last, { sdp: "v=0\r\nm=audio 9 RTP\r\n" });
  await settle();
  assert.equal(world.opened.length, 1);
  assert.equal(world.socket.last.type, "answer");
  world.socket.ok(world.socket.last);
  await renewing;
});

test("a call that was on its way goes on, and is given media when it is answered", async () => {
  const { storage } = await left();
  const { world, resumed } = await back(storage, { ...SNAPSHOT, state: "ringing", sdp: "v=0 early" });
  const [call] = resumed;
  assert.deepEqual([call.status, world.peers.length], ["RING", 0]);
  await assert.rejects(call.renew(), /not established/);
  world.socket.tell({ type: "call.established", call: CALL, sdp: "v=0 final" });
  assert.equal(call.status, "ESTABLISHED");
  assert.equal(world.peers.length, 0);
});

test("a reload between a resume and its reply loses no session", async () => {
  const { storage } = await left();
  const second = next(storage);
  void second.session.resume();
  second.world.socket.accept(); // shown, and the reply never came
  const third = next(storage);
  const resumed = third.session.resume();
  third.world.socket.accept();
  third.world.socket.refuse(third.world.socket.last, 403, "Forbidden");
  assert.equal(third.world.socket.last.resume_token, "next-1");
  third.world.socket.ok(third.world.socket.last, { ...WELCOME, registration: REGISTERED, calls: [] });
  await resumed;
});

test("a pod that is away at the reload is tried again", async () => {
  const { storage } = await left();
  const { world, session } = next(storage);
  const resumed = session.resume();
  world.socket.break();
  await world.clock.pass(250);
  assert.equal(world.sockets.length, 2);
  world.socket.accept();
  world.socket.ok(world.socket.last, { ...WELCOME, registration: REGISTERED, calls: [] });
  await resumed;
});

test("a pod that never comes back is given up in the time for which pods keep a session", async () => {
  const { storage } = await left();
  const { world, session } = next(storage);
  const resumed = session.resume();
  const refused = assert.rejects(resumed, (error) => error instanceof RequestError && error.status === 408);
  world.socket.break();
  for (let second = 0; second < 31; second++) {
    await world.clock.pass(1000);
    if (world.socket.closedWith === null) world.socket.break();
  }
  await refused;
  assert.equal(storage.kept.size, 0);
});

test("a session that is gone leaves nothing behind, and the page may log in", async () => {
  const { storage } = await left();
  const { world, session } = next(storage);
  const resumed = session.resume();
  world.socket.accept();
  world.socket.refuse(world.socket.last, 404, "No Such Session");
  await assert.rejects(resumed, (error) => error instanceof RequestError && error.status === 404);
  assert.equal(storage.kept.size, 0);
  void session.login(ACCOUNT);
  world.socket.accept();
  assert.equal(world.socket.last.type, "login");
});

test("a log-out leaves nothing to resume", async () => {
  const { storage, world, session } = await left();
  const logout = session.logout();
  world.socket.ok(world.socket.last);
  await logout;
  assert.equal(storage.kept.size, 0);
  await assert.rejects(session.resume(), (error) => error instanceof RequestError && error.status === 404);
});

test("what somebody else wrote into the store is no session", () => {
  const storage = tab();
  for (const text of ["", "{", "null", "[]", '{"session":"s","current":1,"next":"n","shown":0}']) {
    storage.setItem("cordboard.session", text);
    assert.equal(storeIn(storage).load(), null, text);
  }
});
