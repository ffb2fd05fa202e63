import { describe, expect, test } from "vitest";
import { concatBytes, toHex } from "../../../src/base/bytes.js";
import { bundlePreKeysMax } from "../../../src/base/limits.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import {
  publicKeyFromLegacyWire, verifyLegacyBundle, verifyOmemo2Bundle, type BundleParts, type VerifiedBundle,
} from "../../../src/crypto/x3dh/bundle.js";
import { lowOrderInputs, smallOrderEdwardsInputs } from "../../../src/testing/provider-contract-curve.js";
import stanzas from "../../vectors/stanzas.json" with { type: "json" };
import { hex } from "./hex.js";

type Verify = (parts: BundleParts) => Promise<VerifiedBundle>;
const omemo2: Verify = (parts) => verifyOmemo2Bundle(nobleProvider, parts);
const legacy: Verify = (parts) => verifyLegacyBundle(nobleProvider, parts);

const failure = (code: string): unknown => expect.objectContaining({ name: "CryptoError", code });
const badKey = failure("ERR_CRYPTO_INVALID_KEY");
const badSignature = failure("ERR_CRYPTO_BAD_SIGNATURE");
const noPreKey = failure("ERR_X3DH_NO_PREKEY");

/** The bundles of the vectors that are good, as parts. */
const bundles = stanzas.bundles.flatMap((v) => {
  if (v.expect !== "ok" || v.bundle === undefined || v.bundle.preKeys.length === 0) return [];
  const { bundle } = v;
  const prefix = v.version === "legacy" ? "05" : "";
  const wire = (pub: string) => hex(pub.length === 64 ? prefix + pub : pub);
  const parts: BundleParts = {
    identityKey: hex(bundle.identityKeyWire),
    signedPreKeyId: bundle.signedPreKeyId,
    signedPreKey: wire(bundle.signedPreKey),
    signedPreKeySignature: hex(bundle.signature),
    preKeys: bundle.preKeys.map(({ id, pub }) => ({ id, key: wire(pub) })),
  };
  return [{ what: `${v.version} ${v.identityKind}`, version: v.version, verify: v.version === "legacy" ? legacy : omemo2, prefix, parts, v }];
});

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const bent = new Uint8Array(bytes);
  bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
  return bent;
}

describe("bundles", () => {
  test("every good bundle of the vectors verifies, whatever kind of identity signed it", async () => {
    for (const { verify, parts, v } of bundles) {
      const verified = await verify(parts);
      expect(toHex(verified.identityCurve)).toBe(v.bundle.curvePub);
      expect(toHex(verified.identityCurve)).toBe(v.fingerprint);
      expect(verified.preKeys.map(({ id, key }) => ({ id, pub: toHex(key) }))).toEqual(
        v.bundle.preKeys.map(({ id, pub }) => ({ id, pub: pub.slice(-64) })),
      );
      if (v.version === "omemo:2") expect(toHex(verified.identity)).toBe(v.edFingerprint);
    }
    expect(new Set(bundles.map(({ what }) => what)).size).toBeGreaterThanOrEqual(8);
  });

  test("C02 C04 a changed bit in signature, signed prekey or identity ends in a typed refusal", async () => {
    for (const { verify, parts, what } of bundles) {
      for (const bit of [0, 255, 256, 500, 511]) {
        const bent = flip(parts.signedPreKeySignature, bit);
        await expect(verify({ ...parts, signedPreKeySignature: bent }), `${what} ${bit}`).rejects.toEqual(badSignature);
      }
      await expect(verify({ ...parts, signedPreKey: flip(parts.signedPreKey, 20) })).rejects.toEqual(badSignature);
      for (const size of [0, 63, 65]) {
        const signedPreKeySignature = new Uint8Array(size);
        await expect(verify({ ...parts, signedPreKeySignature })).rejects.toEqual(badSignature);
      }
      const identityKey = flip(parts.identityKey, parts.identityKey.length * 8 - 1); // the sign bit, or bit 255 of u
      await expect(verify({ ...parts, identityKey })).rejects.toMatchObject({ name: "CryptoError" });
    }
  });

  test("C04 a flipped sign bit of an omemo:2 identity fails", async () => {
    for (const { verify, parts, version } of bundles) {
      if (version === "omemo:2") await expect(verify({ ...parts, identityKey: flip(parts.identityKey, 255) })).rejects.toEqual(badSignature);
    }
  });

  test("C01 C03 an identity or signed prekey of low order is refused, a prekey of low order is passed over", async () => {
    for (const { verify, parts, prefix, version } of bundles) {
      for (const u of lowOrderInputs) {
        const low = hex(prefix + u);
        await expect(verify({ ...parts, signedPreKey: low })).rejects.toEqual(badKey);
        if (version === "legacy") await expect(verify({ ...parts, identityKey: low })).rejects.toEqual(badKey);
        await expect(verify({ ...parts, preKeys: [{ id: 1, key: low }] })).rejects.toEqual(noPreKey);
      }
      if (version === "legacy") continue;
      for (const key of smallOrderEdwardsInputs) {
        await expect(verify({ ...parts, identityKey: hex(key) })).rejects.toEqual(badKey);
      }
    }
  }, 60_000);

  test("C07 keys of a wrong length or type are refused; among prekeys they are passed over", async () => {
    for (const { verify, parts } of bundles) {
      const good = parts.preKeys[0] as BundleParts["preKeys"][number];
      const wrong = [new Uint8Array(0), good.key.subarray(1), concatBytes(good.key, Uint8Array.of(0)), concatBytes(Uint8Array.of(6), good.key.subarray(-32))];
      for (const key of wrong) {
        await expect(verify({ ...parts, identityKey: key })).rejects.toEqual(badKey);
        await expect(verify({ ...parts, signedPreKey: key })).rejects.toEqual(badKey);
        const { preKeys } = await verify({ ...parts, preKeys: [{ id: 77, key }, good] });
        expect(preKeys.map(({ id }) => id)).toEqual([good.id]);
      }
    }
  });

  test("prekey id 0 is taken, impossible ids and second uses of an id are passed over, and the number is bounded", async () => {
    const { verify, parts } = bundles[0] as (typeof bundles)[number];
    const [first, second] = parts.preKeys.map(({ key }) => key) as [Uint8Array, Uint8Array];
    const ids = [0, -1, 1.5, Number.NaN, 2 ** 31, 2 ** 31 - 1];
    const { preKeys } = await verify({ ...parts, preKeys: [...ids.map((id) => ({ id, key: first })), { id: 0, key: second }] });
    expect(preKeys).toEqual([{ id: 0, key: first }, { id: 2 ** 31 - 1, key: first }]);
    const many = Array.from({ length: bundlePreKeysMax + 1 }, (_, i) => ({ id: i + 1, key: first }));
    expect((await verify({ ...parts, preKeys: many })).preKeys).toHaveLength(bundlePreKeysMax);
    for (const signedPreKeyId of [-1, 1.5, Number.NaN, 2 ** 31]) {
      await expect(verify({ ...parts, signedPreKeyId })).rejects.toEqual(badKey);
    }
  });

  test("a bundle without one-time prekeys starts no session", async () => {
    for (const { verify, parts } of bundles) await expect(verify({ ...parts, preKeys: [] })).rejects.toEqual(noPreKey);
  });

  test("C03 a legacy wire key is exactly 05 and a valid u", () => {
    const u = bundles[0]?.v.fingerprint ?? "";
    expect(toHex(publicKeyFromLegacyWire(hex(`05${u}`)))).toBe(u);
    for (const bad of [u, `04${u}`, `05${u}00`, `0505${u}`, `05${"00".repeat(32)}`]) {
      expect(() => publicKeyFromLegacyWire(hex(bad)), bad).toThrow(badKey);
    }
  });
});
