/**
 * The payload of `urn:xmpp:omemo:2`: AES-256-CBC and a truncated HMAC under a random content key.
 * Spec: XEP-0384 v0.9 #protocol-message_encryption.
 * Not here: the envelope inside (session/sce.ts).
 * @module
 */
import { concatBytes, copyBytes, equalBytes, utf8, wipe, type Bytes } from "../../base/bytes.js";
import type { Rng } from "../../base/rng.js";
import type { SymmetricCrypto } from "../../crypto/provider.js";
import type { EmptyPayload, SealedPayload } from "../profile.js";

const salt = new Uint8Array(32);
const info = utf8("OMEMO Payload");
const keyLength = 32;
const tagLength = 16;

interface PayloadKeys {
  readonly encryptionKey: Bytes;
  readonly authenticationKey: Bytes;
  readonly iv: Bytes;
}

function withKeys<T>(symmetric: SymmetricCrypto, contentKey: Uint8Array, work: (keys: PayloadKeys) => T): T {
  const output = symmetric.hkdfSha256(salt, contentKey, info, 80);
  const keys = {
    encryptionKey: copyBytes(output.subarray(0, 32)),
    authenticationKey: copyBytes(output.subarray(32, 64)),
    iv: copyBytes(output.subarray(64)),
  };
  try {
    return work(keys);
  } finally {
    wipe(output, keys.encryptionKey, keys.authenticationKey);
  }
}

const tagOf = (symmetric: SymmetricCrypto, key: Uint8Array, ciphertext: Uint8Array): Uint8Array =>
  symmetric.hmacSha256(key, ciphertext).subarray(0, tagLength);

/** Ratchet plaintext: content key 32 ‖ tag 16. */
export function sealOmemo2Payload(symmetric: SymmetricCrypto, rng: Rng, plaintext: Uint8Array): SealedPayload {
  const contentKey = rng(keyLength);
  const sealed = withKeys(symmetric, contentKey, (keys) => {
    const payload = symmetric.aesCbcEncrypt(keys.encryptionKey, keys.iv, plaintext);
    return { payload, ratchetPlaintext: concatBytes(contentKey, tagOf(symmetric, keys.authenticationKey, payload)) };
  });
  wipe(contentKey);
  return sealed;
}

/** The tag is compared in constant time before anything is decrypted (threats C05, C06). */
export function openOmemo2Payload(
  symmetric: SymmetricCrypto,
  ratchetPlaintext: Uint8Array,
  payload: Uint8Array,
): Bytes | undefined {
  return withKeys(symmetric, ratchetPlaintext.subarray(0, keyLength), (keys) => {
    const tag = tagOf(symmetric, keys.authenticationKey, payload);
    // Of unequal lengths nothing is equal: this also refuses every ratchet plaintext that has not exactly 48 bytes.
    if (!equalBytes(tag, ratchetPlaintext.subarray(keyLength))) return undefined;
    return symmetric.aesCbcDecrypt(keys.encryptionKey, keys.iv, payload);
  });
}

/** 32 zero bytes, as the text says. */
export function emptyOmemo2Payload(): EmptyPayload {
  return { ratchetPlaintext: new Uint8Array(32) };
}
