/** The SDK says and understands exactly what stands in tests/contract/golden/web. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Session } from "../../../web/sdk/index.js";
import { decode, readIceAdvice, readOffer, readWelcome } from "../../../web/sdk/wire.js";
import { settle, World } from "../../unit/web/seats.mjs";
import { golden, names } from "./golden.mjs";

for (const name of [...names("event"), ...names("reply")]) {
  test(`${name} is understood`, () => assert.deepEqual(decode(JSON.stringify(golden(name))), golden(name)));
}

/** What an older pod does not say, or not every event of its type has. */
const OPTIONAL = new Set([
  "registration expires",
  "call.ringing sdp",
  "call.early sdp",
  "call.established sdp",
  "call.incoming asserted",
  "call.incoming headers",
  "message call",
]);

for (const name of names("event")) {
  const required = Object.keys(golden(name)).filter((key) => key !== "type" && !OPTIONAL.has(`${golden(name).type} ${key}`));
  test(`${name} is refused without any one of ${required.join(", ")}`, () => {
    for (const key of required) {
      const { [key]: left, ...rest } = golden(name);
      assert.throws(() => decode(JSON.stringify(rest)), { name: "ProtocolError" }, `${key}: ${left}`);
    }
  });
}

for (const name of ["reply.ok.login", "reply.ok.resume"]) {
  test(`${name} is a welcome, and is refused if a field is of another type`, () => {
    assert.deepEqual(readWelcome(golden(name)), golden(name));
    for (const key of ["session", "resume_token", "aor", "domain", "ice_servers"]) {
      assert.throws(() => readWelcome({ ...golden(name), [key]: 7 }), { name: "ProtocolError" });
    }
  });
}

test("reply.ok.ice names the servers and their time, and is refused without the servers", () => {
  assert.deepEqual(readIceAdvice(golden("reply.ok.ice")), golden("reply.ok.ice"));
  assert.throws(() => readIceAdvice(golden("reply.ok")), { name: "ProtocolError" });
});

test("reply.ok.renew is an offer, and is refused without it", () => {
  assert.equal(readOffer(golden("reply.ok.renew")), golden("reply.ok.renew").sdp);
  assert.throws(() => readOffer(golden("reply.ok")), { name: "ProtocolError" });
});

const SIP = {
  login: "alice",
  password: "alice",
  domain: "example.org",
  authName: "alice-auth",
  outboundProxy: "proxy.example.org",
  port: 5060,
  transport: "udp",
  register: true,
  displayName: "Alice",
};

/** What brings the SDK to say each request; those that need a session or a call get one. */
const SAID = {
  "request.login.sip": ({ session }) => void session.login(SIP),
  "request.login.sip-least": ({ session }) => void session.login({ login: "alice", password: "alice" }),
  "request.login.jwt": ({ session }) => void session.login({ jwt: golden("request.login.jwt").jwt }),
  "request.resume": async (seat) => {
    await loggedIn(seat);
    seat.world.socket.break();
    await seat.world.clock.pass(250);
  },
  "request.logout": async (seat) => {
    await loggedIn(seat);
    void seat.session.logout();
  },
  "request.ping": async (seat) => {
    await loggedIn(seat);
    await seat.world.clock.pass(15_000);
  },
  "request.ice": async (seat) => {
    await loggedIn(seat, { ice_seconds: 20 });
    await seat.world.clock.pass(10_000);
  },
  "request.call": async (seat) => {
    await loggedIn(seat);
    seat.session.call("bob");
  },
  "request.call.headers": async (seat) => {
    await loggedIn(seat);
    seat.session.call("sip:bob@example.org", { headers: { "X-Ticket": "4711" }, private: true });
  },
  "request.answer": async (seat) => void (await called(seat)).answer(),
  "request.hangup": async (seat) => {
    await SAID["request.call"](seat);
    await settle();
    void [...seat.session.calls.values()][0].hangup();
  },
  "request.hangup.reject": async (seat) => void (await called(seat)).hangup({ status: 486, reason: "Busy Here" }),
  "request.hold": async (seat) => void (await talking(seat)).hold().catch(ignored),
  "request.renew": async (seat) => void (await talking(seat)).renew().catch(ignored),
  "request.hold.off": async (seat) => {
    const call = await talking(seat);
    seat.world.socket.tell(golden("event.call.hold"));
    void call.unhold().catch(ignored);
  },
  "request.dtmf": async (seat) => void (await talking(seat)).sendDtmf("12*#", { method: "rfc4733" }).catch(ignored),
  "request.transfer": async (seat) => void (await talking(seat)).transfer("sip:carol@example.org").catch(ignored),
  "request.transfer.other": async (seat) => {
    const call = await talking(seat);
    seat.world.socket.tell({ ...golden("event.call.incoming"), call: golden("request.transfer.other").other });
    const other = seat.session.calls.get(golden("request.transfer.other").other);
    void call.transferTo(other).catch(ignored);
  },
  "request.data": async (seat) => {
    await loggedIn(seat);
    void seat.session.sendData(golden("request.data").payload).catch(ignored);
  },
  "request.message": async (seat) => {
    await loggedIn(seat);
    void seat.session.sendMessage("bob", "Grüße").catch(ignored);
  },
  "request.message.call": async (seat) => {
    const call = await talking(seat);
    void seat.session.sendMessage(call, '{"lunch": true}', { contentType: "application/json" }).catch(ignored);
  },
};

/** Whoever asks here does not wait for what becomes of it. */
function ignored() {}

async function loggedIn({ world, session }, fields = {}) {
  const login = session.login(SIP);
  world.socket.accept();
  world.socket.ok(world.socket.last, { ...golden("reply.ok.login"), ...fields });
  await login;
}

async function talking(seat) {
  await SAID["request.call"](seat);
  await settle();
  seat.world.socket.ok(seat.world.socket.last);
  seat.world.socket.tell(golden("event.call.established"));
  return [...seat.session.calls.values()][0];
}

async function called(seat) {
  await loggedIn(seat);
  const event = golden("event.call.incoming");
  seat.world.socket.tell(event);
  return seat.session.calls.get(event.call);
}

test("there is an example of every request that the SDK can say, and no other", () => {
  assert.deepEqual(Object.keys(SAID).sort(), names("request").sort());
});

for (const [name, say] of Object.entries(SAID)) {
  test(`${name} is what the SDK says`, async () => {
    const expected = golden(name);
    const world = new World();
    world.sdp = { offer: golden("request.call").sdp, answer: golden("request.answer").sdp };
    world.callIds = [golden("request.call").call];
    world.messageIds = [golden("request.message").message];
    world.tokens = [golden("request.resume").next_token];
    const session = new Session({ url: "ws://pod/ws", platform: world.platform() });
    await say({ world, session });
    if (world.socket.requests.length === 0) world.socket.accept();
    await settle();
    const said = world.socket.of(expected.type).at(-1);
    assert.match(said.id, /^\d+$/);
    assert.deepEqual({ ...said, id: expected.id }, expected);
  });
}

test("the calls of a resume are taken as they stand", async () => {
  const seat = { world: new World(), session: null };
  const session = new Session({ url: "ws://pod/ws", platform: seat.world.platform() });
  seat.session = session;
  await loggedIn(seat);
  seat.world.socket.break();
  await seat.world.clock.pass(250);
  seat.world.socket.accept();
  const reply = golden("reply.ok.resume");
  seat.world.socket.ok(seat.world.socket.last, reply);
  const waiting = reply.calls.find(({ state }) => state === "incoming");
  assert.equal(session.status, "REGISTERED");
  assert.deepEqual([...session.calls.keys()], [waiting.call]);
  assert.equal(session.calls.get(waiting.call).from, waiting.from);
});
