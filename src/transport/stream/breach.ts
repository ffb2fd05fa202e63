/** The error of a server that says what may not come now, before the session is there. @module */
import { TransportError } from "../errors.js";

/** `ERR_STREAM_PROTOCOL`; `reason` is what was due, or what came too early. */
export function breach(reason: "binding" | "domain" | "early-stanza" | "features" | "header" | "session" | "version"): TransportError {
  return new TransportError("ERR_STREAM_PROTOCOL", "the server broke the order of the negotiation", { details: { reason } });
}
