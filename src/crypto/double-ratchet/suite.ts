/**
 * What differs between the OMEMO versions inside the Double Ratchet, as one value.
 * Spec: XEP-0384 v0.9 #protocol-double_ratchet; for the older version XEP-0384 v0.3 and the behaviour of libsignal 2.x.
 * The values themselves stand beside their wire formats (session/omemo2/suite.ts, session/legacy/suite.ts), because the
 * MAC covers serialized messages. Not here: payloads, key exchanges (session/profile.ts).
 * @module
 */
import type { Bytes } from "../../base/bytes.js";
import type { PublicKey } from "../keys.js";

/** Which version a state belongs to. */
export type SuiteId = "omemo:2" | "legacy";

/** Header of one ratchet message. Both counters are unsigned 32-bit integers. */
export interface RatchetHeader {
  /** Ratchet public key of the sender's chain. */
  readonly ratchetKey: PublicKey;
  /** Number of the message in its chain, from 0. */
  readonly n: number;
  /** Length of the sender's previous chain. The libsignal family sends one less, and some send nonsense. */
  readonly pn: number;
}

/** A received message, parsed but not yet authenticated. */
export interface RatchetMessage {
  readonly header: RatchetHeader;
  readonly ciphertext: Bytes;
  /** The bytes under the MAC exactly as they arrived, never encoded again (threats R19). */
  readonly authenticated: Bytes;
  /** As received; its length is checked together with its value. */
  readonly mac: Bytes;
}

/** The two identity keys of a session in the form that associated data uses, seen from one message. */
export interface AssociatedIdentities {
  readonly initiator: Bytes;
  readonly responder: Bytes;
  readonly sender: Bytes;
  readonly receiver: Bytes;
}

/** Constants and codecs of one version. */
export interface RatchetSuite {
  readonly id: SuiteId;
  /** Info string of X3DH. */
  readonly x3dhInfo: Bytes;
  /** Info string of a root step. */
  readonly rootInfo: Bytes;
  /** Info string of the key material of one message. */
  readonly messageInfo: Bytes;
  /** Bytes of the truncated HMAC-SHA-256. */
  readonly macLength: 16 | 8;
  /** Bytes of an identity key in associated data: 32 Ed25519, or 33 `05 ‖ u`. */
  readonly identityLength: 32 | 33;
  /** What is under the MAC before the message itself. */
  associatedData(identities: AssociatedIdentities): Bytes;
  /** Serializes a message up to the MAC: the bytes that the MAC covers. */
  encodeMessage(header: RatchetHeader, ciphertext: Uint8Array): Bytes;
  /** Joins the bytes of {@link encodeMessage} and their MAC into what goes to one device. */
  sealMessage(authenticated: Uint8Array, mac: Uint8Array): Bytes;
}
