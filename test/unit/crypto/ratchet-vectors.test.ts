import { describe, expect, test } from "vitest";
import { concatBytes, toHex } from "../../../src/base/bytes.js";
import { messageKeyOf, nextChainKey, openWithMessageKey, sealWithMessageKey } from "../../../src/crypto/double-ratchet/chain.js";
import { rootStep } from "../../../src/crypto/double-ratchet/root-chain.js";
import { publicKey } from "../../../src/crypto/keys.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { legacyProfile } from "../../support/legacy-profile.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import vectors from "../../vectors/primitives.json" with { type: "json" };
import { hex } from "./hex.js";

const { symmetric } = nobleProvider;

describe.each([
  ["omemo:2", omemo2Profile, vectors.ratchet["omemo:2"]],
  ["legacy", legacyProfile, vectors.ratchet.legacy],
] as const)("python-doubleratchet, %s", (_name, profile, v) => {
  const { suite } = profile;

  test("root steps give the next root key and the chain key", () => {
    for (const step of v.rootSteps) {
      const result = rootStep(symmetric, suite, hex(step.rootKey), hex(step.dh));
      expect([toHex(result.rootKey), toHex(result.chainKey)]).toEqual([step.newRootKey, step.chainKey]);
    }
  });

  test("chains give message keys and chain keys", () => {
    for (const chain of v.chains) {
      let chainKey = hex(chain.chainKey);
      for (const step of chain.steps) {
        expect(toHex(messageKeyOf(symmetric, chainKey))).toBe(step.messageKey);
        chainKey = nextChainKey(symmetric, chainKey);
        expect(toHex(chainKey)).toBe(step.nextChainKey);
      }
    }
  });

  test("R19 messages seal to the same bytes and open again, and the MAC covers every byte of them", () => {
    for (const m of v.messages) {
      const context = { symmetric, suite, associatedData: hex(m.associatedData) };
      const header = { ratchetKey: publicKey(hex(m.dhPub)), n: m.n, pn: m.pn };
      const sealed = sealWithMessageKey(context, hex(m.messageKey), hex(m.plaintext), (c) => suite.encodeMessage(header, c));
      expect(toHex(suite.sealMessage(sealed.authenticated, sealed.mac))).toBe(m.wire);
      const decoded = profile.decodeKeyMaterial(hex(m.wire));
      if (decoded?.kind !== "message") throw new Error("a message");
      expect(decoded.message.header).toEqual(header);
      expect(openWithMessageKey(context, hex(m.messageKey), decoded.message)).toEqual(hex(m.plaintext));
      const padded = { ...decoded.message, authenticated: concatBytes(decoded.message.authenticated, Uint8Array.of(0x78, 1)) };
      expect(openWithMessageKey(context, hex(m.messageKey), padded)).toBeUndefined();
    }
  });

  test("C05 a MAC that is shorter, longer or empty is refused", () => {
    const [m] = v.messages;
    if (m === undefined) throw new Error("a vector");
    const context = { symmetric, suite, associatedData: hex(m.associatedData) };
    const decoded = profile.decodeKeyMaterial(hex(m.wire));
    if (decoded?.kind !== "message") throw new Error("a message");
    const { message } = decoded;
    for (const mac of [message.mac.subarray(0, -1), message.mac.subarray(0, 1), new Uint8Array(0), concatBytes(message.mac, Uint8Array.of(0))]) {
      expect(openWithMessageKey(context, hex(m.messageKey), { ...message, mac })).toBeUndefined();
    }
    expect(openWithMessageKey(context, hex(m.messageKey), message)).toEqual(hex(m.plaintext));
  });
});
