import { describe, expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { deviceListEntriesMax } from "../../../src/base/limits.js";
import { fingerprint, formatFingerprint, formatFingerprintUri, parseFingerprintUri } from "../../../src/crypto/fingerprint.js";
import { identityKey } from "../../../src/crypto/identity-key.js";
import stanzas from "../../vectors/stanzas.json" with { type: "json" };
import { hex } from "./hex.js";

const digits = "83d96d6085c33a0465301157607a4cd180251182d6c0b82a3996ee6664c6cc34";
const juliet = bareJid("juliet@example.org");

describe("fingerprints", () => {
  test("the vectors: digits, display and URI, both ways", () => {
    for (const v of stanzas.fingerprints) {
      const print = fingerprint(identityKey(hex(v.ed25519Pub)));
      expect(print).toBe(v.fingerprint);
      expect(`05${print}`).toBe(v.legacyWire);
      expect(formatFingerprint(print)).toBe(v.display);
      const uri = { jid: juliet, devices: [{ deviceId: v.deviceId, fingerprint: print }] };
      expect(formatFingerprintUri(uri)).toBe(v.uri);
      expect(parseFingerprintUri(v.uri)).toEqual(uri);
      expect(parseFingerprintUri(v.trustMessageUri)).toBeUndefined();
    }
  });

  test("C04 the two signs of one key share a fingerprint but are two keys", () => {
    const key = hex(stanzas.fingerprints[0]?.ed25519Pub ?? "");
    const flipped = hex(stanzas.fingerprints[0]?.ed25519Pub ?? "");
    flipped[31] = (flipped[31] as number) ^ 0x80;
    expect(fingerprint(identityKey(flipped))).toBe(fingerprint(identityKey(key)));
    expect(identityKey(flipped)).not.toEqual(identityKey(key));
  });

  test("several devices may be separated by ; or &, in any order, among other things", () => {
    const other = digits.replace("8", "9");
    for (const separator of [";", "&"]) {
      const text = ["message", `omemo-sid-7=${digits}`, "x=1", `omemo-sid-2147483647=${other.toUpperCase()}`].join(separator);
      expect(parseFingerprintUri(`XMPP:Juliet@Example.org?${text}#here`)).toEqual({
        jid: juliet,
        devices: [{ deviceId: 7, fingerprint: digits }, { deviceId: 2147483647, fingerprint: other }],
      });
    }
    const twice = { jid: juliet, devices: [{ deviceId: 7, fingerprint: digits }, { deviceId: 8, fingerprint: other }] };
    expect(parseFingerprintUri(formatFingerprintUri(twice))).toEqual(twice);
  });

  test("addresses survive percent encoding", () => {
    for (const text of ["a+b#c?d=e%f;g@example.org", "jülıet@例え.example", "x@[::1]", "example.org"]) {
      const uri = { jid: bareJid(text), devices: [{ deviceId: 1, fingerprint: digits }] };
      expect(parseFingerprintUri(formatFingerprintUri(uri)), text).toEqual(uri);
    }
  });

  test("C07 what is not exactly a fingerprint URI is refused as a whole", () => {
    const entry = `omemo-sid-7=${digits}`;
    const bad = [
      "", "xmpp:", "xmpp:juliet@example.org", "xmpp:juliet@example.org?", `juliet@example.org?${entry}`, `https:juliet@example.org?${entry}`,
      `xmpp:?${entry}`, `xmpp:a@b@c?${entry}`, `xmpp:%zz@example.org?${entry}`, `xmpp://guest@example.org/juliet@example.org?${entry}`,
      `xmpp:juliet@example.org?omemo-sid-0=${digits}`, `xmpp:juliet@example.org?omemo-sid-07=${digits}`,
      `xmpp:juliet@example.org?omemo-sid-2147483648=${digits}`, `xmpp:juliet@example.org?omemo-sid-=${digits}`,
      `xmpp:juliet@example.org?omemo-sid--7=${digits}`, `xmpp:juliet@example.org?${entry.slice(0, -1)}`, `xmpp:juliet@example.org?${entry}0`,
      `xmpp:juliet@example.org?omemo-sid-7=05${digits}`, `xmpp:juliet@example.org?omemo-sid-7=${formatFingerprint(digits)}`,
      `xmpp:juliet@example.org?omemo-sid-7=${formatFingerprint(digits).replaceAll(" ", "-")}`,
      `xmpp:juliet@example.org?${entry};omemo-sid-8=zz`, `xmpp:juliet@example.org?${entry};omemo-sid-7=${digits.replace("8", "9")}`,
      `xmpp:juliet@example.org?${entry};${"x".repeat(100_000)}`,
    ];
    for (const text of bad) expect(parseFingerprintUri(text), text.slice(0, 100)).toBeUndefined();
  });

  test("C07 the longest text that is read has room for the longest address and a full device list", () => {
    const max = 8 * 1024 + deviceListEntriesMax * 96;
    const padded = (length: number): string => `xmpp:juliet@example.org?omemo-sid-7=${digits};`.padEnd(length, "x");
    expect(parseFingerprintUri(padded(max))?.devices).toHaveLength(1);
    expect(parseFingerprintUri(padded(max + 1))).toBeUndefined();
  });
});
