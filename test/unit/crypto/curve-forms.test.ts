import { ed25519 } from "@noble/curves/ed25519.js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isCanonicalEdwards, isSmallOrderEdwards } from "../../../src/crypto/encodings.js";
import { edwardsOfU, isInPrimeSubgroup, isOnCurve, uOfEdwards } from "../../../src/crypto/curve-forms.js";
import { CryptoError } from "../../../src/crypto/errors.js";
import { identityKey } from "../../../src/crypto/identity-key.js";

const { Point, utils } = { Point: ed25519.Point, utils: ed25519.utils };
const { env } = (globalThis as { process?: { env: Readonly<Record<string, string>> } }).process ?? { env: {} };
const seed = Number(env["SOTTO_SEED"] ?? Date.now() % 0x7fff_ffff);
console.info(`SOTTO_SEED=${String(seed)}`);
const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
/** Of order 8; its multiples are all points whose order divides 8. */
const torsion = Point.fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");

/** What the reference says about bytes as a key, by its own arithmetic on Edwards points. */
function isIdentityByNoble(encoded: Uint8Array): boolean {
  if (!isCanonicalEdwards(encoded) || isSmallOrderEdwards(encoded)) return false;
  try {
    return Point.fromBytes(encoded, false).isTorsionFree();
  } catch {
    return false;
  }
}

function isIdentity(encoded: Uint8Array): boolean {
  try {
    identityKey(encoded);
    return true;
  } catch (error) {
    if (error instanceof CryptoError) return false;
    throw error;
  }
}

describe("the two forms of a point, held against noble", () => {
  test("C03 random bytes are an identity for both or for neither", () => {
    let accepted = 0;
    fc.assert(fc.property(bytes, (encoded) => {
      expect(isIdentity(encoded)).toBe(isIdentityByNoble(encoded));
      if (isIdentity(encoded)) accepted += 1;
    }), { seed, numRuns: 300 });
    expect(accepted).toBeGreaterThan(0); // one point in sixteen is in the subgroup
  });

  test("C03 C04 honest keys pass in both forms, and with any torsion part added in none", () => {
    fc.assert(fc.property(bytes, (secret) => {
      const honest = Point.fromBytes(ed25519.getPublicKey(secret));
      let point = honest;
      for (let part = 0; part < 8; part++, point = point.add(torsion)) {
        const encoded = new Uint8Array(point.toBytes());
        const u = uOfEdwards(encoded);
        expect(u).toEqual(utils.toMontgomery(encoded));
        expect(isOnCurve(u)).toBe(true);
        expect(isInPrimeSubgroup(u)).toBe(part === 0);
        expect(isIdentity(encoded)).toBe(part === 0);
        const back = edwardsOfU(u);
        expect((back[31] as number) >> 7).toBe(0);
        back[31] = (back[31] as number) | ((encoded[31] as number) & 0x80);
        expect(back).toEqual(encoded);
      }
    }), { seed, numRuns: 25 });
  });

  test("C03 a u belongs to the curve or to the twist as noble says", () => {
    fc.assert(fc.property(bytes, (encoded) => {
      const y = Uint8Array.from(encoded, (byte, i) => (i === 31 ? byte & 0x3f : byte)); // canonical, sign bit 0
      let onCurve = true;
      try {
        Point.fromBytes(y, false);
      } catch {
        onCurve = false;
      }
      expect(isOnCurve(uOfEdwards(y))).toBe(onCurve);
    }), { seed, numRuns: 200 });
  });
});
