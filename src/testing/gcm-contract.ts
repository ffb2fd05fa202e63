/**
 * What every GcmCrypto must do, as named cases that any runner can run (threats C05, C10).
 * Not here: the other primitives (provider-contract.ts); the vectors of other implementations, which live with the tests.
 * @module
 */
import { equalBytes } from "../base/bytes.js";
import { invariant } from "../base/errors.js";
import type { GcmCrypto } from "../crypto/gcm.js";
import { filler, hex, refusedAsBug } from "./provider-case.js";

/** One promise of the port. `run` fails with an InternalError that says what was broken. */
export interface GcmCase {
  /** A sentence. */
  readonly name: string;
  /** Throws if `gcm` breaks the promise. */
  readonly run: (gcm: GcmCrypto) => void;
}

/** Correctly sealed, with lengths of key or IV that OMEMO does not have. */
const foreignLengths = [
  { keySize: 16, ivSize: 13, ciphertext: "fe37cd6e84", tag: "761d8e9685890129cb030f34b2b9ef1c" },
  { keySize: 24, ivSize: 12, ciphertext: "06dd160feb", tag: "c1a9fe1918dc0a795da4c773ce48aad7" },
  { keySize: 16, ivSize: 8, ciphertext: "234b786c32", tag: "76542062140f7afcc8ce5ff23688571f" },
];

function checkTags(gcm: GcmCrypto): void {
  for (const [keySize, ivSize, size] of [[16, 12, 0], [16, 16, 21], [32, 12, 1024], [32, 16, 16]] as const) {
    const key = filler(keySize, 1);
    const iv = filler(ivSize, 2);
    const plaintext = filler(size, 3);
    const { ciphertext, tag } = gcm.seal(key, iv, plaintext);
    invariant(ciphertext.length === size && tag.length === 16, "GCM: lengths");
    const opened = gcm.open(key, iv, ciphertext, tag);
    invariant(opened !== undefined && equalBytes(opened, plaintext), "GCM: opens what was sealed");
    for (let bit = 0; bit < 128; bit++) {
      const bent = new Uint8Array(tag);
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      invariant(gcm.open(key, iv, ciphertext, bent) === undefined, `GCM: tag bit ${bit}`);
    }
    for (const length of [0, 4, 8, 12, 13, 14, 15]) {
      invariant(gcm.open(key, iv, ciphertext, tag.subarray(0, length)) === undefined, "GCM: short tag");
    }
    invariant(gcm.open(key, iv, ciphertext, new Uint8Array([...tag, 0])) === undefined, "GCM: long tag");
    // The same bytes, cut elsewhere: an interface that joins ciphertext and tag must not let the border move.
    const shifted = new Uint8Array([...ciphertext, ...tag.subarray(0, 4)]);
    invariant(gcm.open(key, iv, shifted, tag.subarray(4)) === undefined, "GCM: a tag that begins too early");
  }
  for (const { keySize, ivSize, ciphertext, tag } of foreignLengths) {
    const opened = gcm.open(filler(keySize, 1), filler(ivSize, 2), hex(ciphertext), hex(tag));
    invariant(opened === undefined, `GCM: key of ${keySize} bytes with IV of ${ivSize}`);
  }
}

function checkResults(gcm: GcmCrypto): void {
  const key = filler(32, 0xf1);
  const other = filler(32, 0x77);
  const iv = filler(16, 9);
  const { ciphertext, tag } = gcm.seal(key, iv, other);
  const opened = gcm.open(key, iv, ciphertext, tag);
  invariant(opened !== undefined, "GCM: opens what was sealed");
  for (const result of [ciphertext, tag, opened]) {
    invariant(Object.getPrototypeOf(result) === Uint8Array.prototype, "a result is no plain Uint8Array");
    result.fill(0);
  }
  invariant(equalBytes(key, filler(32, 0xf1)) && equalBytes(other, filler(32, 0x77)), "an argument was changed");
  invariant(equalBytes(iv, filler(16, 9)), "an IV was changed");
}

/** All promises of the port, for `test.each` or a loop. */
export const gcmContract: readonly GcmCase[] = [
  {
    name: "C05 AES-GCM refuses every changed, shortened or lengthened tag, and lengths of key and IV that OMEMO does not have",
    run: checkTags,
  },
  {
    name: "AES-GCM: keys and IVs of a wrong length are a bug of the caller when sealing",
    run: (gcm) => {
      const data = filler(16, 0);
      refusedAsBug(() => gcm.seal(filler(24, 0), filler(12, 0), data), "GCM key of 24 bytes");
      refusedAsBug(() => gcm.seal(filler(16, 0), filler(8, 0), data), "GCM IV of 8 bytes");
    },
  },
  { name: "C10 AES-GCM: results are plain byte arrays of their own, and no argument is changed", run: checkResults },
];
