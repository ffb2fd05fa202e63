/**
 * The check of signatures in bundles of the legacy version: Ed25519 by the identity, of which only the X25519 form is transmitted.
 * Spec: XEP-0384 v0.3 plus the practice of its implementations; Signal "XEdDSA and VXEdDSA" section 2.
 * Not here: making them (xeddsa.ts; our own identities sign with plain Ed25519).
 * @module
 */
import { copyBytes } from "../base/bytes.js";
import { identityKeyFromCurve } from "./identity-key.js";
import { unlessRefused, type PublicKey } from "./keys.js";
import type { CurveCrypto } from "./provider.js";

/**
 * Checks a signature made by the identity with X25519 form `u`, as bundles of the legacy version carry it: bit 7 of the
 * last byte is the sign bit of the Ed25519 key (S is below 2^253, so the bit is free). Strict otherwise.
 */
export async function verifyLegacySignature(
  curve: CurveCrypto,
  u: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length !== 64) return false;
  const signBit = ((signature[63] as number) >> 7) as 0 | 1;
  const plain = copyBytes(signature);
  plain[63] = (plain[63] as number) & 0x7f;
  const key = unlessRefused(() => identityKeyFromCurve(u, signBit)); // if no Ed25519 key has this u, nothing verifies under it
  return key !== undefined && (await curve.ed25519Verify(key, message, plain));
}
