/** Streams in the elements that play them. */

/**
 * Play a stream's picture, as long as it has one.
 * @param {HTMLVideoElement} element
 * @param {MediaStream | null} stream
 * @param {() => void} [onChange] its picture came or went
 */
export function show(element, stream, onChange) {
  const tracks = stream?.getVideoTracks() ?? [];
  for (const track of tracks) {
    track.onmute = track.onunmute = () => {
      show(element, stream, onChange);
      onChange?.();
    };
  }
  element.hidden = !tracks.some((track) => !track.muted && track.readyState === "live");
  attach(element, tracks.length ? stream : null);
}

/**
 * @param {HTMLMediaElement} element
 * @param {MediaStream | null} stream
 */
export function attach(element, stream) {
  if (element.srcObject !== stream) element.srcObject = stream; // setting it again would interrupt it
}
