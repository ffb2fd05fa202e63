/**
 * What every CryptoProvider must do, as named cases that any runner can run (threats C01, C02, C06, C10).
 * Values: RFC 4231, RFC 5869, FIPS 180-4.
 * Not here: AES-GCM (gcm-contract.ts); the vectors of other implementations, which live with the tests.
 * @module
 */
import { equalBytes, utf8 } from "../base/bytes.js";
import { invariant } from "../base/errors.js";
import type { SymmetricCrypto } from "../crypto/provider.js";
import { filler, hex, refusedAsBug, same, type ProviderCase } from "./provider-case.js";
import { curveCases } from "./provider-contract-curve.js";

const hashCases: readonly ProviderCase[] = [
  {
    name: "SHA-256 and SHA-512 of \"abc\" are those of FIPS 180-4",
    run: async ({ symmetric }) => {
      same(symmetric.sha256(utf8("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "SHA-256");
      same(
        symmetric.sha512(utf8("abc")),
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "SHA-512",
      );
    },
  },
  {
    name: "HMAC-SHA-256 is that of RFC 4231, also for keys longer than a block",
    run: async ({ symmetric }) => {
      const jefe = symmetric.hmacSha256(utf8("Jefe"), utf8("what do ya want for nothing?"));
      same(jefe, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "HMAC");
      const long = symmetric.hmacSha256(
        new Uint8Array(131).fill(0xaa),
        utf8("Test Using Larger Than Block-Size Key - Hash Key First"),
      );
      same(long, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", "HMAC with a long key");
    },
  },
  {
    name: "HKDF-SHA-256 is that of RFC 5869, with and without salt and info, and refuses impossible lengths",
    run: async ({ symmetric }) => {
      const inputKey = new Uint8Array(22).fill(0x0b);
      const none = new Uint8Array(0);
      const first = symmetric.hkdfSha256(hex("000102030405060708090a0b0c"), inputKey, hex("f0f1f2f3f4f5f6f7f8f9"), 42);
      same(first, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865", "HKDF");
      const third = symmetric.hkdfSha256(none, inputKey, none, 42);
      same(third, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8", "HKDF, no salt");
      invariant(symmetric.hkdfSha256(none, inputKey, none, 255 * 32).length === 255 * 32, "HKDF: its longest output");
      for (const length of [0, -1, 1.5, 255 * 32 + 1]) {
        refusedAsBug(() => symmetric.hkdfSha256(none, inputKey, none, length), `HKDF of length ${length}`);
      }
    },
  },
];

function checkCbcPadding(symmetric: SymmetricCrypto): void {
  const key = filler(32, 1);
  const iv = filler(16, 2);
  for (const size of [0, 1, 15, 16, 17, 48, 1024]) {
    const plaintext = filler(size, 3);
    const ciphertext = symmetric.aesCbcEncrypt(key, iv, plaintext);
    invariant(ciphertext.length === size + 16 - (size % 16), "CBC: one to sixteen bytes of padding");
    const opened = symmetric.aesCbcDecrypt(key, iv, ciphertext);
    invariant(opened !== undefined && equalBytes(opened, plaintext), "CBC: opens what was sealed");
  }
  // Two blocks; a change in the last byte of the first changes the padding byte of the second.
  const sealed = symmetric.aesCbcEncrypt(key, iv, filler(17, 3));
  for (const padding of [0, 16, 17, 255]) {
    const bent = new Uint8Array(sealed);
    bent[15] = (bent[15] as number) ^ 15 ^ padding;
    invariant(symmetric.aesCbcDecrypt(key, iv, bent) === undefined, `CBC: padding byte ${padding}`);
  }
  for (const size of [0, 1, 15, 17, 31]) {
    invariant(symmetric.aesCbcDecrypt(key, iv, sealed.subarray(0, size)) === undefined, `CBC: ${size} bytes`);
  }
}

const cipherCases: readonly ProviderCase[] = [
  {
    name: "C06 AES-256-CBC gives the same nothing for every bad padding and length",
    run: async ({ symmetric }) => checkCbcPadding(symmetric),
  },
  {
    name: "Keys and IVs of a wrong length are a bug of the caller when sealing",
    run: async ({ symmetric }) => {
      const data = filler(16, 0);
      refusedAsBug(() => symmetric.aesCbcEncrypt(filler(16, 0), filler(16, 0), data), "CBC key of 16 bytes");
      refusedAsBug(() => symmetric.aesCbcEncrypt(filler(32, 0), filler(12, 0), data), "CBC IV of 12 bytes");
      refusedAsBug(() => symmetric.aesCbcDecrypt(filler(31, 0), filler(16, 0), data), "CBC key of 31 bytes");
    },
  },
];

const portCases: readonly ProviderCase[] = [
  {
    name: "C10 results are plain byte arrays of their own, and no argument is changed",
    run: async ({ symmetric, curve }) => {
      const key = filler(32, 0xf1);
      const other = filler(32, 0x77);
      const iv = filler(16, 9);
      const results = [
        symmetric.sha256(key),
        symmetric.sha512(key),
        symmetric.hmacSha256(key, other),
        symmetric.hkdfSha256(iv, key, other, 80),
        symmetric.aesCbcEncrypt(key, iv, other),
        await curve.x25519PublicKey(key),
        await curve.x25519(key, other),
        await curve.ed25519PublicKey(key),
        await curve.ed25519Sign(key, other),
      ];
      for (const result of results) {
        invariant(Object.getPrototypeOf(result) === Uint8Array.prototype, "a result is no plain Uint8Array");
        result.fill(0);
      }
      invariant(equalBytes(key, filler(32, 0xf1)) && equalBytes(other, filler(32, 0x77)), "an argument was changed");
      invariant(equalBytes(iv, filler(16, 9)), "an IV was changed");
    },
  },
];

/** All promises of the port, for `test.each` or a loop. */
export const providerContract: readonly ProviderCase[] = [...hashCases, ...cipherCases, ...curveCases, ...portCases];
