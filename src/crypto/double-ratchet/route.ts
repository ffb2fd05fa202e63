/**
 * Which key a received message belongs to: a stored one, one of a chain we know, or one of a chain that is new.
 * Spec: Signal "Double Ratchet" section 3.5; threats R08, R15. Pure, and by the header alone: what a forger writes costs nothing here.
 * Not here: walking there and opening the message (step.ts).
 * @module
 */
import { equalBytes } from "../../base/bytes.js";
import { invariant } from "../../base/errors.js";
import { skippedKeysPerMessageMax } from "../../base/limits.js";
import { CryptoError } from "../errors.js";
import { sameSkippedKey, type SkippedKey } from "./skipped-keys.js";
import type { RatchetState, ReceivingChain } from "./state.js";
import type { RatchetHeader } from "./suite.js";

/** The last counter is never used, so that "next" always fits into 32 bits. */
export const counterMax = 0xffff_fffe;

/** Where the key of a message is. */
export type Route =
  | { readonly kind: "skipped"; readonly key: SkippedKey }
  | { readonly kind: "known-chain"; readonly index: number; readonly chain: ReceivingChain }
  | { readonly kind: "new-chain" };

/** Decides by the header alone, before anything costs something (threats R08, R15). */
export function route(state: RatchetState, header: RatchetHeader, skipped: SkippedKey | undefined): Route {
  if (equalBytes(header.ratchetKey, state.ownRatchet.publicKey)) {
    throw new CryptoError("ERR_RATCHET_OWN_KEY", "the message carries our own ratchet key");
  }
  if (skipped !== undefined) {
    invariant(sameSkippedKey(skipped, header), "the skipped key belongs to another message");
    return { kind: "skipped", key: skipped };
  }
  const index = state.receiving.findIndex((chain) => equalBytes(chain.ratchetKey, header.ratchetKey));
  const chain = state.receiving[index];
  if (chain !== undefined) {
    if (header.n < chain.next) throw new CryptoError("ERR_RATCHET_DUPLICATE", "the key of this message was used before");
    refuseTooManySkipped(header.n - chain.next);
    if (header.n > counterMax) throw refused();
    return { kind: "known-chain", index, chain };
  }
  // The peer makes its next step only after it has our key, and we have not sent one since its last step.
  if (state.sending === undefined && state.receiving.length > 0) throw refused();
  refuseTooManySkipped(header.n);
  return { kind: "new-chain" };
}

function refuseTooManySkipped(count: number): void {
  if (count > skippedKeysPerMessageMax) {
    throw new CryptoError("ERR_RATCHET_TOO_MANY_SKIPPED", "the message skips too many others", { details: { count } });
  }
}

/** The one answer to everything that is not authentic. */
export function refused(): CryptoError {
  return new CryptoError("ERR_CRYPTO_DECRYPT", "the message is not authentic in this session");
}

/**
 * How many steps along a chain decrypting a message takes before its MAC can be checked: what a forger can make us do.
 * @throws CryptoError as {@link ratchetDecrypt} does, for what the header alone rules out
 */
export function receivingSteps(state: RatchetState, header: RatchetHeader, skipped?: SkippedKey): number {
  const way = route(state, header, skipped);
  return way.kind === "skipped" ? 0 : header.n - (way.kind === "known-chain" ? way.chain.next : 0);
}
