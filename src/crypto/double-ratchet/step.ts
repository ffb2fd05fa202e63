/**
 * Sending and receiving: one step of the Double Ratchet, state in, state out.
 * Spec: Signal "Double Ratchet" sections 3.4, 3.5 and 6; XEP-0384 v0.9 #protocol-double_ratchet.
 *
 * Synchronous and pure. Curve results are arguments: ask {@link sendingAgreement} or {@link receivingAgreement} which one
 * is needed, compute it, hand it in. A refused message throws and the state of the caller is what it was (threats R06).
 * Beyond the letter of the spec: the chain keys of the last chains are kept, because part of the peers announce `pn` one
 * too small, and because a replay in an old chain has to be told from a forgery.
 * Not here: who is who in a session (state.ts), which key a message belongs to (route.ts), which session to use (session/), persistence (session/), the wire (session/omemo2, session/legacy).
 * @module
 */
import { equalBytes, type Bytes } from "../../base/bytes.js";
import { invariant } from "../../base/errors.js";
import { receivingChainsMax, skippedKeysPerMessageMax } from "../../base/limits.js";
import type { KeyPair } from "../keys.js";
import type { SymmetricCrypto } from "../provider.js";
import type { Agreement } from "../x3dh/agreement.js";
import { messageKeyOf, nextChainKey, openWithMessageKey, sealWithMessageKey, type Chain } from "./chain.js";
import { closeChain, keysOf, storeKeys, walkTo } from "./passing.js";
import { rootStep } from "./root-chain.js";
import { counterMax, refused, route } from "./route.js";
import type { SkippedChanges, SkippedKey } from "./skipped-keys.js";
import { associatedData, type RatchetState, type ReceivingChain } from "./state.js";
import type { RatchetHeader, RatchetMessage, RatchetSuite } from "./suite.js";

/** Our half of a Diffie-Hellman step, made with the first message after the peer's half. */
export interface FreshRatchet {
  /** A new pair, used for nothing else. */
  readonly keyPair: KeyPair;
  /** The result of {@link sendingAgreement} for that pair. */
  readonly agreement: Uint8Array;
}

/** A sealed message and the state after it. Persist the state before a byte leaves (threats C09). */
export interface Encrypted {
  readonly state: RatchetState;
  /** The authenticated message: an OMEMOAuthenticatedMessage, or a WhisperMessage. */
  readonly message: Bytes;
  readonly header: RatchetHeader;
  /** Secrets that the new state no longer holds; overwrite them after the commit. */
  readonly spent: readonly Bytes[];
}

/** What {@link ratchetDecrypt} needs beside state and message. */
export interface DecryptInput {
  /** The result of the agreement that {@link receivingAgreement} asked for. */
  readonly agreement?: Uint8Array | undefined;
  /** The stored key of this very message, if there is one. */
  readonly skipped?: SkippedKey | undefined;
}

/** An opened message and the state after it. */
export interface Decrypted {
  readonly state: RatchetState;
  readonly plaintext: Bytes;
  /** The message's number in its chain (heartbeat rule, XEP-0384 #rules). */
  readonly counter: number;
  /** True if the message brought a new ratchet key of the peer. */
  readonly advanced: boolean;
  /** True if the message belongs to an older chain than the newest known. */
  readonly wasOldChain: boolean;
  readonly skipped: SkippedChanges;
  /** Secrets that neither the new state nor the stored keys hold any more; overwrite them after the commit. */
  readonly spent: readonly Bytes[];
}

/** True if the next send needs a {@link FreshRatchet}. */
export function needsFreshRatchet(state: RatchetState): boolean {
  return state.sending === undefined;
}

/** The Diffie-Hellman that belongs to `fresh`; call it when {@link needsFreshRatchet}. */
export function sendingAgreement(state: RatchetState, fresh: KeyPair): Agreement {
  invariant(state.remoteRatchetKey !== undefined, "a responder cannot send before it has received");
  return { privateKey: fresh.privateKey, publicKey: state.remoteRatchetKey };
}

/**
 * Encrypts the next message.
 * @param fresh required exactly when {@link needsFreshRatchet}
 */
export function ratchetEncrypt(
  symmetric: SymmetricCrypto,
  suite: RatchetSuite,
  state: RatchetState,
  plaintext: Uint8Array,
  fresh?: FreshRatchet,
): Encrypted {
  invariant(state.suite === suite.id, "state and suite are of different versions");
  const ready = fresh === undefined ? state : beginSending(symmetric, suite, state, fresh);
  const { sending } = ready;
  invariant(sending !== undefined, "the first send after a Diffie-Hellman step needs a fresh key pair");
  invariant(sending.next <= counterMax, "a chain is used up");
  const header: RatchetHeader = { ratchetKey: ready.ownRatchet.publicKey, n: sending.next, pn: ready.previousSendCount };
  const messageKey = messageKeyOf(symmetric, sending.chainKey);
  const sealed = sealWithMessageKey(
    { symmetric, suite, associatedData: associatedData(suite, ready, "out") },
    messageKey,
    plaintext,
    (ciphertext) => suite.encodeMessage(header, ciphertext),
  );
  const next: Chain = { chainKey: nextChainKey(symmetric, sending.chainKey), next: sending.next + 1 };
  return {
    state: { ...ready, sending: next },
    message: suite.sealMessage(sealed.authenticated, sealed.mac),
    header,
    spent: [messageKey, sending.chainKey, ...(ready === state ? [] : [state.rootKey, state.ownRatchet.privateKey])],
  };
}

function beginSending(symmetric: SymmetricCrypto, suite: RatchetSuite, state: RatchetState, fresh: FreshRatchet): RatchetState {
  invariant(state.sending === undefined, "a fresh key pair is only for the first send after a Diffie-Hellman step");
  const root = rootStep(symmetric, suite, state.rootKey, fresh.agreement);
  return { ...state, rootKey: root.rootKey, ownRatchet: fresh.keyPair, sending: { chainKey: root.chainKey, next: 0 } };
}

/**
 * The Diffie-Hellman that decrypting a message needs; `undefined` if none, which is the normal case.
 * Cheap refusals come before the costly curve work.
 * @param skipped the stored key of this very message, if there is one
 * @throws CryptoError as {@link ratchetDecrypt} does
 */
export function receivingAgreement(state: RatchetState, header: RatchetHeader, skipped?: SkippedKey): Agreement | undefined {
  return route(state, header, skipped).kind === "new-chain"
    ? { privateKey: state.ownRatchet.privateKey, publicKey: header.ratchetKey }
    : undefined;
}

/**
 * Authenticates and decrypts one message.
 * @throws CryptoError `ERR_RATCHET_OWN_KEY`, `ERR_RATCHET_DUPLICATE`, `ERR_RATCHET_TOO_MANY_SKIPPED`, or
 * `ERR_CRYPTO_DECRYPT` for every reason why the bytes are not authentic. Nothing has changed then.
 */
export function ratchetDecrypt(
  symmetric: SymmetricCrypto,
  suite: RatchetSuite,
  state: RatchetState,
  message: RatchetMessage,
  input: DecryptInput = {},
): Decrypted {
  invariant(state.suite === suite.id, "state and suite are of different versions");
  const way = route(state, message.header, input.skipped);
  const open = (messageKey: Bytes): Bytes => {
    const context = { symmetric, suite, associatedData: associatedData(suite, state, "in") };
    const plaintext = openWithMessageKey(context, messageKey, message);
    if (plaintext === undefined) throw refused();
    return plaintext;
  };
  switch (way.kind) {
    case "skipped":
      return withSkippedKey(state, message.header, way.key, open);
    case "known-chain":
      return inKnownChain(symmetric, state, message.header, way.index, way.chain, open);
    case "new-chain":
      invariant(input.agreement !== undefined, "a new ratchet key needs its agreement");
      return inNewChain(symmetric, suite, state, message.header, input.agreement, open);
  }
}

function withSkippedKey(state: RatchetState, header: RatchetHeader, key: SkippedKey, open: (key: Bytes) => Bytes): Decrypted {
  const plaintext = open(key.messageKey);
  return {
    state: { ...state, skippedCount: Math.max(0, state.skippedCount - 1) },
    plaintext,
    counter: header.n,
    advanced: false,
    wasOldChain: isOldChain(state, header),
    skipped: { added: [], used: key, evictOldest: 0 },
    spent: [key.messageKey],
  };
}

function inKnownChain(
  symmetric: SymmetricCrypto,
  state: RatchetState,
  header: RatchetHeader,
  index: number,
  chain: ReceivingChain,
  open: (key: Bytes) => Bytes,
): Decrypted {
  const walk = walkTo(symmetric, chain, header.n);
  const messageKey = messageKeyOf(symmetric, walk.last);
  const plaintext = open(messageKey);
  const moved: ReceivingChain = { ratchetKey: chain.ratchetKey, chainKey: nextChainKey(symmetric, walk.last), next: header.n + 1 };
  const stored = storeKeys(state, keysOf(symmetric, chain, walk.passed));
  return {
    state: { ...state, ...stored.counters, receiving: state.receiving.with(index, moved) },
    plaintext,
    counter: header.n,
    advanced: false,
    wasOldChain: index > 0,
    skipped: stored.changes,
    spent: [messageKey, ...walk.passed, walk.last],
  };
}

function inNewChain(
  symmetric: SymmetricCrypto,
  suite: RatchetSuite,
  state: RatchetState,
  header: RatchetHeader,
  agreement: Uint8Array,
  open: (key: Bytes) => Bytes,
): Decrypted {
  const root = rootStep(symmetric, suite, state.rootKey, agreement);
  const begun: ReceivingChain = { ratchetKey: header.ratchetKey, chainKey: root.chainKey, next: 0 };
  const walk = walkTo(symmetric, begun, header.n);
  const messageKey = messageKeyOf(symmetric, walk.last);
  const plaintext = open(messageKey);
  const moved: ReceivingChain = { ...begun, chainKey: nextChainKey(symmetric, walk.last), next: header.n + 1 };
  const closing = closeChain(symmetric, state.receiving[0], header.pn, skippedKeysPerMessageMax - walk.passed.length);
  const older = closing.chain === undefined ? [] : [closing.chain, ...state.receiving.slice(1)];
  const kept = older.slice(0, receivingChainsMax - 1);
  const stored = storeKeys(state, [...closing.keys, ...keysOf(symmetric, begun, walk.passed)]);
  return {
    state: {
      ...state,
      ...stored.counters,
      rootKey: root.rootKey,
      remoteRatchetKey: header.ratchetKey,
      sending: undefined,
      previousSendCount: state.sending?.next ?? 0,
      receiving: [moved, ...kept],
    },
    plaintext,
    counter: header.n,
    advanced: true,
    wasOldChain: false,
    skipped: stored.changes,
    spent: [
      messageKey,
      ...walk.passed,
      walk.last,
      ...closing.spent,
      ...older.slice(receivingChainsMax - 1).map((chain) => chain.chainKey),
      state.rootKey,
      ...(state.sending === undefined ? [] : [state.sending.chainKey]),
    ],
  };
}

function isOldChain(state: RatchetState, header: RatchetHeader): boolean {
  return state.remoteRatchetKey === undefined || !equalBytes(state.remoteRatchetKey, header.ratchetKey);
}
