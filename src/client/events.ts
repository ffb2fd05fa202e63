/** What a client tells beside its messages. All of it is data; nobody has to listen. @module */
import type { BareJid } from "../base/jid.js";
import type { AnySottoError } from "./errors.js";
import type { IncomingMessage } from "./message.js";

/** Anything that happened. */
export type ClientEvent =
  | { readonly kind: "message"; readonly message: IncomingMessage }
  /** A message that could not be read. Nothing of it is shown, and the session is as it was. */
  | {
    readonly kind: "unreadable";
    readonly from: BareJid;
    readonly id: string;
    /** `not-for-this-device`, or the code of the error that refused it. */
    readonly reason: string;
  }
  /** A key was seen for the first time; `changed`: under a device id that had another one, so it waits for a decision (threats T01, T07). */
  | { readonly kind: "new-identity"; readonly jid: BareJid; readonly deviceId: number; readonly fingerprint: string; readonly changed: boolean }
  /** Our own device list or bundle was published on a node that others may not be able to read: they may not reach us (threats T17). */
  | { readonly kind: "not-readable-by-others"; readonly content: "device-list" | "bundle" }
  /** Something went wrong outside any call of the application. */
  | { readonly kind: "error"; readonly error: AnySottoError };
