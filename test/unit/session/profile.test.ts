import { describe, expect, test } from "vitest";
import { concatBytes, fromHex, isAllZero, toHex, utf8, type Bytes } from "../../../src/base/bytes.js";
import { CryptoError } from "../../../src/crypto/errors.js";
import { identityKey, toCurve } from "../../../src/crypto/identity-key.js";
import { publicKey } from "../../../src/crypto/keys.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { legacyProfile } from "../../support/legacy-profile.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import { bytesField as bytesFieldParts, uint32Field } from "../../../src/session/protobuf.js";
import type { KeyExchange } from "../../../src/session/profile.js";
import { ratchetPair, seededRng } from "../../support/ratchet-pair.js";
import payloads from "../../vectors/payload.json" with { type: "json" };
import primitives from "../../vectors/primitives.json" with { type: "json" };

const bytesField = (number: number, value: Uint8Array): Bytes => concatBytes(...bytesFieldParts(number, value));

const { symmetric } = nobleProvider;

interface PayloadVector {
  readonly what?: string;
  readonly ratchetPlaintext: string;
  readonly payload: string;
  readonly plaintext: string;
  readonly contentKey: string;
  readonly iv?: string;
}
interface PayloadFile {
  readonly version: string;
  readonly ok: readonly PayloadVector[];
  readonly reject: readonly Omit<PayloadVector, "plaintext">[];
}

function hex(digits: string): Bytes {
  const bytes = fromHex(digits);
  if (bytes === undefined) throw new Error("hexadecimal");
  return bytes;
}

const identity = identityKey(hex(primitives.conversions.fromSeed[0]?.ed25519Pub ?? ""));
const curve = toCurve(identity);
const lowOrder = hex(primitives.x25519.lowOrder[0]?.pub ?? "");

describe.each([omemo2Profile, legacyProfile])("$namespace", (profile) => {
  const file = (payloads.payload as unknown as readonly PayloadFile[]).find((f) => f.version === profile.suite.id);
  const ivOf = (v: { readonly iv?: string }): Bytes | undefined =>
    profile === legacyProfile && v.iv !== undefined ? hex(v.iv) : undefined;

  test("payloads of the Python packages open", () => {
    expect(file?.ok.length).toBeGreaterThan(5);
    for (const v of file?.ok ?? []) {
      expect(profile.openPayload(symmetric, hex(v.ratchetPlaintext), hex(v.payload), ivOf(v)), v.what).toEqual(hex(v.plaintext));
    }
  });

  test("payloads seal to the same bytes when key and IV are given", () => {
    for (const v of file?.ok ?? []) {
      const iv = ivOf(v);
      if (v.ratchetPlaintext.length === 32 || iv?.length === 16) continue; // forms that are only read
      const draws = [hex(v.contentKey), ...(iv === undefined ? [] : [iv])];
      const sealed = profile.sealPayload(symmetric, () => draws.shift() ?? new Uint8Array(0), hex(v.plaintext));
      expect(toHex(sealed.payload)).toBe(v.payload);
      expect(toHex(sealed.ratchetPlaintext)).toBe(v.ratchetPlaintext);
      expect(sealed.iv).toEqual(iv);
    }
  });

  test("C05 C06 every altered payload of the vectors is refused in the same way", () => {
    expect(file?.reject.length).toBeGreaterThan(5);
    for (const v of file?.reject ?? []) {
      expect(profile.openPayload(symmetric, hex(v.ratchetPlaintext), hex(v.payload), ivOf(v)), v.what).toBeUndefined();
    }
  });

  test("a sealed payload opens; keys and IVs come from the given randomness and are not repeated", () => {
    const rng = seededRng(5);
    const first = profile.sealPayload(symmetric, rng, utf8("text"));
    const second = profile.sealPayload(symmetric, rng, utf8("text"));
    expect(profile.openPayload(symmetric, first.ratchetPlaintext, first.payload, first.iv)).toEqual(utf8("text"));
    expect(first.ratchetPlaintext).not.toEqual(second.ratchetPlaintext);
    expect(profile.openPayload(symmetric, second.ratchetPlaintext, first.payload, first.iv)).toBeUndefined();
  });

  test("C03 keys have one wire form, and other lengths, types and low-order points are refused", () => {
    const wire = profile.writePublicKey(curve);
    expect(profile.readPublicKey(wire)).toEqual(curve);
    const wrong = [
      wire.subarray(1),
      concatBytes(wire, Uint8Array.of(0)),
      new Uint8Array(0),
      concatBytes(wire.subarray(0, wire.length - 32), lowOrder),
      ...(profile === legacyProfile ? [concatBytes(Uint8Array.of(6), curve)] : []),
    ];
    for (const bad of wrong) {
      expect(() => profile.readPublicKey(bad)).toThrow(CryptoError);
      expect(() => profile.readIdentity(bad)).toThrow(CryptoError);
    }
    const read = profile.readIdentity(profile.writeIdentity(identity));
    expect(read).toEqual({
      wire: profile.writeIdentity(identity),
      curve,
      identity: profile === omemo2Profile ? identity : undefined,
    });
    expect(read.wire.length).toBe(profile.suite.identityLength);
  });

  const { alice } = ratchetPair(nobleProvider, profile, seededRng(7));
  const inner = alice.send(utf8("hello"));
  const exchange: KeyExchange = {
    preKeyId: 0,
    signedPreKeyId: 0xffff_ffff,
    identityKey: profile.writeIdentity(identity),
    ephemeralKey: curve,
  };

  test("R17 key exchange and message are told apart by their bytes, and id 0 is accepted", () => {
    expect(profile.decodeKeyMaterial(inner)).toMatchObject({ kind: "message", message: { header: { n: 0, pn: 0 } } });
    const wrapped = profile.decodeKeyMaterial(profile.encodeKeyExchange(exchange, inner));
    expect(wrapped).toMatchObject({ kind: "key-exchange", exchange });
    const plain = profile.decodeKeyMaterial(inner);
    expect(wrapped?.message).toEqual(plain?.message);
  });

  test("R18 every truncation of a message and of a key exchange is refused or decodes, and never throws", () => {
    const wrapped = profile.encodeKeyExchange(exchange, inner);
    for (let length = 0; length < wrapped.length; length++) {
      expect(profile.decodeKeyMaterial(wrapped.subarray(0, length))?.kind).toBeUndefined();
    }
    for (let length = 0; length < inner.length; length++) {
      const material = profile.decodeKeyMaterial(inner.subarray(0, length));
      expect(material?.message.authenticated).not.toEqual(inner);
    }
  });

  test("R18 random bytes are refused, and never throw", () => {
    const rng = seededRng(11);
    for (let i = 0; i < 3_000; i++) {
      const bytes = rng(i % 150);
      if (profile === legacyProfile && bytes.length > 0) bytes[0] = 0x33;
      expect(profile.decodeKeyMaterial(bytes)).toBeUndefined();
    }
  });

  test("C01 a low-order or wrongly sized ephemeral or ratchet key is no message", () => {
    for (const key of [lowOrder, curve.subarray(1), new Uint8Array(0)]) {
      expect(profile.decodeKeyMaterial(profile.encodeKeyExchange({ ...exchange, ephemeralKey: key as typeof curve }, inner))).toBeUndefined();
      const authenticated = profile.suite.encodeMessage({ ratchetKey: key as typeof curve, n: 0, pn: 0 }, new Uint8Array(16));
      expect(profile.decodeKeyMaterial(profile.suite.sealMessage(authenticated, new Uint8Array(profile.suite.macLength)))).toBeUndefined();
    }
    const short = profile.encodeKeyExchange({ ...exchange, identityKey: exchange.identityKey.slice(1) }, inner);
    expect(profile.decodeKeyMaterial(short)).toBeUndefined();
  });
});

describe("urn:xmpp:omemo:2 only", () => {
  const key = publicKey(curve);
  const message = concatBytes(uint32Field(1, 0), uint32Field(2, 0), bytesField(3, key), bytesField(4, new Uint8Array(16)));
  const mac = new Uint8Array(16);
  const inner = concatBytes(bytesField(1, mac), bytesField(2, message));

  test("R20 an empty message carries 32 zero bytes", () => {
    const empty = omemo2Profile.emptyPayload(seededRng(1));
    expect(empty.ratchetPlaintext.length).toBe(32);
    expect(isAllZero(empty.ratchetPlaintext)).toBe(true);
    expect(empty.iv).toBeUndefined();
  });

  test("R19 the authenticated bytes are those received, with unknown fields and their order", () => {
    const odd = concatBytes(bytesField(4, new Uint8Array(16)), bytesField(9, utf8("new")), bytesField(3, key), uint32Field(2, 7), uint32Field(1, 8));
    const material = omemo2Profile.decodeKeyMaterial(concatBytes(bytesField(1, mac), bytesField(2, odd)));
    expect(material).toMatchObject({ kind: "message", message: { header: { n: 8, pn: 7 }, authenticated: odd, mac } });
  });

  test("R02 a key exchange without one-time prekey, or with any other field missing, is refused", () => {
    const fields = [uint32Field(1, 1), uint32Field(2, 2), bytesField(3, identity), bytesField(4, key), bytesField(5, inner)];
    expect(omemo2Profile.decodeKeyMaterial(concatBytes(...fields))?.kind).toBe("key-exchange");
    fields.forEach((_, missing) => {
      expect(omemo2Profile.decodeKeyMaterial(concatBytes(...fields.filter((_field, i) => i !== missing)))).toBeUndefined();
    });
  });

  test("a message with any field missing is refused", () => {
    const fields = [uint32Field(1, 1), uint32Field(2, 2), bytesField(3, key), bytesField(4, new Uint8Array(16))];
    fields.forEach((_, missing) => {
      const cut = concatBytes(...fields.filter((_field, i) => i !== missing));
      expect(omemo2Profile.decodeKeyMaterial(concatBytes(bytesField(1, mac), bytesField(2, cut)))).toBeUndefined();
    });
    expect(omemo2Profile.decodeKeyMaterial(bytesField(2, message))).toBeUndefined();
    expect(omemo2Profile.decodeKeyMaterial(bytesField(1, mac))).toBeUndefined();
  });

  test("associated data names the initiator first in both directions", () => {
    const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
    expect(omemo2Profile.suite.associatedData({ initiator: a, responder: b, sender: b, receiver: a })).toEqual(Uint8Array.of(1, 2));
  });
});

describe("eu.siacs.conversations.axolotl only", () => {
  const { alice } = ratchetPair(nobleProvider, legacyProfile, seededRng(8));
  const inner = alice.send(utf8("hello"));
  const exchange: KeyExchange = {
    preKeyId: 3,
    signedPreKeyId: 4,
    identityKey: legacyProfile.writeIdentity(identity),
    ephemeralKey: curve,
  };
  const withVersion = (wire: Bytes, version: number): Bytes => concatBytes(Uint8Array.of(version), wire.subarray(1));

  test("R20 an empty message carries 16 random bytes and an IV of 12", () => {
    const empty = legacyProfile.emptyPayload(seededRng(1));
    expect(empty.ratchetPlaintext.length).toBe(16);
    expect(isAllZero(empty.ratchetPlaintext)).toBe(false);
    expect(empty.iv?.length).toBe(12);
  });

  test("the high nibble of the version is 3; the low one may be higher, but not lower", () => {
    const wrapped = legacyProfile.encodeKeyExchange(exchange, inner);
    for (const version of [0x33, 0x34, 0x3f]) {
      expect(legacyProfile.decodeKeyMaterial(withVersion(inner, version))?.kind).toBe("message");
      expect(legacyProfile.decodeKeyMaterial(withVersion(wrapped, version))?.kind).toBe("key-exchange");
    }
    for (const version of [0x00, 0x22, 0x23, 0x30, 0x32, 0x43, 0x44, 0xff]) {
      expect(legacyProfile.decodeKeyMaterial(withVersion(inner, version))).toBeUndefined();
      expect(legacyProfile.decodeKeyMaterial(withVersion(wrapped, version))).toBeUndefined();
      expect(legacyProfile.decodeKeyMaterial(legacyProfile.encodeKeyExchange(exchange, withVersion(inner, version)))).toBeUndefined();
    }
  });

  test("R18 a message with any field missing is refused", () => {
    const fields = [bytesField(1, legacyProfile.writePublicKey(curve)), uint32Field(2, 1), uint32Field(3, 0), bytesField(4, new Uint8Array(16))];
    const wire = (kept: readonly Bytes[]): Bytes => concatBytes(Uint8Array.of(0x33), ...kept, new Uint8Array(8));
    expect(legacyProfile.decodeKeyMaterial(wire(fields))?.kind).toBe("message");
    fields.forEach((_, missing) => {
      expect(legacyProfile.decodeKeyMaterial(wire(fields.filter((_field, i) => i !== missing)))).toBeUndefined();
    });
  });

  test("the registration id is optional and stands between message and signed prekey id", () => {
    const without = legacyProfile.encodeKeyExchange(exchange, inner);
    const withId = legacyProfile.encodeKeyExchange({ ...exchange, registrationId: 4711 }, inner);
    expect(legacyProfile.decodeKeyMaterial(without)).toMatchObject({ exchange });
    expect(legacyProfile.decodeKeyMaterial(withId)).toMatchObject({ exchange: { ...exchange, registrationId: 4711 } });
    expect(toHex(withId)).toBe(toHex(without.subarray(0, -2)) + toHex(uint32Field(5, 4711)) + toHex(without.subarray(-2)));
  });

  test("R02 a key exchange without one-time prekey, or with any other required field missing, is refused", () => {
    const fields = [
      uint32Field(1, 3),
      bytesField(2, legacyProfile.writePublicKey(curve)),
      bytesField(3, exchange.identityKey),
      bytesField(4, inner),
      uint32Field(6, 4),
    ];
    const wrap = (parts: readonly Bytes[]): Bytes => concatBytes(Uint8Array.of(0x33), ...parts);
    expect(legacyProfile.decodeKeyMaterial(wrap(fields))?.kind).toBe("key-exchange");
    fields.forEach((_, missing) => {
      expect(legacyProfile.decodeKeyMaterial(wrap(fields.filter((_field, i) => i !== missing)))).toBeUndefined();
    });
  });

  test("R19 the authenticated bytes are those received, from the version byte to the MAC", () => {
    const material = legacyProfile.decodeKeyMaterial(withVersion(inner, 0x34));
    expect(material?.message.authenticated).toEqual(withVersion(inner, 0x34).subarray(0, -8));
    expect(material?.message.mac).toEqual(inner.subarray(-8));
  });

  test("the tag may stand at the end of the payload when the ratchet carries the key only", () => {
    const sealed = legacyProfile.sealPayload(symmetric, seededRng(3), utf8("old client"));
    const [key, tag] = [sealed.ratchetPlaintext.subarray(0, 16), sealed.ratchetPlaintext.subarray(16)];
    const old = concatBytes(sealed.payload, tag);
    expect(legacyProfile.openPayload(symmetric, key, old, sealed.iv)).toEqual(utf8("old client"));
    expect(legacyProfile.openPayload(symmetric, key, old.subarray(0, -1), sealed.iv)).toBeUndefined();
    expect(legacyProfile.openPayload(symmetric, key, tag.subarray(1), sealed.iv)).toBeUndefined();
    expect(legacyProfile.openPayload(symmetric, sealed.ratchetPlaintext, sealed.payload)).toBeUndefined(); // no IV
    for (const length of [0, 8, 13, 15, 17]) {
      expect(legacyProfile.openPayload(symmetric, sealed.ratchetPlaintext, sealed.payload, new Uint8Array(length))).toBeUndefined();
    }
  });

  test("associated data names the sender first", () => {
    const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
    expect(legacyProfile.suite.associatedData({ initiator: a, responder: b, sender: b, receiver: a })).toEqual(Uint8Array.of(2, 1));
  });
});
