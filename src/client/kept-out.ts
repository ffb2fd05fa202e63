/**
 * An archive that is announced and refuses: it counts as none, for whoever reads it up (receive/) as for whoever looks in it for what was sent
 * (outbox/). Not here: what may be answered differently in a while.
 * @module
 */
import { TransportError } from "../transport/errors.js";

// What servers answer that have no archive for this account after all.
const keptOut: ReadonlySet<unknown> = new Set(["feature-not-implemented", "service-unavailable", "forbidden", "not-allowed"]);

/** Whether the archive says that it is not for this account. */
export const isKeptOut = (error: unknown): error is TransportError =>
  error instanceof TransportError && error.code === "ERR_STANZA_ERROR" && keptOut.has(error.details["condition"]);
