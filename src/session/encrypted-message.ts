/**
 * An `<encrypted/>` element as data: what session/ produces and reads, and what transport/xep/xep0384.ts puts on the wire.
 * Spec: XEP-0384 v0.9 #usecases-messagesend, and version 0.3 for the legacy namespace.
 * Not here: the XML (transport/xep), the bytes inside a key (profile.ts).
 * @module
 */
import type { Bytes } from "../base/bytes.js";
import type { BareJid } from "../base/jid.js";
import type { DeviceId, OmemoNamespace } from "./ports.js";

/** The key of the message for one device. */
export interface EncryptedKey {
  /** Owner of the device; absent in legacy, where only the device id is written. */
  readonly jid?: BareJid;
  /** Device id of the receiver, as written: not yet checked. */
  readonly rid: number;
  /** The `kex` / `prekey` attribute. A hint: on receipt the bytes decide (threats R17). */
  readonly kex: boolean;
  readonly data: Bytes;
}

/** A message for any number of devices. */
export interface EncryptedMessage {
  readonly namespace: OmemoNamespace;
  /** Device id of the sender. */
  readonly sid: DeviceId;
  readonly keys: readonly EncryptedKey[];
  /** Absent in an empty message, which serves the session only. */
  readonly payload?: Bytes;
  /** Legacy only. */
  readonly iv?: Bytes;
}
