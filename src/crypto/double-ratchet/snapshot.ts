/**
 * The persisted form of a ratchet state: packed, versioned, strictly decoded. At most 554 bytes.
 * Spec: none, our own format. Skipped message keys are rows of their own (skipped-keys.ts).
 *
 * Version 1, all integers big-endian:
 *
 *     version 1 byte = 1
 *     flags   1 byte: bit 0 legacy · bit 1 responder · bit 2 sending chain · bit 3 peer's ratchet key · bits 4-6 number of
 *             receiving chains · bit 7 zero
 *     root key 32 · own ratchet private key 32 · own ratchet public key 32
 *     local identity, remote identity: 32 each, in legacy 33
 *     [if bit 3 and no receiving chain] peer's ratchet key 32
 *     [if bit 2] sending chain key 32 · next 4
 *     previous send count 4
 *     per receiving chain, newest first: ratchet key 32 · chain key 32 · next 4
 *     skipped count 4 · skipped next 6
 * @module
 */
import { concatBytes, equalBytes, type Bytes } from "../../base/bytes.js";
import { invariant } from "../../base/errors.js";
import { receivingChainsMax } from "../../base/limits.js";
import { uintBytes } from "../../base/stored-bytes.js";
import { CryptoError } from "../errors.js";
import { invalidSnapshot, SnapshotReader } from "./snapshot-reader.js";
import type { Chain } from "./chain.js";
import type { RatchetState, ReceivingChain } from "./state.js";

const version = 1;
const legacyFlag = 0x01;
const responderFlag = 0x02;
const sendingFlag = 0x04;
const remoteFlag = 0x08;

/** The state as bytes. The same state always gives the same bytes. */
export function encodeRatchet(state: RatchetState): Bytes {
  const newest = state.receiving[0];
  invariant(state.receiving.length <= receivingChainsMax, "more receiving chains than are kept");
  invariant(
    newest === undefined || (state.remoteRatchetKey !== undefined && equalBytes(newest.ratchetKey, state.remoteRatchetKey)),
    "the newest receiving chain belongs to the peer's ratchet key",
  );
  const flags =
    (state.suite === "legacy" ? legacyFlag : 0) |
    (state.role === "responder" ? responderFlag : 0) |
    (state.sending === undefined ? 0 : sendingFlag) |
    (state.remoteRatchetKey === undefined ? 0 : remoteFlag) |
    (state.receiving.length << 4);
  return concatBytes(
    Uint8Array.of(version, flags),
    state.rootKey,
    state.ownRatchet.privateKey,
    state.ownRatchet.publicKey,
    state.localIdentity,
    state.remoteIdentity,
    ...(newest === undefined && state.remoteRatchetKey !== undefined ? [state.remoteRatchetKey] : []),
    ...(state.sending === undefined ? [] : chainFields(state.sending)),
    uintBytes(4, state.previousSendCount),
    ...state.receiving.flatMap((chain) => [chain.ratchetKey, ...chainFields(chain)]),
    uintBytes(4, state.skippedCount),
    uintBytes(6, state.skippedNext),
  );
}

function chainFields(chain: Chain): readonly Bytes[] {
  return [chain.chainKey, uintBytes(4, chain.next)];
}

/**
 * The state of {@link encodeRatchet}.
 * @throws CryptoError `ERR_SNAPSHOT_INVALID` for any other bytes, and for those of a newer version.
 */
export function decodeRatchet(snapshot: Uint8Array): RatchetState {
  const reader = new SnapshotReader(snapshot);
  const found = reader.uint(1);
  if (found !== version) {
    throw new CryptoError("ERR_SNAPSHOT_INVALID", "ratchet state of an unknown version", { details: { version: found } });
  }
  const flags = reader.uint(1);
  const chainCount = flags >> 4;
  if (chainCount > receivingChainsMax) throw invalidSnapshot();
  if (chainCount > 0 && (flags & remoteFlag) === 0) throw invalidSnapshot();
  // Both halves of a step imply the peer's key; without it only a responder can be, who has sent and received nothing.
  if ((flags & remoteFlag) === 0 && (flags & (sendingFlag | responderFlag)) !== responderFlag) throw invalidSnapshot();
  const identityLength = (flags & legacyFlag) === 0 ? 32 : 33;
  const rootKey = reader.fixed(32);
  const ownRatchet = { privateKey: reader.fixed(32), publicKey: reader.publicKey() };
  const localIdentity = reader.fixed(identityLength);
  const remoteIdentity = reader.fixed(identityLength);
  const remoteBeforeReceipt = chainCount === 0 && (flags & remoteFlag) !== 0 ? reader.publicKey() : undefined;
  const sending = (flags & sendingFlag) === 0 ? undefined : readChain(reader);
  const previousSendCount = reader.uint(4);
  const receiving = Array.from({ length: chainCount }, (): ReceivingChain => ({
    ratchetKey: reader.publicKey(),
    ...readChain(reader),
  }));
  const skippedCount = reader.uint(4);
  const skippedNext = reader.uint(6);
  reader.end();
  return {
    suite: (flags & legacyFlag) === 0 ? "omemo:2" : "legacy",
    role: (flags & responderFlag) === 0 ? "initiator" : "responder",
    localIdentity,
    remoteIdentity,
    rootKey,
    ownRatchet,
    remoteRatchetKey: receiving[0]?.ratchetKey ?? remoteBeforeReceipt,
    sending,
    previousSendCount,
    receiving,
    skippedCount,
    skippedNext,
  };
}

function readChain(reader: SnapshotReader): Chain {
  return { chainKey: reader.fixed(32), next: reader.uint(4) };
}
