/**
 * What every CryptoProvider must do, as named cases that any runner can run (threats C01, C02, C05, C06, C10).
 * Values: RFC 4231, 5869, 7748, 8032, FIPS 180-4; the signatures with a torsion part were computed for this file.
 * Not here: the vectors of other implementations, which live with the tests.
 * @module
 */
import { equalBytes, fromHex, toHex, utf8, type Bytes } from "../base/bytes.js";
import { invariant } from "../base/errors.js";
import { CryptoError } from "../crypto/errors.js";
import type { CryptoProvider, SymmetricCrypto } from "../crypto/provider.js";

/** One promise of the port. `run` fails with an InternalError that says what was broken. */
export interface ProviderCase {
  /** A sentence. */
  readonly name: string;
  readonly run: (provider: CryptoProvider) => Promise<void>;
}

function hex(text: string): Bytes {
  const bytes = fromHex(text);
  invariant(bytes !== undefined, "a constant in hexadecimal");
  return bytes;
}

function same(actual: Uint8Array, expected: string, what: string): void {
  invariant(toHex(actual) === expected, `${what}: wrong bytes`);
}

async function refused(operation: () => unknown, code: string, what: string): Promise<void> {
  let caught: unknown;
  try {
    await operation();
  } catch (error) {
    caught = error;
  }
  invariant(caught instanceof CryptoError && caught.code === code, `${what}: not refused with ${code}`);
}

function refusedAsBug(operation: () => unknown, what: string): void {
  let caught: unknown;
  try {
    operation();
  } catch (error) {
    caught = error;
  }
  invariant(caught instanceof Error && "code" in caught && caught.code === "ERR_INTERNAL", `${what}: not refused`);
}

/** `size` bytes that look random and are the same in every run. */
function filler(size: number, start: number): Bytes {
  return Uint8Array.from({ length: size }, (_, i) => (start + i * 7 + ((i * i) >> 3)) & 0xff);
}

/** Every u with the all-zero result: orders 1 to 8 on curve and twist, p and p + 1, and all of them with the top bit. */
export const lowOrderInputs: readonly string[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].flatMap((u) => [u, `${u.slice(0, 62)}${(Number.parseInt(u.slice(62), 16) | 0x80).toString(16)}`]);

/** Ed25519 encodings of small order: canonical ones, their sign-flipped twins, and those with y at or above p. */
export const smallOrderEdwardsInputs: readonly string[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

const signer = {
  seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
  publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
  emptySignature:
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
};

/** Pass a check with cofactor, fail the one without. */
const torsionSignatures = [
  {
    what: "a key with a torsion part",
    publicKey: "979938fc2344dc0121f89e9390dd69e365e8911b04e3c4e97855af6acdafabff",
    signature:
      "a128896d8342f2948cf4a341b8f8b43bdc3ba5d9c0ca2f50377f06d0087cdd06583c630e3afca412f135c5aadce175f3ee78934228c8e2566eacc2738e6f3e03",
  },
  {
    what: "an R with a torsion part",
    publicKey: "825ff99f76eff5b654b036803228089f75f72b3892eb1a09a08f58bb9b661092",
    signature:
      "e7b39bf8c8592e366e849f77aca1b2eb38538d202283c4af3a4f2182bada944bf41c84a8194a9edfdfe938c5d7a863d8ce952c77b30e4ff033851967a2d0f704",
  },
];

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

function checkGcmTags(symmetric: SymmetricCrypto): void {
  for (const [keySize, ivSize, size] of [[16, 12, 0], [16, 16, 21], [32, 12, 1024], [32, 16, 16]] as const) {
    const key = filler(keySize, 1);
    const iv = filler(ivSize, 2);
    const plaintext = filler(size, 3);
    const { ciphertext, tag } = symmetric.aesGcmEncrypt(key, iv, plaintext);
    invariant(ciphertext.length === size && tag.length === 16, "GCM: lengths");
    const opened = symmetric.aesGcmDecrypt(key, iv, ciphertext, tag);
    invariant(opened !== undefined && equalBytes(opened, plaintext), "GCM: opens what was sealed");
    for (let bit = 0; bit < 128; bit++) {
      const bent = new Uint8Array(tag);
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      invariant(symmetric.aesGcmDecrypt(key, iv, ciphertext, bent) === undefined, `GCM: tag bit ${bit}`);
    }
    for (const length of [0, 4, 8, 12, 13, 14, 15]) {
      invariant(symmetric.aesGcmDecrypt(key, iv, ciphertext, tag.subarray(0, length)) === undefined, "GCM: short tag");
    }
    invariant(symmetric.aesGcmDecrypt(key, iv, ciphertext, new Uint8Array([...tag, 0])) === undefined, "GCM: long tag");
    invariant(symmetric.aesGcmDecrypt(key, filler(13, 2), ciphertext, tag) === undefined, "GCM: IV of 13 bytes");
    invariant(symmetric.aesGcmDecrypt(filler(24, 1), iv, ciphertext, tag) === undefined, "GCM: key of 24 bytes");
  }
}

const cipherCases: readonly ProviderCase[] = [
  {
    name: "C06 AES-256-CBC gives the same nothing for every bad padding and length",
    run: async ({ symmetric }) => checkCbcPadding(symmetric),
  },
  {
    name: "C05 AES-GCM refuses every changed, shortened or lengthened tag, and lengths of key and IV that OMEMO does not have",
    run: async ({ symmetric }) => checkGcmTags(symmetric),
  },
  {
    name: "Keys and IVs of a wrong length are a bug of the caller when sealing",
    run: async ({ symmetric }) => {
      const data = filler(16, 0);
      refusedAsBug(() => symmetric.aesCbcEncrypt(filler(16, 0), filler(16, 0), data), "CBC key of 16 bytes");
      refusedAsBug(() => symmetric.aesCbcEncrypt(filler(32, 0), filler(12, 0), data), "CBC IV of 12 bytes");
      refusedAsBug(() => symmetric.aesCbcDecrypt(filler(31, 0), filler(16, 0), data), "CBC key of 31 bytes");
      refusedAsBug(() => symmetric.aesGcmEncrypt(filler(24, 0), filler(12, 0), data), "GCM key of 24 bytes");
      refusedAsBug(() => symmetric.aesGcmEncrypt(filler(16, 0), filler(8, 0), data), "GCM IV of 8 bytes");
    },
  },
];

const curveCases: readonly ProviderCase[] = [
  {
    name: "X25519 is that of RFC 7748, clamps on use, drops bit 255 and reduces what is not canonical",
    run: async ({ curve }) => {
      const scalar = hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
      const u = hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
      const expected = "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552";
      same(await curve.x25519(scalar, u), expected, "X25519");
      u[31] = (u[31] as number) | 0x80;
      same(await curve.x25519(scalar, u), expected, "X25519 with the top bit");
      const nine = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0));
      const ninePlusP = hex(`f6${"ff".repeat(30)}7f`);
      const own = toHex(await curve.x25519PublicKey(scalar));
      same(await curve.x25519(scalar, nine), own, "X25519 of the base point");
      same(await curve.x25519(scalar, ninePlusP), own, "X25519 of 9 + p");
    },
  },
  {
    name: "C01 X25519 refuses every input of low order, in every spelling",
    run: async ({ curve }) => {
      for (const u of lowOrderInputs) {
        await refused(() => curve.x25519(filler(32, 5), hex(u)), "ERR_CRYPTO_LOW_ORDER", `X25519 with ${u}`);
      }
    },
  },
  {
    name: "C03 curve keys and seeds of a wrong length are refused with the same error everywhere",
    run: async ({ curve }) => {
      for (const size of [0, 1, 31, 33, 64]) {
        const wrong = filler(size, 5);
        const right = filler(32, 5);
        const code = "ERR_CRYPTO_INVALID_KEY";
        await refused(() => curve.x25519(wrong, right), code, "X25519 private key");
        await refused(() => curve.x25519(right, wrong), code, "X25519 public key");
        await refused(() => curve.x25519PublicKey(wrong), code, "X25519 private key");
        await refused(() => curve.ed25519PublicKey(wrong), code, "Ed25519 seed");
        await refused(() => curve.ed25519Sign(wrong, right), code, "Ed25519 seed");
        invariant(!(await curve.ed25519Verify(wrong, right, filler(64, 1))), "Ed25519 public key of a wrong length");
        if (size !== 64) invariant(!(await curve.ed25519Verify(right, right, wrong)), "Ed25519 signature of a wrong length");
      }
    },
  },
  {
    name: "Ed25519 is that of RFC 8032",
    run: async ({ curve }) => {
      const empty = new Uint8Array(0);
      same(await curve.ed25519PublicKey(hex(signer.seed)), signer.publicKey, "Ed25519 public key");
      same(await curve.ed25519Sign(hex(signer.seed), empty), signer.emptySignature, "Ed25519 signature");
      invariant(await curve.ed25519Verify(hex(signer.publicKey), empty, hex(signer.emptySignature)), "Ed25519 verifies");
    },
  },
  {
    name: "C02 Ed25519 verification fails for every changed bit of key and signature",
    run: async ({ curve }) => {
      const message = utf8("every bit counts");
      const key = hex(signer.publicKey);
      const signature = await curve.ed25519Sign(hex(signer.seed), message);
      invariant(await curve.ed25519Verify(key, message, signature), "unchanged");
      for (let bit = 0; bit < 512; bit += 3) {
        const bent = new Uint8Array(signature);
        bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
        invariant(!(await curve.ed25519Verify(key, message, bent)), `signature bit ${bit}`);
      }
      for (const bit of [0, 7, 100, 254, 255]) {
        const bent = new Uint8Array(key);
        bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
        invariant(!(await curve.ed25519Verify(bent, message, signature)), `key bit ${bit}`);
      }
    },
  },
  {
    name: "C02 Ed25519 verification refuses keys of small order and non-canonical ones, whatever the signature",
    run: async ({ curve }) => {
      for (const key of smallOrderEdwardsInputs) {
        for (const r of smallOrderEdwardsInputs) {
          const signature = hex(`${r}${"00".repeat(32)}`);
          invariant(!(await curve.ed25519Verify(hex(key), utf8("any"), signature)), `key ${key} with R ${r}`);
        }
      }
    },
  },
  {
    name: "C02 Ed25519 verification is without cofactor: a torsion part in key or R does not pass",
    run: async ({ curve }) => {
      for (const { what, publicKey, signature } of torsionSignatures) {
        invariant(!(await curve.ed25519Verify(hex(publicKey), utf8("mixed order"), hex(signature))), what);
      }
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
        symmetric.aesGcmEncrypt(key, iv, other).ciphertext,
        symmetric.aesGcmEncrypt(key, iv, other).tag,
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
