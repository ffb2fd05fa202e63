import { describe, expect, test } from "vitest";
import { copyBytes } from "../../../src/base/bytes.js";
import { publicKey } from "../../../src/crypto/keys.js";
import { verifyLegacySignature } from "../../../src/crypto/legacy-signature.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { edwardsKeyOfPrivate, scalarWithSign, xeddsaSign } from "../../../src/crypto/xeddsa.js";
import vectors from "../../vectors/primitives.json" with { type: "json" };
import { hex } from "./hex.js";

const { curve, symmetric } = nobleProvider;

describe("signatures by Curve25519 keys", () => {
  test("C04 the Edwards key of a scalar is exact, sign included", () => {
    for (const v of vectors.conversions.fromPriv) expect(edwardsKeyOfPrivate(hex(v.priv))).toEqual(hex(v.ed25519Pub));
  });

  test("C04 the scalar for a wanted sign is the clamped one or its negative", () => {
    for (const v of vectors.conversions.forceSign) {
      expect(scalarWithSign(hex(v.priv), 0)).toEqual(hex(v.scalarSign0));
      expect(scalarWithSign(hex(v.priv), 1)).toEqual(hex(v.scalarSign1));
    }
  });

  test("C04 signing equals libxeddsa byte for byte, and verifies under the key that was used", async () => {
    for (const v of vectors.signatures.privSign) {
      const form = v.what.startsWith("XEdDSA") ? "xeddsa" : "as-is";
      const signature = xeddsaSign(symmetric, () => hex(v.nonce), hex(v.priv), hex(v.message), form);
      expect(signature, v.what).toEqual(hex(v.signature));
      expect(await curve.ed25519Verify(hex(v.ed25519PubUsed), hex(v.message), signature)).toBe(true);
    }
  });

  test("C12 the nonce is overwritten after signing", () => {
    const nonce = new Uint8Array(64).fill(7);
    xeddsaSign(symmetric, () => nonce, new Uint8Array(32).fill(9), Uint8Array.of(1));
    expect(nonce).toEqual(new Uint8Array(64));
  });
});

describe("signatures in legacy bundles", () => {
  test("C04 the vectors verify or fail as they should, flipped sign bits included", async () => {
    for (const v of vectors.signatures.legacyVerify) {
      const valid = await verifyLegacySignature(curve, publicKey(hex(v.curve25519Pub)), hex(v.message), hex(v.signature));
      expect([v.what, valid]).toEqual([v.what, v.valid]);
    }
  });

  test("C04 set bits 5 and 6 of the last byte fail, as does every length but 64", async () => {
    const valid = vectors.signatures.legacyVerify.filter((v) => v.valid);
    for (const v of valid) {
      const u = publicKey(hex(v.curve25519Pub));
      for (const bit of [0x20, 0x40]) {
        const signature = hex(v.signature);
        signature[63] = (signature[63] as number) | bit;
        expect(await verifyLegacySignature(curve, u, hex(v.message), signature)).toBe(false);
      }
      for (const signature of [hex(v.signature).subarray(0, 63), new Uint8Array([...hex(v.signature), 0]), new Uint8Array(0)]) {
        expect(await verifyLegacySignature(curve, u, hex(v.message), signature)).toBe(false);
        // Not even with a provider that looks at nothing.
        expect(await verifyLegacySignature({ ...curve, ed25519Verify: () => true }, u, hex(v.message), signature)).toBe(false);
      }
    }
    expect(valid.length).toBeGreaterThan(0);
  });

  test("C03 an identity on the twist verifies nothing", async () => {
    const twist = publicKey(hex(`02${"00".repeat(31)}`));
    expect(await verifyLegacySignature(curve, twist, Uint8Array.of(1), new Uint8Array(64))).toBe(false);
  });

  test("checking leaves the signature as it was", async () => {
    const v = vectors.signatures.legacyVerify[0];
    const signature = hex(v?.signature ?? "");
    const before = copyBytes(signature);
    await verifyLegacySignature(curve, publicKey(hex(v?.curve25519Pub ?? "")), hex(v?.message ?? ""), signature);
    expect(signature).toEqual(before);
  });
});
