import { describe, expect, test, vi } from "vitest";
import { fromBase64 } from "../../../src/base/base64.js";
import { systemRng } from "../../../src/base/rng.js";
import { clamp, generateKeyPair, publicKey } from "../../../src/crypto/keys.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { lowOrderInputs } from "../../../src/testing/provider-contract-curve.js";
import vectors from "../../vectors/primitives.json" with { type: "json" };
import { hex } from "./hex.js";

const invalid: unknown = expect.objectContaining({ name: "CryptoError", code: "ERR_CRYPTO_INVALID_KEY" });
const good = "1857fe0d24f1b1cb10792b7f2b5d092de9b6dd21f6d7a1d7375c5f0d60f2d431";

describe("X25519 public keys from outside", () => {
  test("a valid key is taken as a copy", () => {
    for (const { pubA, pubB } of vectors.x25519.agreements) {
      expect(publicKey(hex(pubA))).toEqual(hex(pubA));
      expect(publicKey(hex(pubB))).toEqual(hex(pubB));
    }
    const source = hex(good);
    const key = publicKey(source);
    source.fill(0);
    expect(key).toEqual(hex(good));
  });

  test("C01 C03 every key of low order is refused, in every spelling", () => {
    for (const u of [...lowOrderInputs, ...vectors.x25519.lowOrder.map(({ pub }) => pub)]) {
      expect(() => publicKey(hex(u)), u).toThrow(invalid);
    }
  });

  test("C03 a non-canonical key is refused: p and above, and anything with bit 255", () => {
    for (const { pub } of vectors.x25519.nonCanonical) expect(() => publicKey(hex(pub)), pub).toThrow(invalid);
    for (let last = 0xed; last <= 0xff; last++) {
      expect(() => publicKey(hex(`${last.toString(16)}${"ff".repeat(30)}7f`)), `${last}`).toThrow(invalid);
    }
    expect(() => publicKey(hex(`${good.slice(0, 62)}b1`))).toThrow(invalid);
    expect(publicKey(hex(`eb${"ff".repeat(30)}7f`))).toHaveLength(32); // p - 2 is canonical and of high order
  });

  test("C03 a key on the twist agrees like any other: X25519 is safe with it", async () => {
    const twist = publicKey(hex(`02${"00".repeat(31)}`));
    const shared = await nobleProvider.curve.x25519(hex(good), twist);
    expect(shared.some((byte) => byte !== 0)).toBe(true);
  });

  test("C07 a key of any other length is refused", () => {
    for (const size of [0, 1, 31, 33, 64]) expect(() => publicKey(new Uint8Array(size).fill(9))).toThrow(
      expect.objectContaining({ code: "ERR_CRYPTO_INVALID_KEY", message: "an X25519 key has 32 bytes" }),
    );
  });

  test("C07 base64 is strict in alphabet, padding and trailing bits, and allows XML white space", () => {
    expect(fromBase64(" AQ\nID ")).toEqual(Uint8Array.of(1, 2, 3));
    for (const bad of ["AQI", "AQID=", "AQ=D", "AR==", "AQI-", "AQI_", "AQI\u00a0", "=AQI", "A===", "AQID!"]) {
      expect(fromBase64(bad), bad).toBeUndefined();
    }
  });
});

describe("X25519 key pairs", () => {
  test("a generated private key is clamped and belongs to its public key", async () => {
    const pair = await generateKeyPair(nobleProvider.curve, (length) => new Uint8Array(length).fill(0xff));
    expect(pair.privateKey).toEqual(clamp(pair.privateKey));
    expect(pair.privateKey[0]).toBe(0xf8);
    expect(pair.privateKey[31]).toBe(0x7f);
    expect(await nobleProvider.curve.x25519PublicKey(pair.privateKey)).toEqual(pair.publicKey);
  });

  test("C08 without crypto.getRandomValues there is no randomness at all, and no key", () => {
    vi.stubGlobal("crypto", undefined);
    try {
      expect(() => systemRng()).toThrow(expect.objectContaining({ code: "ERR_INTERNAL" }));
    } finally {
      vi.unstubAllGlobals();
    }
    expect(systemRng()(32)).toHaveLength(32);
  });
});
