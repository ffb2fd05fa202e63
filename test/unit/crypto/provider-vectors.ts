/**
 * The vectors of other implementations that concern a provider, in the shape of the provider contract.
 * @module
 */
import { expect } from "vitest";
import { concatBytes } from "../../../src/base/bytes.js";
import type { GcmCase } from "../../../src/testing/gcm-contract.js";
import type { ProviderCase } from "../../../src/testing/provider-case.js";
import payloads from "../../vectors/payload.json" with { type: "json" };
import vectors from "../../vectors/primitives.json" with { type: "json" };
import { hex, text } from "./hex.js";

const zeroSalt = new Uint8Array(32);
const versions = ["omemo:2", "legacy"] as const;
const rootInfo = { "omemo:2": "OMEMO Root Chain", legacy: "WhisperRatchet" };
const messageInfo = { "omemo:2": "OMEMO Message Key Material", legacy: "WhisperMessageKeys" };

const curveVectors: readonly ProviderCase[] = [
  {
    name: "vectors: X25519 agreements, both ways, with public keys",
    run: async ({ curve }) => {
      for (const v of vectors.x25519.agreements) {
        expect(await curve.x25519PublicKey(hex(v.privA))).toEqual(hex(v.pubA));
        expect(await curve.x25519PublicKey(hex(v.privB))).toEqual(hex(v.pubB));
        expect(await curve.x25519(hex(v.privA), hex(v.pubB))).toEqual(hex(v.shared));
        expect(await curve.x25519(hex(v.privB), hex(v.pubA))).toEqual(hex(v.shared));
      }
    },
  },
  {
    name: "C01 vectors: low-order X25519 inputs are refused",
    run: async ({ curve }) => {
      for (const v of vectors.x25519.lowOrder) {
        await expect(async () => curve.x25519(hex(v.priv), hex(v.pub))).rejects.toMatchObject({ code: "ERR_CRYPTO_LOW_ORDER" });
      }
    },
  },
  {
    name: "vectors: non-canonical X25519 inputs are reduced",
    run: async ({ curve }) => {
      for (const v of vectors.x25519.nonCanonical) {
        expect(await curve.x25519(hex(v.priv), hex(v.pub))).toEqual(hex(v.shared));
      }
    },
  },
  {
    name: "vectors: Ed25519 signatures by seed",
    run: async ({ curve }) => {
      for (const v of vectors.signatures.ed25519SeedSign) {
        expect(await curve.ed25519PublicKey(hex(v.seed))).toEqual(hex(v.ed25519Pub));
        expect(await curve.ed25519Sign(hex(v.seed), hex(v.message))).toEqual(hex(v.signature));
      }
    },
  },
  {
    name: "C02 C04 vectors: Ed25519 verification, S at or above the group order and flipped signs included",
    run: async ({ curve }) => {
      for (const v of vectors.signatures.ed25519Verify) {
        expect([v.what, await curve.ed25519Verify(hex(v.ed25519Pub), hex(v.message), hex(v.signature))]).toEqual([v.what, v.valid]);
      }
    },
  },
];

const ratchetVectors: readonly ProviderCase[] = versions.flatMap((version) => [
  {
    name: `vectors: root steps and message chains of ${version}`,
    run: async ({ symmetric }) => {
      for (const v of vectors.ratchet[version].rootSteps) {
        const derived = symmetric.hkdfSha256(hex(v.rootKey), hex(v.dh), text(rootInfo[version]), 64);
        expect(derived).toEqual(concatBytes(hex(v.newRootKey), hex(v.chainKey)));
      }
      for (const chain of vectors.ratchet[version].chains) {
        let chainKey = hex(chain.chainKey);
        for (const step of chain.steps) {
          expect(symmetric.hmacSha256(chainKey, Uint8Array.of(1))).toEqual(hex(step.messageKey));
          chainKey = symmetric.hmacSha256(chainKey, Uint8Array.of(2));
          expect(chainKey).toEqual(hex(step.nextChainKey));
        }
      }
    },
  },
  {
    name: `vectors: message keys, ciphertext and MAC of ${version}`,
    run: async ({ symmetric }) => {
      for (const v of vectors.ratchet[version].messages) {
        const keys = symmetric.hkdfSha256(zeroSalt, hex(v.messageKey), text(messageInfo[version]), 80);
        expect(keys).toEqual(concatBytes(hex(v.encKey), hex(v.authKey), hex(v.iv)));
        const ciphertext = symmetric.aesCbcEncrypt(hex(v.encKey), hex(v.iv), hex(v.plaintext));
        expect(v.wire).toContain(Array.from(ciphertext, (b) => b.toString(16).padStart(2, "0")).join(""));
        expect(symmetric.aesCbcDecrypt(hex(v.encKey), hex(v.iv), ciphertext)).toEqual(hex(v.plaintext));
      }
    },
  },
] satisfies ProviderCase[]);

type Payloads = (typeof payloads.payload)[number];
const omemo2 = payloads.payload.find(({ version }) => version === "omemo:2") as Payloads;
const legacy = payloads.payload.find(({ version }) => version === "legacy") as Payloads;

const payloadVectors: readonly ProviderCase[] = [
  {
    name: "C05 C06 vectors: the payload cipher of omemo:2, good and bad",
    run: async ({ symmetric }) => {
      const keysOf = (contentKey: Uint8Array): Uint8Array => symmetric.hkdfSha256(zeroSalt, contentKey, text("OMEMO Payload"), 80);
      for (const v of omemo2.ok) {
        const keys = keysOf(hex(v.contentKey));
        const ciphertext = symmetric.aesCbcEncrypt(keys.subarray(0, 32), keys.subarray(64), hex(v.plaintext));
        expect(ciphertext).toEqual(hex(v.payload));
        expect(symmetric.hmacSha256(keys.subarray(32, 64), ciphertext).subarray(0, 16)).toEqual(hex(v.tag));
        expect(symmetric.aesCbcDecrypt(keys.subarray(0, 32), keys.subarray(64), ciphertext)).toEqual(hex(v.plaintext));
      }
      for (const v of omemo2.reject.filter(({ what }) => what.startsWith("valid tag"))) {
        const keys = keysOf(hex(v.ratchetPlaintext).subarray(0, 32));
        expect([v.what, symmetric.aesCbcDecrypt(keys.subarray(0, 32), keys.subarray(64), hex(v.payload))]).toEqual([v.what, undefined]);
      }
    },
  },
];

/** Cases over JSON vectors; the same list for each provider. */
export const providerVectorCases: readonly ProviderCase[] = [...curveVectors, ...ratchetVectors, ...payloadVectors];

/** The same for AES-GCM. */
export const gcmVectorCases: readonly GcmCase[] = [
  {
    name: "C05 vectors: the payload cipher of the legacy version, good and bad",
    run: (gcm) => {
      for (const v of legacy.ok) {
        if (!("what" in v)) continue;
        const [key, tag] = [hex(v.contentKey), hex(v.tag)];
        expect(gcm.open(key, hex(v.iv), hex(v.payload).subarray(0, hex(v.plaintext).length), tag)).toEqual(hex(v.plaintext));
        const sealed = gcm.seal(key, hex(v.iv), hex(v.plaintext));
        expect(sealed.tag).toEqual(tag);
      }
      for (const v of legacy.reject) {
        if (!("iv" in v)) continue;
        const plain = hex(v.ratchetPlaintext);
        const opened = gcm.open(plain.subarray(0, 16), hex(v.iv), hex(v.payload), plain.subarray(16));
        expect([v.what, opened]).toEqual([v.what, undefined]);
      }
    },
  },
  {
    name: "vectors: AES-256-GCM of shared files",
    run: (gcm) => {
      for (const v of payloads.media.aesgcm) {
        const body = hex(v.body);
        const [ciphertext, tag] = [body.subarray(0, -16), body.subarray(-16)];
        expect(gcm.open(hex(v.key), hex(v.iv), ciphertext, tag)).toEqual(hex(v.plaintext));
      }
    },
  },
];
