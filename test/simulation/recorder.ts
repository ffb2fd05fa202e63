/**
 * The recorder of (message key, plaintext): every encryption in a world, and every ciphertext that left a process. An encryption whose
 * commit never happened may be made anew with the same key: nobody has seen the first one. So only what left counts.
 * Spec: threats C09.
 * @module
 */
import { fromBase64 } from "../../src/base/base64.js";
import { childElements, textOf, type XmlElement } from "../../src/base/xml.js";
import type { CryptoProvider } from "../../src/crypto/provider.js";
import { omemo2Namespace } from "../../src/transport/xep/namespaces.js";

// Ciphertexts of the ratchet stand at the end of their protobuf message: 64 bytes, or 48 in messages without content.
const tails = [64, 48] as const;

const binary = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");

/** One per world. */
export class Recorder {
  /** By ciphertext. */
  readonly #encryptions = new Map<string, { readonly key: string; readonly plaintext: string }>();
  readonly #plaintexts = new Map<string, string>();
  /** Keys under which two plaintexts left. Must stay 0. */
  reused = 0;

  /** Keys of which something left. */
  get keys(): number {
    return this.#plaintexts.size;
  }

  /** `inner` with its encryptions recorded. */
  provider(inner: CryptoProvider): CryptoProvider {
    const symmetric = {
      ...inner.symmetric,
      aesCbcEncrypt: (key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array) => {
        const ciphertext = inner.symmetric.aesCbcEncrypt(key, iv, plaintext);
        this.#encryptions.set(binary(ciphertext), { key: binary(key), plaintext: binary(plaintext) });
        return ciphertext;
      },
    };
    return { ...inner, symmetric };
  }

  /** Takes note of the ciphertexts in what leaves. */
  leaving(element: XmlElement): void {
    for (const encrypted of childElements(element)) {
      if (encrypted.ns === omemo2Namespace && encrypted.name === "encrypted") this.#look(encrypted);
    }
  }

  #look(element: XmlElement): void {
    for (const child of childElements(element)) {
      if (child.name === "key" || child.name === "payload") this.#leave(fromBase64(textOf(child)) ?? new Uint8Array());
      else this.#look(child);
    }
  }

  #leave(bytes: Uint8Array): void {
    for (const candidate of [bytes, ...tails.map((length) => bytes.subarray(-length))]) {
      const made = this.#encryptions.get(binary(candidate));
      if (made === undefined) continue;
      const known = this.#plaintexts.get(made.key);
      if (known !== undefined && known !== made.plaintext) this.reused += 1;
      this.#plaintexts.set(made.key, made.plaintext);
    }
  }
}
