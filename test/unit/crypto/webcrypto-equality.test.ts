import * as fc from "fast-check";
import { describe, test } from "vitest";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { createWebCryptoProvider } from "../../../src/crypto/webcrypto-provider.js";
import { lowOrderInputs, smallOrderEdwardsInputs } from "../../../src/testing/provider-contract-curve.js";
import { agreementOf } from "../../support/agreement.js";
import { hex } from "./hex.js";

const { env } = (globalThis as { process?: { env: Readonly<Record<string, string>> } }).process ?? { env: {} };
const seed = Number(env["SOTTO_SEED"] ?? Date.now() % 0x7fff_ffff);
console.info(`SOTTO_SEED=${String(seed)}`);
const native = createWebCryptoProvider({ subtle: globalThis.crypto.subtle, loadNoble: () => Promise.reject(new RangeError("noble against noble proves nothing")) });
const bytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const agree = agreementOf(native, nobleProvider);

describe("C10 WebCrypto's curves and noble agree on every input", () => {
  test("C01 C10 agreements and signatures, unusual spellings of u included", () => {
    const nearP = fc.tuple(fc.integer({ min: 0xe8, max: 0xff }), fc.constantFrom("7f", "ff")).map(([low, top]) => hex(`${low.toString(16)}${"ff".repeat(30)}${top}`));
    const u = fc.oneof({ weight: 4, arbitrary: bytes(32) }, fc.constantFrom(...lowOrderInputs).map(hex), nearP, bytes(30, 34));
    return fc.assert(fc.asyncProperty(fc.oneof({ weight: 9, arbitrary: bytes(32) }, bytes(31, 33)), u, bytes(0, 64), async (key, point, message) => {
      await agree(({ curve }) => curve.x25519PublicKey(key));
      await agree(({ curve }) => curve.x25519(key, point));
      await agree(({ curve }) => curve.ed25519PublicKey(key));
      await agree(({ curve }) => curve.ed25519Sign(key, message));
    }), { seed, numRuns: 80 });
  });

  test("C02 C10 verification of right, bent and hostile signatures", () => {
    const strange = fc.constantFrom(...smallOrderEdwardsInputs).map(hex);
    const bend = fc.option(fc.integer({ min: 0, max: 511 }), { nil: undefined });
    return fc.assert(fc.asyncProperty(bytes(32), bytes(0, 32), fc.option(fc.oneof(strange, bytes(32))), fc.option(strange), bend, async (k, message, key, r, bit) => {
      const publicKey = key ?? (await nobleProvider.curve.ed25519PublicKey(k));
      const signature = await nobleProvider.curve.ed25519Sign(k, message);
      if (r !== null) signature.set(r);
      if (bit !== undefined) signature[bit >> 3] = (signature[bit >> 3] as number) ^ (1 << (bit & 7));
      await agree(({ curve }) => curve.ed25519Verify(publicKey, message, signature));
    }), { seed, numRuns: 150 });
  });
});
