/** The browser's word about the network. Not proof of anything: it only ends a wait early. Chosen by the import condition `#network`. @module */
import type { Unsubscribe } from "../../base/events.js";

/** Calls `listener` whenever the platform says that it is online again. */
export const onNetworkBack = (listener: () => void): Unsubscribe => on("online", listener);

/** Calls `listener` whenever the platform says that it is not online any more. */
export const onNetworkGone = (listener: () => void): Unsubscribe => on("offline", listener);

function on(event: "online" | "offline", listener: () => void): Unsubscribe {
  globalThis.addEventListener(event, listener);
  return () => { globalThis.removeEventListener(event, listener); };
}
