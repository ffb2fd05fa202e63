/** The browser's word that the network is back. Not proof of anything: it only ends a wait early. Chosen by the import condition `#network`. @module */
import type { Unsubscribe } from "../../base/events.js";

/** Calls `listener` whenever the platform says that it is online again. */
export function onNetworkBack(listener: () => void): Unsubscribe {
  globalThis.addEventListener("online", listener);
  return () => { globalThis.removeEventListener("online", listener); };
}
