/**
 * A symmetric chain: chain keys, message keys, and the key material of one message.
 * Spec: Signal "Double Ratchet" sections 5.2 and 7.2; XEP-0384 v0.9 #protocol-double_ratchet.
 * The payload of omemo:2 is sealed in the same way (session/omemo2/payload.ts). Not here: which chain (step.ts).
 * @module
 */
import { concatBytes, copyBytes, equalBytes, wipe, type Bytes } from "../../base/bytes.js";
import type { SymmetricCrypto } from "../provider.js";
import type { RatchetSuite } from "./suite.js";

/** A position in a chain. */
export interface Chain {
  /** 32 bytes: derives message `next` and all later ones, no earlier one. */
  readonly chainKey: Bytes;
  /** Number of the next message, which is also how many the chain has passed. */
  readonly next: number;
}

const messageKeySeed = Uint8Array.of(1);
const chainKeySeed = Uint8Array.of(2);

/** The key of the message at this position. */
export function messageKeyOf(symmetric: SymmetricCrypto, chainKey: Uint8Array): Bytes {
  return symmetric.hmacSha256(chainKey, messageKeySeed);
}

/** The chain key one position further. */
export function nextChainKey(symmetric: SymmetricCrypto, chainKey: Uint8Array): Bytes {
  return symmetric.hmacSha256(chainKey, chainKeySeed);
}

/** What {@link sealWithMessageKey} and {@link openWithMessageKey} need beside the key. */
export interface MessageContext {
  readonly symmetric: SymmetricCrypto;
  readonly suite: Pick<RatchetSuite, "messageInfo" | "macLength">;
  readonly associatedData: Uint8Array;
}

const salt = new Uint8Array(32);

interface MessageMaterial {
  readonly encryptionKey: Bytes;
  readonly authenticationKey: Bytes;
  readonly iv: Bytes;
}

/** Runs `work` with the 80 derived bytes and overwrites them afterwards (threats C12). */
function withMaterial<T>(context: MessageContext, messageKey: Uint8Array, work: (m: MessageMaterial) => T): T {
  const output = context.symmetric.hkdfSha256(salt, messageKey, context.suite.messageInfo, 80);
  const material = {
    encryptionKey: output.subarray(0, 32),
    authenticationKey: output.subarray(32, 64),
    iv: output.subarray(64),
  };
  try {
    return work(material);
  } finally {
    wipe(output);
  }
}

function macOf(context: MessageContext, key: Uint8Array, authenticated: Uint8Array): Bytes {
  const full = context.symmetric.hmacSha256(key, concatBytes(context.associatedData, authenticated));
  return copyBytes(full.subarray(0, context.suite.macLength));
}

/** Encrypts, lets the caller serialize, then authenticates the serialized bytes. */
export function sealWithMessageKey(
  context: MessageContext,
  messageKey: Uint8Array,
  plaintext: Uint8Array,
  serialize: (ciphertext: Bytes) => Bytes,
): { readonly authenticated: Bytes; readonly mac: Bytes } {
  return withMaterial(context, messageKey, (material) => {
    const authenticated = serialize(context.symmetric.aesCbcEncrypt(material.encryptionKey, material.iv, plaintext));
    return { authenticated, mac: macOf(context, material.authenticationKey, authenticated) };
  });
}

/**
 * Checks the MAC over the received bytes, exact length and constant time, and only then decrypts (threats C05, C06).
 * `undefined` for a wrong MAC and for bad padding alike.
 */
export function openWithMessageKey(
  context: MessageContext,
  messageKey: Uint8Array,
  message: { readonly authenticated: Uint8Array; readonly mac: Uint8Array; readonly ciphertext: Uint8Array },
): Bytes | undefined {
  return withMaterial(context, messageKey, (material) => {
    const expected = macOf(context, material.authenticationKey, message.authenticated);
    if (!equalBytes(expected, message.mac)) return undefined;
    return context.symmetric.aesCbcDecrypt(material.encryptionKey, material.iv, message.ciphertext);
  });
}
