import { describe, expect, test } from "vitest";
import { copyBytes, type Bytes } from "../../../src/base/bytes.js";
import {
  generateIdentityKeyPair, identityKey, identityKeyFromCurve, identityKeyPairFromSeed, signBitOf, toCurve,
} from "../../../src/crypto/identity-key.js";
import { publicKey } from "../../../src/crypto/keys.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { smallOrderEdwardsInputs } from "../../../src/testing/provider-contract-curve.js";
import vectors from "../../vectors/primitives.json" with { type: "json" };
import { hex } from "./hex.js";

const invalid: unknown = expect.objectContaining({ name: "CryptoError", code: "ERR_CRYPTO_INVALID_KEY" });
const seeds = vectors.conversions.fromSeed;
// 5·B plus a point of order 8, and its X25519 form.
const mixedOrder = "131604d01865fbedf9f662d25311c68a197cf286f2683724873a147fed6ada35";
const mixedOrderU = "c52ae22df3a21ab44c82f0cb6314cdf399a070b7d5950e066d3707e95623911b";

describe("identity keys from outside", () => {
  test("C04 both forms convert exactly, and each sign gives its own Ed25519 key", () => {
    for (const v of seeds) {
      const key = identityKey(hex(v.ed25519Pub));
      expect(key).toEqual(hex(v.ed25519Pub));
      expect(signBitOf(key)).toBe(v.signBit);
      expect(toCurve(key)).toEqual(hex(v.curve25519Pub));
      const u = publicKey(hex(v.curve25519Pub));
      expect(identityKeyFromCurve(u, 0)).toEqual(hex(v.ed25519PubSign0));
      expect(identityKeyFromCurve(u, 1)).toEqual(hex(v.ed25519PubSign1));
      expect(toCurve(identityKeyFromCurve(u, 1))).toEqual(u);
    }
    for (const v of vectors.conversions.fromPriv) {
      expect(toCurve(identityKey(hex(v.ed25519Pub)))).toEqual(hex(v.curve25519Pub));
    }
  });

  test("C03 what the vectors call invalid is refused", () => {
    for (const v of vectors.conversions.invalidEd25519) expect(() => identityKey(hex(v.ed25519Pub)), v.what).toThrow(invalid);
  });

  test("C02 C03 keys of small order are refused, in every spelling", () => {
    for (const key of smallOrderEdwardsInputs) expect(() => identityKey(hex(key)), key).toThrow(invalid);
  });

  test("C03 non-canonical encodings are refused", () => {
    for (let last = 0xed; last <= 0xff; last++) {
      for (const top of ["7f", "ff"]) {
        expect(() => identityKey(hex(`${last.toString(16)}${"ff".repeat(30)}${top}`))).toThrow(
          expect.objectContaining({ code: "ERR_CRYPTO_INVALID_KEY", message: "an identity key is not canonical" }),
        );
      }
    }
  });

  test("C03 keys of mixed order are refused in both forms", () => {
    expect(() => identityKey(hex(mixedOrder))).toThrow(invalid);
    expect(() => identityKeyFromCurve(publicKey(hex(mixedOrderU)), 0)).toThrow(invalid);
    expect(() => identityKeyFromCurve(publicKey(hex(mixedOrderU)), 1)).toThrow(invalid);
  });

  test("C03 an X25519 key on the twist is no identity", () => {
    for (const u of ["02", "03", "05"]) {
      expect(() => identityKeyFromCurve(publicKey(hex(`${u}${"00".repeat(31)}`)), 0), u).toThrow(invalid);
    }
  });

  test("C07 keys of another length are refused", () => {
    for (const size of [0, 31, 33, 64]) expect(() => identityKey(new Uint8Array(size).fill(7))).toThrow(
      expect.objectContaining({ code: "ERR_CRYPTO_INVALID_KEY", message: "an identity key has 32 bytes" }),
    );
  });

  test("the error says neither the key nor what the library said", () => {
    try {
      identityKey(hex(`02${"00".repeat(31)}`));
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ message: "an identity key is not a point of the curve" });
      expect((error as Error).cause).toBeUndefined();
    }
  });
});

describe("own identities", () => {
  test("C04 everything follows from the seed", async () => {
    for (const v of seeds) {
      const pair = await identityKeyPairFromSeed(nobleProvider, hex(v.seed));
      expect(pair).toEqual({
        seed: hex(v.seed), publicKey: hex(v.ed25519Pub), curvePrivateKey: hex(v.priv), curvePublicKey: hex(v.curve25519Pub),
      });
      expect(await nobleProvider.curve.x25519PublicKey(pair.curvePrivateKey)).toEqual(pair.curvePublicKey);
    }
  });

  test("C04 C12 a new identity has sign bit 0, and the seeds that were passed over are overwritten", async () => {
    const unwanted = seeds.filter(({ signBit }) => signBit === 1).map(({ seed }) => hex(seed));
    const wanted = seeds.find(({ signBit }) => signBit === 0);
    const draws: Bytes[] = [...unwanted, hex(wanted?.seed ?? "")];
    const handedOut: Bytes[] = [];
    const pair = await generateIdentityKeyPair(nobleProvider, () => {
      const draw = copyBytes(draws[handedOut.length] as Bytes);
      handedOut.push(draw);
      return draw;
    });
    expect(unwanted.length).toBeGreaterThan(0);
    expect(handedOut).toHaveLength(draws.length);
    expect(signBitOf(pair.publicKey)).toBe(0);
    expect(pair.seed).toEqual(hex(wanted?.seed ?? ""));
    for (const seed of handedOut) expect(seed).toEqual(new Uint8Array(32));
  });

  test("C08 a source that repeats an unwanted seed ends in an error, not in a loop", async () => {
    const unwanted = hex(seeds.find(({ signBit }) => signBit === 1)?.seed ?? "");
    await expect(generateIdentityKeyPair(nobleProvider, () => copyBytes(unwanted))).rejects.toMatchObject({ code: "ERR_INTERNAL" });
  });
});
