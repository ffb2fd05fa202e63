/**
 * The root chain: one step per Diffie-Hellman result.
 * Spec: Signal "Double Ratchet" section 7.2 (KDF_RK); XEP-0384 v0.9 #protocol-double_ratchet.
 * Not here: which keys agree with which (step.ts).
 * @module
 */
import { copyBytes, wipe, type Bytes } from "../../base/bytes.js";
import type { SymmetricCrypto } from "../provider.js";
import type { RatchetSuite } from "./suite.js";

/** Result of {@link rootStep}, 32 bytes each. */
export interface RootStep {
  readonly rootKey: Bytes;
  readonly chainKey: Bytes;
}

/** `HKDF(rootKey, agreement, info, 64)`: the next root key, and the key of the chain that begins here. */
export function rootStep(
  symmetric: SymmetricCrypto,
  suite: Pick<RatchetSuite, "rootInfo">,
  rootKey: Uint8Array,
  agreement: Uint8Array,
): RootStep {
  const output = symmetric.hkdfSha256(rootKey, agreement, suite.rootInfo, 64);
  const step = { rootKey: copyBytes(output.subarray(0, 32)), chainKey: copyBytes(output.subarray(32)) };
  wipe(output);
  return step;
}
