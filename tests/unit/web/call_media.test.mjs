import assert from "node:assert/strict";
import { test } from "node:test";

import { listDevices, MediaError } from "../../../web/sdk/index.js";
import { CALL, talking } from "./scenes.mjs";
import { settle } from "./seats.mjs";

test("another microphone is sent, and the one before it is let go of, but not the caller's own", async () => {
  const { world, call } = await talking();
  await call.useMicrophone("desk");
  await call.useMicrophone("headset");
  const [first, desk, headset] = world.opened.map((stream) => stream.getTracks()[0]);
  assert.deepEqual(world.peer.replaced, [desk, headset]);
  assert.deepEqual([desk.stopped, headset.stopped], [true, false]);
  assert.equal(call.localStream.getTracks()[0], headset);
  void call.hangup();
  assert.deepEqual([first.stopped, headset.stopped], [true, true]);
});

test("another microphone is as muted as the one before", async () => {
  const { world, call } = await talking();
  call.mute();
  await call.useMicrophone("desk");
  const [, desk] = world.opened.map((stream) => stream.getTracks()[0]);
  assert.equal(desk.enabled, false);
  call.unmute();
  assert.equal(desk.enabled, true);
});

test("a microphone that cannot be opened changes nothing", async () => {
  const { world, call } = await talking();
  world.noDevices = new Error("gone");
  await assert.rejects(call.useMicrophone("desk"), MediaError);
  assert.deepEqual(world.peer.replaced, []);
});

test("a call that ends while a microphone is opened leaves none open", async () => {
  const { world, call } = await talking();
  let decide = () => {};
  world.userDecides = new Promise((resolve) => (decide = resolve));
  const used = call.useMicrophone("desk");
  void call.hangup();
  decide();
  await used;
  assert.ok(world.opened[1].getTracks()[0].stopped);
});

test("the screen takes the camera's place, and gives it back", async () => {
  const { world, call } = await talking({ video: true });
  const [, camera] = world.opened[0].getTracks();
  const shown = [];
  call.on("LOCAL_STREAM", (stream) => shown.push(stream));
  assert.ok(call.sendsVideo);
  await call.shareScreen();
  const [screen] = world.opened[1].getTracks();
  assert.equal(world.peer.replaced.at(-1), screen);
  assert.ok(call.isSharing);
  await call.stopSharing();
  assert.equal(world.peer.replaced.at(-1), camera);
  assert.deepEqual([call.isSharing, screen.stopped, camera.stopped, shown.length], [false, true, false, 2]);
});

test("a screen that the user takes back in the browser gives way to the camera", async () => {
  const { world, call } = await talking({ video: true });
  await call.shareScreen();
  const [screen] = world.opened[1].getTracks();
  screen.onended();
  await settle();
  assert.deepEqual([call.isSharing, world.peer.replaced.at(-1)], [false, world.opened[0].getTracks()[1]]);
});

test("a camera that is chosen while the screen is sent waits for its turn", async () => {
  const { world, call } = await talking({ video: true });
  await call.shareScreen();
  const [screen] = world.opened[1].getTracks();
  await call.useCamera("front");
  assert.equal(world.peer.replaced.at(-1), screen);
  await call.stopSharing();
  assert.equal(world.peer.replaced.at(-1), world.opened[2].getTracks()[0]);
});

test("a call without video has no screen to share", async () => {
  const { world, call } = await talking();
  await assert.rejects(call.shareScreen(), /sends no video/);
  assert.equal(world.opened.length, 1);
});

test("quality is told of each span of time, until it is no longer asked for", async () => {
  const { world, call } = await talking();
  const losses = [];
  call.on("QUALITY", ({ loss }) => losses.push(loss));
  const audio = { id: "a", type: "inbound-rtp", kind: "audio", jitter: 0 };
  world.peer.report = new Map([["a", { ...audio, packetsReceived: 90, packetsLost: 10 }]]);
  const stop = call.watchQuality(1000);
  await world.clock.pass(1000);
  world.peer.report = new Map([["a", { ...audio, packetsReceived: 190, packetsLost: 10 }]]);
  await world.clock.pass(1000);
  assert.deepEqual(losses, [0.1, 0]);
  stop();
  await world.clock.pass(5000);
  assert.equal(losses.length, 2);
});

test("the call's end ends the telling of its quality", async () => {
  const { world, call } = await talking();
  let told = 0;
  call.on("QUALITY", () => (told += 1));
  call.watchQuality(1000);
  world.socket.tell({ type: "call.ended", call: CALL, status: 200, reason: "OK", by: "remote", established: true });
  await world.clock.pass(5000);
  assert.equal(told, 0);
});

test("devices are listed by kind, and not before the user has allowed them", async () => {
  const known = [
    { kind: "audioinput", deviceId: "m", label: "Desk" },
    { kind: "audiooutput", deviceId: "s", label: "Headset" },
    { kind: "videoinput", deviceId: "", label: "" },
  ];
  const devices = await listDevices({ enumerateDevices: async () => known });
  assert.deepEqual(devices, {
    microphones: [{ id: "m", label: "Desk" }],
    speakers: [{ id: "s", label: "Headset" }],
    cameras: [],
  });
});

test("a page without devices has empty lists", async () => {
  assert.deepEqual(await listDevices(undefined), { microphones: [], speakers: [], cameras: [] });
});

test("who hangs up is silent at once, but stays connected until the pod has said that the call is over", async () => {
  const { world, call } = await talking();
  void call.hangup();
  assert.deepEqual([world.peer.replaced, world.opened[0].getTracks()[0].stopped], [[null], true]);
  assert.ok(!world.peer.closed);
  world.socket.tell({ type: "call.ended", call: CALL, status: 200, reason: "OK", by: "local", established: true });
  assert.ok(world.peer.closed);
});
