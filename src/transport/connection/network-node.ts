/** Node tells nothing of the network coming and going. @module */
import type { Unsubscribe } from "../../base/events.js";

/** Never calls `listener`; the backoff alone decides. */
export function onNetworkBack(_listener: () => void): Unsubscribe {
  return () => undefined;
}
