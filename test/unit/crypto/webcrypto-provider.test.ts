import { ed25519 } from "@noble/curves/ed25519.js";
import { describe, expect, test, vi } from "vitest";
import { copyBytes, equalBytes, toHex } from "../../../src/base/bytes.js";
import { nobleCurve } from "../../../src/crypto/noble-curve.js";
import { nobleSymmetric } from "../../../src/crypto/noble-symmetric.js";
import { WebKeyCache } from "../../../src/crypto/webcrypto-key-cache.js";
import { probeWebCurve } from "../../../src/crypto/webcrypto-probe.js";
import { createWebCryptoProvider } from "../../../src/crypto/webcrypto-provider.js";
import { filler } from "../../../src/testing/provider-case.js";
import { providerContract } from "../../../src/testing/provider-contract.js";
import { hex } from "./hex.js";
import { providerVectorCases } from "./provider-vectors.js";

const { subtle } = globalThis.crypto;
const everything = { agreement: true, signingKey: true, sign: true, verify: true };

/** The platform's WebCrypto with some of its methods replaced. */
function platformWith(replaced: Partial<SubtleCrypto>): SubtleCrypto {
  return new Proxy(subtle, {
    get(target, name) {
      const method = (replaced as Record<PropertyKey, unknown>)[name] ?? (Reflect.get(target, name) as unknown);
      return typeof method === "function" ? (method as (...args: unknown[]) => unknown).bind(target) : method;
    },
  });
}

const notSupported = (): Promise<never> => Promise.reject(new DOMException("", "NotSupportedError"));

/** Knows no curve of this name. */
function without(curve: "X25519" | "Ed25519"): SubtleCrypto {
  const importKey = (...args: Parameters<SubtleCrypto["importKey"]>) => (args[2] === curve ? notSupported() : subtle.importKey(...args));
  return platformWith({ importKey: importKey as SubtleCrypto["importKey"] });
}

/** Accepts what `accepts` accepts, whatever the platform says. */
function verifyingBy(accepts: (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => boolean): SubtleCrypto {
  return platformWith({
    async verify(...[, key, signature, data]) {
      const { x } = await subtle.exportKey("jwk", key);
      const raw = Uint8Array.from(atob((x ?? "").replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
      return accepts(new Uint8Array(signature as ArrayBuffer), new Uint8Array(data as ArrayBuffer), raw);
    },
    importKey: ((...args: Parameters<SubtleCrypto["importKey"]>) => subtle.importKey(args[0] as "raw", args[1] as Uint8Array<ArrayBuffer>, args[2], true, args[4])) as SubtleCrypto["importKey"],
  });
}

const loadNoble = () => Promise.resolve(nobleCurve);
const providers = {
  "native where the platform is as it should be": { subtle, loadNoble },
  "noble without WebCrypto": { subtle: undefined, loadNoble },
  "noble for X25519 alone": { subtle: without("X25519"), loadNoble },
  "noble for Ed25519 alone": { subtle: without("Ed25519"), loadNoble },
};

for (const [what, platform] of Object.entries(providers)) {
  describe(`the WebCrypto provider, ${what}`, () => {
    const provider = createWebCryptoProvider(platform);
    for (const { name, run } of [...providerContract, ...providerVectorCases]) test(name, () => run(provider));
  });
}

describe("which operations are native", () => {
  test("C10 this platform does all of them", async () => {
    expect(await probeWebCurve(subtle)).toEqual(everything);
  });

  test("C10 a missing curve takes its own operations out and no others", async () => {
    expect(await probeWebCurve(without("X25519"))).toEqual({ ...everything, agreement: false });
    expect(await probeWebCurve(without("Ed25519"))).toEqual({ agreement: true, signingKey: false, sign: false, verify: false });
  });

  test("C10 a platform that adds randomness to signatures does not sign: they would verify, but differ from run to run", async () => {
    const other = await subtle.importKey("pkcs8", hex(`302e020100300506032b657004220420${"07".repeat(32)}`), "Ed25519", false, ["sign"]);
    const random = platformWith({ sign: (algorithm, _key, data) => subtle.sign(algorithm, other, data) });
    expect(await probeWebCurve(random)).toEqual({ ...everything, sign: false });
  });

  test("C02 C10 a platform that multiplies by the cofactor does not verify", async () => {
    const withCofactor = verifyingBy((signature, message, key) => ed25519.verify(signature, message, key, { zip215: false }));
    expect(await probeWebCurve(withCofactor)).toEqual({ ...everything, verify: false });
  });

  test("C02 C10 a platform that compares points, not bytes, does not verify", async () => {
    const respelled = "0100000000000000000000000000000000000000000000000000000000000080";
    const byPoints = verifyingBy((signature, message, key) =>
      nobleCurve.ed25519Verify(key, message, signature) === true || equalBytes(signature.subarray(0, 32), hex(respelled)));
    expect(await probeWebCurve(byPoints)).toEqual({ ...everything, verify: false });
  });

  test("C02 a platform that accepts or refuses everything does not verify", async () => {
    for (const accepts of [true, false]) expect(await probeWebCurve(verifyingBy(() => accepts))).toEqual({ ...everything, verify: false });
  });

  test("a platform whose agreements are wrong does not agree", async () => {
    const wrong = platformWith({ deriveBits: () => Promise.resolve(new Uint8Array(32).fill(1).buffer) });
    expect(await probeWebCurve(wrong)).toEqual({ ...everything, agreement: false });
  });
});

describe("choosing", () => {
  test("nothing is asked before the first operation, and then once, whatever comes side by side", async () => {
    const imported: string[] = [];
    const importKey = ((...args: Parameters<SubtleCrypto["importKey"]>) => {
      imported.push(toHex(new Uint8Array(args[1] as unknown as ArrayBuffer)));
      return subtle.importKey(...args);
    }) as SubtleCrypto["importKey"];
    const load = vi.fn(loadNoble);
    const { curve } = createWebCryptoProvider({ subtle: platformWith({ importKey }), loadNoble: load });
    expect(imported).toEqual([]);
    await Promise.all([curve.x25519PublicKey(filler(32, 1)), curve.x25519PublicKey(filler(32, 2)), curve.ed25519PublicKey(filler(32, 3))]);
    const [seed, signature] = [filler(32, 3), await curve.ed25519Sign(filler(32, 3), filler(8, 0))];
    expect(await curve.ed25519Verify(await curve.ed25519PublicKey(seed), filler(8, 0), signature)).toBe(true);
    // The peer's key of RFC 7748 section 5.2, which nothing but the question at the beginning uses.
    expect(imported.filter((key) => key === "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")).toHaveLength(1);
    expect(load).not.toHaveBeenCalled();
  });

  test("where everything is missing, noble is loaded once and answers at once from then on", async () => {
    const load = vi.fn(loadNoble);
    const { curve } = createWebCryptoProvider({ subtle: undefined, loadNoble: load });
    await Promise.all([curve.x25519PublicKey(filler(32, 1)), curve.ed25519PublicKey(filler(32, 2))]);
    expect(curve.x25519PublicKey(filler(32, 1))).toEqual(nobleCurve.x25519PublicKey(filler(32, 1)));
    expect(load).toHaveBeenCalledTimes(1);
  });

  test("a replacement that does not load is a typed failure to be retried, and the next operation tries again", async () => {
    let online = false;
    const { curve } = createWebCryptoProvider({
      subtle: undefined, loadNoble: () => (online ? loadNoble() : Promise.reject(new TypeError("Failed to fetch dynamically imported module"))),
    });
    await expect(curve.x25519PublicKey(filler(32, 1))).rejects.toMatchObject({ name: "CryptoError", code: "ERR_CRYPTO_UNAVAILABLE", retryable: true });
    online = true;
    expect(await curve.x25519PublicKey(filler(32, 1))).toEqual(nobleCurve.x25519PublicKey(filler(32, 1)));
  });

  test("C12 arguments may be wiped the moment a call has returned, the very first one included", async () => {
    const [privateKey, other, seed, message] = [filler(32, 1), copyBytes(await nobleCurve.x25519PublicKey(filler(32, 2))), filler(32, 3), filler(20, 4)];
    const expected = [
      await nobleCurve.x25519PublicKey(privateKey), await nobleCurve.x25519(privateKey, other), await nobleCurve.ed25519PublicKey(seed),
      await nobleCurve.ed25519Sign(seed, message),
    ];
    for (let round = 0; round < 2; round++) { // before the choice, and after it
      const { curve } = createWebCryptoProvider();
      if (round === 1) await curve.x25519PublicKey(filler(32, 9));
      const args = [privateKey, other, seed, message].map(copyBytes) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
      const calls = [
        async () => curve.x25519PublicKey(args[0]), async () => curve.x25519(args[0], args[1]), async () => curve.ed25519PublicKey(args[2]),
        async () => curve.ed25519Sign(args[2], args[3]),
      ].map((call) => call());
      const [key, signature] = [copyBytes(expected[2] as Uint8Array), copyBytes(expected[3] as Uint8Array)];
      const verified = curve.ed25519Verify(key, args[3], signature);
      for (const bytes of [...args, key, signature]) bytes.fill(0);
      expect(await Promise.all(calls)).toEqual(expected);
      expect(await verified).toBe(true);
    }
  });

  test("C01 a platform that fails later is our error and never a verdict on somebody's key", async () => {
    let broken = false;
    const deriveBits: SubtleCrypto["deriveBits"] = (...args) => (broken ? Promise.reject(new DOMException("", "OperationError")) : subtle.deriveBits(...args));
    const { curve } = createWebCryptoProvider({ subtle: platformWith({ deriveBits }), loadNoble });
    const publicKey = await curve.x25519PublicKey(filler(32, 2));
    broken = true;
    await expect(curve.x25519(filler(32, 1), publicKey)).rejects.toMatchObject({ code: "ERR_INTERNAL" });
    await expect(curve.x25519(filler(32, 1), new Uint8Array(32))).rejects.toMatchObject({ code: "ERR_CRYPTO_LOW_ORDER" });
  });

  test("C01 an all-zero result is refused though a platform gives it", async () => {
    let zero = false;
    const deriveBits: SubtleCrypto["deriveBits"] = (...args) => (zero ? Promise.resolve(new ArrayBuffer(32)) : subtle.deriveBits(...args));
    const { curve } = createWebCryptoProvider({ subtle: platformWith({ deriveBits }), loadNoble });
    const publicKey = await curve.x25519PublicKey(filler(32, 2));
    zero = true;
    await expect(curve.x25519(filler(32, 1), publicKey)).rejects.toMatchObject({ code: "ERR_CRYPTO_LOW_ORDER" });
  });
});

describe("imported private keys", () => {
  test("C12 only the last 32 are kept, and none can be exported", async () => {
    const cache = new WebKeyCache(subtle, "X25519");
    const first = new Uint8Array(32).fill(200);
    const kept = cache.get(first);
    expect(cache.get(first)).toBe(kept);
    expect((await kept).extractable).toBe(false);
    for (let i = 0; i < 40; i++) await cache.get(new Uint8Array(32).fill(i));
    expect(cache.size).toBe(32);
    expect(cache.get(first)).not.toBe(kept);
  });

  test("an import that failed is tried again", async () => {
    let broken = true;
    const importKey = ((...args: Parameters<SubtleCrypto["importKey"]>) => (broken ? notSupported() : subtle.importKey(...args))) as SubtleCrypto["importKey"];
    const cache = new WebKeyCache(platformWith({ importKey }), "Ed25519");
    await expect(cache.get(filler(32, 1))).rejects.toThrow();
    broken = false;
    expect((await cache.get(filler(32, 1))).usages).toEqual(["sign"]);
  });

  test("C12 what is handed to the platform is overwritten", async () => {
    const handedOver: Uint8Array[] = [];
    const importKey = ((...args: Parameters<SubtleCrypto["importKey"]>) => {
      handedOver.push(args[1] as unknown as Uint8Array);
      return subtle.importKey(...args);
    }) as SubtleCrypto["importKey"];
    await new WebKeyCache(platformWith({ importKey }), "X25519").get(filler(32, 1));
    expect(handedOver).toEqual([new Uint8Array(48)]);
  });
});

test("hashes and ciphers stay synchronous", () => {
  expect(createWebCryptoProvider().symmetric).toBe(nobleSymmetric);
});
