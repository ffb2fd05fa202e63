/** Node tells nothing of the network coming and going. Chosen by the import condition `#network`. @module */
import type { Unsubscribe } from "../../base/events.js";

/** Never calls its listener; the backoff alone decides. */
export const onNetworkBack: (listener: () => void) => Unsubscribe = () => () => undefined;

/** Never calls its listener; the attempt's own timeout decides. */
export const onNetworkGone: (listener: () => void) => Unsubscribe = () => () => undefined;
