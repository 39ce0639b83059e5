/** The RTCPeerConnection, and what is peculiar to it. */

/** @typedef {import("./platform.js").Platform} Platform */

/**
 * @typedef {object} PeerListener
 * @property {(remote: MediaStream) => void} heard with each track that comes, and once it can be heard
 * @property {(state: RTCPeerConnectionState) => void} moved
 */

const HEARD_WITHIN = 2_000; // milliseconds: a far side that holds the call sends nothing

/**
 * Make a connection. One that takes the place of another is heard once media comes by it, and the former closed: where
 * that still works, it has the far side until then.
 * @param {Platform} platform
 * @param {RTCConfiguration} configuration
 * @param {PeerListener} listener
 * @param {RTCPeerConnection | null} former says nothing more
 * @returns {RTCPeerConnection}
 */
export function openPeer(platform, configuration, listener, former) {
  const peer = platform.createPeer(configuration);
  // The pod's description need not name streams (RFC 8830), so the tracks are gathered here.
  const remote = platform.createStream();
  let isHeard = former?.connectionState !== "connected";
  const takeOver = () => {
    former?.close();
    if (!isHeard && remote.getTracks().length > 0) listener.heard(remote);
    isHeard = true;
  };
  peer.ontrack = ({ track }) => {
    remote.addTrack(track);
    if (isHeard) listener.heard(remote);
  };
  peer.onconnectionstatechange = () => {
    if (peer.connectionState === "connected") {
      const silent = isHeard ? undefined : remote.getTracks().find(({ kind, muted }) => kind === "audio" && muted);
      if (silent) {
        silent.onunmute = takeOver;
        platform.setTimer(takeOver, HEARD_WITHIN);
      } else takeOver();
    }
    listener.moved(peer.connectionState);
  };
  if (former) former.onconnectionstatechange = null;
  return peer;
}

/**
 * @param {RTCPeerConnection} peer
 * @param {string} sdp
 */
export async function acceptProvisionally(peer, sdp) {
  try {
    await peer.setRemoteDescription({ type: "pranswer", sdp });
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "NotSupportedError") throw error;
    await peer.setRemoteDescription({ type: "answer", sdp });
  }
}

/**
 * @param {string} sdp
 * @param {string} kind
 * @returns {boolean} whether `sdp` has a live section of that kind (port 0 is a rejected one, RFC 3264 §6)
 */
export function offers(sdp, kind) {
  return new RegExp(`^m=${kind} [1-9]`, "m").test(sdp);
}
