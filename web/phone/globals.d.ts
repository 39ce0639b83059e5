import type { Call, Session } from "../sdk/index.js";

declare global {
  interface Window {
    /** A page that embeds or tests this one may bring its own microphone and camera. */
    cordboardMedia?: (video?: boolean) => Promise<MediaStream>;
    /** For looking about in the console; nothing of the page depends on it. */
    cordboard: {
      readonly session: Session | null;
      readonly calls: Call[];
      readonly call: Call | null;
    };
  }
}
