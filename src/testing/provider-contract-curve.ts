/**
 * The part of the provider contract that concerns Curve25519 (threats C01, C02, C03).
 * Values: RFC 7748, RFC 8032; the signatures with a torsion part were computed for this file.
 * @module
 */
import { toHex, utf8 } from "../base/bytes.js";
import { invariant } from "../base/errors.js";
import { filler, hex, refused, same, type ProviderCase } from "./provider-case.js";

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

/** By the equation of points these are signatures by {@link signer}; R is the neutral point in a spelling that no signer emits. */
const respelledSignatures = [
  {
    what: "an R of x 0 with the sign bit set",
    signature:
      "010000000000000000000000000000000000000000000000000000000000008006a4ac11e766b92930e7b9eb1c110caf1aa08b3950448f04cc1e7e503ea4f504",
  },
  {
    what: "an R of y p + 1",
    signature:
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f6967dbd5bb6c3220c2415fc5be42dc08262a455f9a9e2c32eef7f7df2fa3040a",
  },
];

const agreementCases: readonly ProviderCase[] = [
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
];

const signatureCases: readonly ProviderCase[] = [
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
  {
    name: "C02 Ed25519 verification compares R as bytes: a second spelling of the same point does not pass, the first one does",
    run: async ({ curve }) => {
      for (const { what, signature } of respelledSignatures) {
        invariant(!(await curve.ed25519Verify(hex(signer.publicKey), utf8("mixed order"), hex(signature))), what);
      }
      const canonical =
        "010000000000000000000000000000000000000000000000000000000000000005edcd2f65c7b5dae5aa86718c9edca5bf9a3bd1361b6d947a6c92a9616f430a";
      invariant(await curve.ed25519Verify(hex(signer.publicKey), utf8("mixed order"), hex(canonical)), "an R that is the neutral point");
    },
  },
  {
    name: "C10 operations that are under way side by side do not disturb each other, nor does wiping their arguments",
    run: async ({ curve }) => {
      const keys = Array.from({ length: 40 }, (_, i) => filler(32, i));
      const publicKeys = await Promise.all(keys.map(async (key) => curve.x25519PublicKey(key)));
      const one = hex(toHex(await curve.x25519(keys[0] as Uint8Array, publicKeys[1] as Uint8Array)));
      const started = keys.map(async (key, i) => curve.x25519(key, publicKeys[(i + 1) % keys.length] as Uint8Array));
      const signed = curve.ed25519Sign(keys[0] as Uint8Array, publicKeys[1] as Uint8Array);
      for (const bytes of [...keys, ...publicKeys]) bytes.fill(0xa5);
      const shared = await Promise.all(started);
      invariant(toHex(shared[0] as Uint8Array) === toHex(one), "an agreement whose arguments were wiped");
      invariant(new Set(shared.map(toHex)).size === keys.length, "forty agreements of forty pairs");
      const [seed, message] = [filler(32, 0), await curve.x25519PublicKey(filler(32, 1))];
      same(await signed, toHex(await curve.ed25519Sign(seed, message)), "a signature whose arguments were wiped");
    },
  },
];

/** Agreements, signatures and what they refuse. */
export const curveCases: readonly ProviderCase[] = [...agreementCases, ...signatureCases];
