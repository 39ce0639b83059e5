/** Sessions and calls brought to where a test begins. */

import { Session } from "../../../web/sdk/index.js";
import { settle, WELCOME, World } from "./seats.mjs";

export const ACCOUNT = { login: "alice", password: "secret" };
export const CALL = "c-abcdefgh12345678";
export const IN = "c-incoming12345678";
export const INCOMING = {
  type: "call.incoming",
  call: IN,
  from: "carol@example.org",
  from_name: "Carol",
  to: "alice@example.org",
  sdp: "v=0\r\nm=audio 9 RTP\r\n",
  video: false,
};
export const SNAPSHOT = { call: CALL, direction: "outgoing", from: "", from_name: "", to: "bob", video: false };

export async function loggedIn() {
  const world = new World();
  const session = new Session({ url: "ws://pod/ws", platform: world.platform() });
  const login = session.login(ACCOUNT);
  world.socket.accept();
  world.socket.ok(world.socket.last, WELCOME);
  await login;
  return { world, session };
}

/** Everything that a call tells, as words. */
export function diary(call) {
  const words = [];
  for (const name of ["PENDING", "TRYING", "RING", "SESSION_PROGRESS", "ESTABLISHED", "FINISH", "BUSY", "FAILED"]) {
    call.on(name, () => words.push(name));
  }
  return words;
}

/** A call on its way: the pod has the request and has said ok. */
export async function calling(options) {
  const all = await loggedIn();
  const call = all.session.call("bob", options);
  const words = diary(call);
  await settle();
  all.world.socket.ok(all.world.socket.last);
  return { ...all, call, words };
}

export async function talking(options) {
  const all = await calling(options);
  all.world.socket.tell({ type: "call.established", call: CALL, sdp: "v=0 pod answer" });
  await settle();
  return all;
}

export async function ringing() {
  const all = await loggedIn();
  const calls = [];
  all.session.on("INCOMING_CALL", (call) => calls.push(call));
  all.world.socket.tell(INCOMING);
  return { ...all, call: calls[0] };
}

/** Lose the socket and come back to a pod that lists these calls. */
export async function resume(world, calls) {
  world.socket.break();
  await settle();
  await world.clock.pass(250);
  world.socket.accept();
  const request = world.socket.last;
  const registration = { state: "registered", status: 200, reason: "OK" };
  world.socket.ok(request, { ...WELCOME, resume_token: request.next_token, registration, calls });
  await settle();
  return request;
}

export const ended = (status, reason, by, established = false) => ({
  type: "call.ended", call: CALL, status, reason, by, established,
});
