/** What the connection is doing, as one value that user interfaces render. @module */
import type { FullJid } from "../base/jid.js";
import type { TransportError } from "../transport/errors.js";
import type { AnySottoError } from "./errors.js";

/** State of the connection. Offline is a valid state: sending and reading go on. */
export type ClientStatus =
  /** Not connecting and not going to, until {@link SottoClient.connect}. */
  | { readonly kind: "offline" }
  | { readonly kind: "connecting"; readonly attempt: number }
  /** Connected; what was missed is being fetched. What is sent now waits until that is done. */
  | { readonly kind: "synchronizing"; readonly jid: FullJid }
  /** Everything is caught up and the own device is published; what waits in the outbox is leaving. */
  | { readonly kind: "online"; readonly jid: FullJid }
  /** Lost or refused for now; the next attempt comes by itself. */
  | { readonly kind: "waiting"; readonly retryInMs: number; readonly error: TransportError }
  /** A failure that another attempt would repeat, such as a wrong password: `setCredentials()` or `connect()` go on. Or the store has ended - taken over, deleted, closed -: then only a new client does. */
  | { readonly kind: "stopped"; readonly error: AnySottoError }
  | { readonly kind: "closed" };
