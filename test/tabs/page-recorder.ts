/** A crypto provider that tells of each encryption with a message key, in hashes. @module */
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "../../src/base/bytes.js";
import type { CryptoProvider } from "../../src/crypto/provider.js";
import type { PageReport } from "./page.js";

const hash = (data: Uint8Array): string => toHex(sha256(data)).slice(0, 32);

export function recorded(inner: CryptoProvider, tell: (report: PageReport) => void): CryptoProvider {
  const symmetric = {
    ...inner.symmetric,
    aesCbcEncrypt: (key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array) => {
      const ciphertext = inner.symmetric.aesCbcEncrypt(key, iv, plaintext);
      tell({ kind: "encrypted", key: hash(key), plaintext: hash(plaintext), ciphertext: hash(ciphertext) });
      return ciphertext;
    },
  };
  return { ...inner, symmetric };
}
