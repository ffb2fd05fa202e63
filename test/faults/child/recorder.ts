/**
 * The recorder of (message key, plaintext hash): every encryption of the program, and every ciphertext it wrote to a socket (Node only).
 *
 * An encryption whose commit never happened may be made anew with the same message key after a restart; nobody ever saw the first one.
 * So the records say both what was encrypted and what left, and key-records.ts joins them by the ciphertext. Lines survive SIGKILL: what
 * write(2) has taken belongs to the kernel.
 * @module
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import type { CryptoProvider } from "sotto";

/** One line of the file; all values are truncated SHA-256. */
export type KeyRecord =
  | { readonly kind: "encrypted"; readonly key: string; readonly plaintext: string; readonly ciphertext: string }
  | { readonly kind: "left"; readonly ciphertext: string };

/** Ciphertexts of the ratchet stand at the end of their protobuf message: 64 bytes, or 48 in messages without content. */
const tails = [64, 48] as const;
const hash = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex").slice(0, 32);

export class Recorder {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a", 0o600);
  }

  /** `inner` with its encryptions recorded. */
  provider(inner: CryptoProvider): CryptoProvider {
    const symmetric = {
      ...inner.symmetric,
      aesCbcEncrypt: (key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array) => {
        const ciphertext = inner.symmetric.aesCbcEncrypt(key, iv, plaintext);
        this.#write({ kind: "encrypted", key: hash(key), plaintext: hash(plaintext), ciphertext: hash(ciphertext) });
        return ciphertext;
      },
    };
    return { ...inner, symmetric };
  }

  /** Takes note of the ciphertexts in what is about to be written to a socket. */
  leaving(text: string): void {
    for (const [, name, content] of text.matchAll(/<(key|payload)\b[^>]*>([A-Za-z0-9+/=]+)</g)) {
      const bytes = Buffer.from(content as string, "base64");
      if (name === "payload") this.#write({ kind: "left", ciphertext: hash(bytes) });
      else for (const length of tails) if (bytes.length >= length) this.#write({ kind: "left", ciphertext: hash(bytes.subarray(-length)) });
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(record: KeyRecord): void {
    writeSync(this.#file, `${JSON.stringify(record)}\n`);
  }
}
