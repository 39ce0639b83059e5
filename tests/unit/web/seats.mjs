/** Seats round the SDK: a pod behind each socket, peer connections without a network, and time that the test moves. */

import { platformWith } from "../../../web/sdk/platform.js";

/** Let everything run that only waits for promises. */
export async function settle() {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** Timers that go off when the test says how much time has passed. */
export class Clock {
  now = 0;
  #timers = new Map();
  #last = 0;

  setTimer = (run, milliseconds) => {
    this.#timers.set(++this.#last, { at: this.now + milliseconds, run });
    return this.#last;
  };

  clearTimer = (timer) => this.#timers.delete(timer);

  get armed() {
    return this.#timers.size;
  }

  async pass(milliseconds) {
    const end = this.now + milliseconds;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, one], [, other]) => one.at - other.at);
      if (due.length === 0) break;
      const [timer, { at, run }] = due[0];
      this.#timers.delete(timer);
      this.now = at;
      run();
      await settle();
    }
    this.now = end;
  }
}

/** A socket, seen from the pod: what the page sent, and what the pod says. */
export class PodSocket {
  /** @type {any[]} */ requests = [];
  /** @type {number | null} */ closedWith = null;
  onopen = null;
  onmessage = null;
  onclose = null;
  #seq = 0;

  constructor(url) {
    this.url = url;
  }

  send(text) {
    this.requests.push(JSON.parse(text));
  }

  close(code) {
    this.closedWith = code;
  }

  get last() {
    return this.requests.at(-1);
  }

  of(type) {
    return this.requests.filter((request) => request.type === type);
  }

  accept() {
    this.onopen?.({});
  }

  say(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** An event with the next number, whatever number the example has. */
  tell(event) {
    this.say({ ...event, seq: ++this.#seq });
  }

  ok(request, fields = {}) {
    this.say({ ...fields, type: "ok", re: request.id });
  }

  refuse(request, status, reason) {
    this.say({ type: "error", re: request.id, status, reason });
  }

  break(code = 1006) {
    this.onclose?.({ code, reason: "" });
  }
}

export class FakeTrack {
  enabled = true;
  stopped = false;

  constructor(kind) {
    this.kind = kind;
  }

  stop() {
    this.stopped = true;
  }
}

export class FakeStream {
  constructor(...kinds) {
    this.tracks = kinds.map((kind) => new FakeTrack(kind));
  }

  getTracks() {
    return this.tracks;
  }

  getVideoTracks() {
    return this.tracks.filter(({ kind }) => kind === "video");
  }

  addTrack(track) {
    this.tracks.push(track);
  }
}

const NEXT_STATE = {
  "local offer": { stable: "have-local-offer" },
  "local answer": { "have-remote-offer": "stable" },
  "remote offer": { stable: "have-remote-offer" },
  "remote pranswer": { "have-local-offer": "have-remote-pranswer", "have-remote-pranswer": "have-remote-pranswer" },
  "remote answer": { "have-local-offer": "stable", "have-remote-pranswer": "stable" },
};

/** As a browser's: it throws where one would (W3C WebRTC §4.4.1.6), and writes down what happened. */
export class FakePeer {
  connectionState = "new";
  signalingState = "stable";
  /** @type {string[]} */ descriptions = [];
  knowsProvisional = true;
  localDescription = null;
  /** @type {any} */ remoteDescription = null;
  tracks = [];
  transceivers = [];
  /** @type {any[]} */ replaced = [];
  report = new Map();
  closed = false;
  refuses = false;

  constructor(configuration, sdp) {
    this.configuration = configuration;
    this.sdp = sdp;
  }

  addTrack(track) {
    this.tracks.push(track);
    const sender = { track, replaceTrack: async (other) => this.replaced.push((sender.track = other)) };
    return sender;
  }

  addTransceiver(kind, { direction }) {
    this.transceivers.push(`${kind} ${direction}`);
  }

  async createOffer() {
    return { type: "offer", sdp: this.sdp.offer };
  }

  async createAnswer() {
    if (!this.remoteDescription) throw new Error("InvalidStateError: no remote offer");
    return { type: "answer", sdp: this.sdp.answer };
  }

  async setLocalDescription(description) {
    this.#move("local", description);
    this.localDescription = description;
  }

  async setRemoteDescription(description) {
    if (description.type === "pranswer" && !this.knowsProvisional) {
      throw Object.assign(new Error("pranswer not yet implemented"), { name: "NotSupportedError" });
    }
    if (this.refuses) throw new Error("Failed to parse SessionDescription");
    this.#move("remote", description);
    this.remoteDescription = description;
  }

  #move(side, { type, sdp }) {
    const next = this.closed ? undefined : NEXT_STATE[`${side} ${type}`][this.signalingState];
    if (!next) throw new Error(`InvalidStateError: ${side} ${type} while ${this.signalingState}`);
    this.signalingState = next;
    this.descriptions.push(`${side} ${type} ${sdp}`);
  }

  async getStats() {
    return this.report;
  }

  close() {
    this.closed = true;
  }
}

/** Everything that a session takes from its surroundings, in the test's hands. */
export class World {
  clock = new Clock();
  /** @type {PodSocket[]} */ sockets = [];
  /** @type {FakePeer[]} */ peers = [];
  /** @type {FakeStream[]} */ opened = [];
  callIds = ["c-abcdefgh12345678", "c-ijklmnop12345678", "c-qrstuvwx12345678"];
  tokens = ["next-1", "next-2", "next-3", "next-4"];
  sdp = { offer: "v=0 page offer", answer: "v=0 page answer" };
  /** @type {Error | null} */ noDevices = null;
  /** @type {Promise<void> | null} */ userDecides = null;
  peerRefuses = false;
  knowsProvisional = true;
  messageIds = ["t-abcdefgh12345678", "t-ijklmnop12345678"];

  get socket() {
    return this.sockets.at(-1);
  }

  get peer() {
    return this.peers.at(-1);
  }

  platform() {
    return platformWith({
      openSocket: (url) => this.#keep(this.sockets, new PodSocket(url)),
      createPeer: (configuration) => this.#createPeer(configuration),
      getUserMedia: (constraints) => this.#getUserMedia(constraints),
      getDisplayMedia: async () => this.#keep(this.opened, new FakeStream("video")),
      createStream: () => new FakeStream(),
      setTimer: this.clock.setTimer,
      clearTimer: this.clock.clearTimer,
      random: () => 1,
      newCallId: () => this.callIds.shift(),
      newMessageId: () => this.messageIds.shift(),
      newToken: () => this.tokens.shift(),
    });
  }

  #createPeer(configuration) {
    const peer = this.#keep(this.peers, new FakePeer(configuration, this.sdp));
    peer.refuses = this.peerRefuses;
    peer.knowsProvisional = this.knowsProvisional;
    return peer;
  }

  async #getUserMedia({ audio, video }) {
    await this.userDecides;
    if (this.noDevices) throw this.noDevices;
    return this.#keep(this.opened, new FakeStream(...(audio ? ["audio"] : []), ...(video ? ["video"] : [])));
  }

  #keep(list, thing) {
    list.push(thing);
    return thing;
  }
}

export const WELCOME = {
  session: "s-hjkmnpqr01234567",
  resume_token: "token-1",
  aor: "alice@example.org",
  domain: "example.org",
  ice_servers: [],
};
