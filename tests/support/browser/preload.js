// Runs in every page of a test before the page's own scripts, in Chromium and in Firefox.
// It keeps the page's peer connections, gives it a microphone of one pitch, and listens to what comes back.
(() => {
  const peers = [];
  window.RTCPeerConnection = class extends window.RTCPeerConnection {
    constructor(...options) {
      super(...options);
      peers.push(this);
    }
  };

  const sockets = [];
  window.WebSocket = class extends window.WebSocket {
    constructor(...options) {
      super(...options);
      sockets.push(this);
    }
  };

  /** Ends the page's socket as a network does: the page has not asked for it. Resolves once another one is open. */
  async function loseSocket() {
    const known = sockets.length;
    sockets[known - 1].close();
    while (!sockets.slice(known).some((socket) => socket.readyState === WebSocket.OPEN)) await pause(20);
  }

  /** A microphone that hears one sine: no device, and a different pitch for each page. */
  function microphone(frequency) {
    const context = new AudioContext();
    const oscillator = new OscillatorNode(context, { frequency });
    const gain = new GainNode(context, { gain: 0.5 });
    const output = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    oscillator.connect(gain).connect(output);
    oscillator.start();
    return output.stream;
  }

  const SMALL = { width: 320, height: 240, frameRate: 15 };

  /** `video`: false for none, true for a small one, or what to ask of the camera. */
  async function media(frequency, video) {
    const stream = microphone(frequency);
    if (video) {
      const camera = await navigator.mediaDevices.getUserMedia({ video: video === true ? SMALL : video });
      stream.addTrack(camera.getVideoTracks()[0]);
    }
    return stream;
  }

  const ears = new WeakMap();

  function earFor(track) {
    if (!ears.has(track)) {
      const stream = new MediaStream([track]);
      const player = new Audio(); // Chromium decodes a remote track only where an element plays it
      player.muted = true;
      player.srcObject = stream;
      player.play();
      const context = new AudioContext();
      const analyser = new AnalyserNode(context, { fftSize: 16384 });
      new MediaStreamAudioSourceNode(context, { mediaStream: stream }).connect(analyser);
      ears.set(track, { context, analyser, player, heardUntil: context.currentTime });
    }
    return ears.get(track);
  }

  /** What the page plays, where it says on what; else the far side of its newest connection. */
  function remoteAudio() {
    const player = document.getElementById(window.harness.player);
    if (player) return player.srcObject?.getAudioTracks()[0] ?? null;
    for (const peer of [...peers].reverse()) {
      if (peer.signalingState === "closed") continue;
      const receiver = peer.getReceivers().find((one) => one.track.kind === "audio");
      if (receiver) return receiver.track;
    }
    return null;
  }

  function base64(bytes) {
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    return btoa(text);
  }

  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  /** The next third of a second of what the page hears: {rate, pcm}, or null while there is no remote audio. */
  async function listen() {
    const track = remoteAudio();
    if (!track) {
      await pause(50);
      return null;
    }
    const ear = earFor(track);
    const wanted = ear.heardUntil + ear.analyser.fftSize / ear.context.sampleRate;
    while (ear.context.currentTime < wanted) await pause(20);
    ear.heardUntil = ear.context.currentTime;
    const samples = new Float32Array(ear.analyser.fftSize);
    ear.analyser.getFloatTimeDomainData(samples);
    return { rate: ear.context.sampleRate, pcm: base64(new Uint8Array(samples.buffer)) };
  }

  /** All RTCStats of one type, of the connections that are open. */
  async function stats(type) {
    const found = [];
    for (const peer of peers) {
      if (peer.signalingState === "closed") continue;
      for (const report of (await peer.getStats()).values()) if (report.type === type) found.push(report);
    }
    return found;
  }

  /** Whether so many more frames of remote video are decoded within the time. */
  async function frames(wanted, milliseconds) {
    const decoded = async () =>
      (await stats("inbound-rtp")).reduce((sum, report) => sum + (report.framesDecoded ?? 0), 0);
    const end = performance.now() + milliseconds;
    const goal = (await decoded()) + wanted;
    while (performance.now() < end) {
      if ((await decoded()) >= goal) return true;
      await pause(100);
    }
    return false;
  }

  /** What a video element shows in a tenth of a second: its size, and its brightest spot, of 255; null if nothing. */
  async function picture(id) {
    await pause(100);
    const video = document.getElementById(id);
    const { videoWidth: width, videoHeight: height } = video;
    if (!width) return null;
    const canvas = new OffscreenCanvas(32, 24).getContext("2d");
    canvas.drawImage(video, 0, 0, 32, 24);
    const colours = canvas.getImageData(0, 0, 32, 24).data.filter((_, index) => index % 4 !== 3); // no opacity
    return { width, height, brightness: Math.max(...colours) };
  }

  /** Resolves with the element's text once it matches; null when the time is over. */
  function text(id, pattern, milliseconds) {
    return new Promise((resolve) => {
      const finish = (value) => {
        observer.disconnect();
        clearTimeout(timer);
        resolve(value);
      };
      const look = () => {
        const value = document.getElementById(id)?.textContent.trim() ?? "";
        if (new RegExp(pattern).test(value)) finish(value);
      };
      const observer = new MutationObserver(look);
      const timer = setTimeout(() => finish(null), milliseconds);
      observer.observe(document, { childList: true, characterData: true, subtree: true });
      look();
    });
  }

  /** Puts values into form fields as a person would: the page hears of each. */
  function fill(values) {
    for (const [id, value] of Object.entries(values)) {
      const field = document.getElementById(id);
      if (field.type === "checkbox") field.checked = value;
      else field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }

  /** Presses a button once it is there and enabled, as a person would; false if it stays disabled for ten seconds. */
  async function press(selector) {
    for (const end = performance.now() + 10_000; performance.now() < end; ) {
      const button = document.querySelector(selector);
      if (button && !button.disabled && button.checkVisibility()) {
        button.click();
        return true;
      }
      await pause(20);
    }
    return false;
  }

  window.harness = { loseSocket, peers, microphone, media, listen, stats, frames, picture, text, fill, press, player: "" };
})();
