/**
 * The state of one Double Ratchet session, and how it begins after X3DH.
 * Spec: Signal "Double Ratchet" section 3.3; XEP-0384 v0.9 #protocol-double_ratchet.
 *
 * Immutable: a step returns a new state, and whoever holds the old one has lost nothing when a message is refused.
 * Skipped message keys are not in here. They are rows of their own (skipped-keys.ts), so that a step costs the same with
 * none and with a thousand; the state only counts them.
 * Not here: sending and receiving (step.ts), the persisted form (snapshot.ts), unconfirmed key exchanges (session/).
 * @module
 */
import { copyBytes, type Bytes } from "../../base/bytes.js";
import { invariant } from "../../base/errors.js";
import type { KeyPair, PublicKey } from "../keys.js";
import type { SymmetricCrypto } from "../provider.js";
import type { Chain } from "./chain.js";
import { rootStep } from "./root-chain.js";
import type { RatchetSuite, SuiteId } from "./suite.js";

/** Who sent the key exchange. For the life of the session. */
export type RatchetRole = "initiator" | "responder";

/** A chain of messages from the peer, under one ratchet key of theirs. */
export interface ReceivingChain extends Chain {
  readonly ratchetKey: PublicKey;
}

/** Everything a session must remember, apart from its skipped message keys. */
export interface RatchetState {
  readonly suite: SuiteId;
  readonly role: RatchetRole;
  /** Our identity key in the form of associated data ({@link RatchetSuite.identityLength}). */
  readonly localIdentity: Bytes;
  /** The peer's, in the same form. */
  readonly remoteIdentity: Bytes;
  readonly rootKey: Bytes;
  /** Our current ratchet pair; the responder begins with the signed prekey. */
  readonly ownRatchet: KeyPair;
  /** The peer's newest ratchet key; absent at a responder who has received nothing. */
  readonly remoteRatchetKey: PublicKey | undefined;
  /** Absent until the next send makes our half of the Diffie-Hellman step: the fresh key lives no longer than needed. */
  readonly sending: Chain | undefined;
  /** Messages sent in the chain before: what we announce as `pn`. */
  readonly previousSendCount: number;
  /** Newest first, at most `receivingChainsMax`. The first one belongs to `remoteRatchetKey`. */
  readonly receiving: readonly ReceivingChain[];
  /** How many skipped message keys are stored beside the state. */
  readonly skippedCount: number;
  /** Sequence number of the next skipped message key; a smaller one is older. */
  readonly skippedNext: number;
}

/** What both sides know after X3DH. */
export interface RatchetStart {
  /** The result of X3DH, 32 bytes. Copied. */
  readonly sharedSecret: Uint8Array;
  /** In the form of associated data. Copied. */
  readonly localIdentity: Uint8Array;
  readonly remoteIdentity: Uint8Array;
}

/** The initiator also brings the first Diffie-Hellman step. */
export interface InitiatorStart extends RatchetStart {
  /** A fresh pair, different from the ephemeral key of X3DH. */
  readonly ratchetKeyPair: KeyPair;
  /** The signed prekey of the bundle: the peer's first ratchet key. */
  readonly remoteSignedPreKey: PublicKey;
  /** X25519(`ratchetKeyPair`, `remoteSignedPreKey`). */
  readonly agreement: Uint8Array;
}

/** The responder starts from the signed prekey that the key exchange names. */
export interface ResponderStart extends RatchetStart {
  readonly signedPreKeyPair: KeyPair;
}

/** The side that fetched a bundle. It can send at once. */
export function initiateRatchet(symmetric: SymmetricCrypto, suite: RatchetSuite, start: InitiatorStart): RatchetState {
  const root = rootStep(symmetric, suite, start.sharedSecret, start.agreement);
  return {
    ...begin(suite, "initiator", start),
    rootKey: root.rootKey,
    ownRatchet: start.ratchetKeyPair,
    remoteRatchetKey: start.remoteSignedPreKey,
    sending: { chainKey: root.chainKey, next: 0 },
  };
}

/** The side whose bundle was used. It can send once a message was decrypted. */
export function acceptRatchet(suite: RatchetSuite, start: ResponderStart): RatchetState {
  return {
    ...begin(suite, "responder", start),
    rootKey: copyBytes(start.sharedSecret),
    // A copy: the step that replaces it reports the private key as spent, and the signed prekey outlives this session.
    ownRatchet: { privateKey: copyBytes(start.signedPreKeyPair.privateKey), publicKey: start.signedPreKeyPair.publicKey },
    remoteRatchetKey: undefined,
    sending: undefined,
  };
}

function begin(
  suite: RatchetSuite,
  role: RatchetRole,
  start: RatchetStart,
): Omit<RatchetState, "rootKey" | "ownRatchet" | "remoteRatchetKey" | "sending"> {
  invariant(start.sharedSecret.length === 32, "an X3DH secret has 32 bytes");
  invariant(start.localIdentity.length === suite.identityLength, "own identity key in another version's form");
  invariant(start.remoteIdentity.length === suite.identityLength, "peer's identity key in another version's form");
  return {
    suite: suite.id,
    role,
    localIdentity: copyBytes(start.localIdentity),
    remoteIdentity: copyBytes(start.remoteIdentity),
    previousSendCount: 0,
    receiving: [],
    skippedCount: 0,
    skippedNext: 0,
  };
}

/** What stands under the MAC ahead of a message that comes in or goes out: who began the session, and who writes to whom. */
export function associatedData(suite: RatchetSuite, state: RatchetState, direction: "in" | "out"): Bytes {
  const { localIdentity: local, remoteIdentity: remote } = state;
  const [initiator, responder] = state.role === "initiator" ? [local, remote] : [remote, local];
  const [sender, receiver] = direction === "out" ? [local, remote] : [remote, local];
  return suite.associatedData({ initiator, responder, sender, receiver });
}
