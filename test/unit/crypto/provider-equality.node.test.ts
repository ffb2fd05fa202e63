import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nobleGcm } from "../../../src/crypto/noble-gcm.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { nodeGcm } from "../../../src/crypto/node-gcm.js";
import { nodeProvider } from "../../../src/crypto/node-provider.js";
import { lowOrderInputs, smallOrderEdwardsInputs } from "../../../src/testing/provider-contract-curve.js";
import { agreementOf, outcome } from "../../support/agreement.js";
import { hex } from "./hex.js";

const seed = Number(process.env["SOTTO_SEED"] ?? Date.now() % 0x7fff_ffff);
const bytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const agree = agreementOf(nodeProvider, nobleProvider);

async function check<Values>(runs: number, property: fc.IAsyncProperty<Values>): Promise<void> {
  await fc.assert(property, { seed, numRuns: runs });
}

describe(`C10 the providers agree on every input (seed ${seed}, SOTTO_SEED replays it)`, () => {
  test("C10 hashes, MACs and key derivation", () =>
    check(300, fc.asyncProperty(bytes(0, 200), bytes(0, 200), fc.integer({ min: -1, max: 300 }), async (a, b, length) => {
      await agree(({ symmetric }) => [symmetric.sha256(a), symmetric.sha512(a), symmetric.hmacSha256(a, b)]);
      await agree(({ symmetric }) => symmetric.hkdfSha256(a, b, a, length));
    })));

  test("C10 ciphers, sealing and opening, lengths included", () => {
    const key = fc.oneof(bytes(16), bytes(24), bytes(32));
    const iv = fc.oneof(bytes(12), bytes(16), bytes(8));
    return check(500, fc.asyncProperty(key, iv, bytes(0, 80), bytes(0, 17), async (k, v, data, tag) => {
      await agree(({ symmetric }) => symmetric.aesCbcEncrypt(k, v, data));
      await agree(({ symmetric }) => symmetric.aesCbcDecrypt(k, v, data));
      expect(await outcome(() => nodeGcm.seal(k, v, data))).toEqual(await outcome(() => nobleGcm.seal(k, v, data)));
      expect(await outcome(() => nodeGcm.open(k, v, data, tag))).toEqual(await outcome(() => nobleGcm.open(k, v, data, tag)));
    }));
  });

  test("C06 C10 padding at random: a decrypted block is accepted by both or by neither", () =>
    check(2000, fc.asyncProperty(bytes(32), bytes(16), bytes(16), async (k, v, data) => {
      await agree(({ symmetric }) => symmetric.aesCbcDecrypt(k, v, data));
    })));

  test("C01 C10 agreements and signatures", () => {
    const u = fc.oneof({ weight: 4, arbitrary: bytes(32) }, fc.constantFrom(...lowOrderInputs).map(hex), bytes(30, 34));
    return check(60, fc.asyncProperty(fc.oneof({ weight: 9, arbitrary: bytes(32) }, bytes(31, 33)), u, bytes(0, 64), async (k, point, message) => {
      await agree(({ curve }) => curve.x25519PublicKey(k));
      await agree(({ curve }) => curve.x25519(k, point));
      await agree(({ curve }) => curve.ed25519PublicKey(k));
      await agree(({ curve }) => curve.ed25519Sign(k, message));
    }));
  });

  test("C02 C10 verification of right, bent and hostile signatures", () => {
    const strange = fc.constantFrom(...smallOrderEdwardsInputs).map(hex);
    const bend = fc.option(fc.integer({ min: 0, max: 511 }), { nil: undefined });
    return check(150, fc.asyncProperty(bytes(32), bytes(0, 32), fc.option(strange), fc.option(strange), bend, async (k, message, key, r, bit) => {
      const publicKey = key ?? (await nodeProvider.curve.ed25519PublicKey(k));
      const signature = await nodeProvider.curve.ed25519Sign(k, message);
      if (r !== null) signature.set(r);
      if (bit !== undefined) signature[bit >> 3] = (signature[bit >> 3] as number) ^ (1 << (bit & 7));
      await agree(({ curve }) => curve.ed25519Verify(publicKey, message, signature));
    }));
  });
});
