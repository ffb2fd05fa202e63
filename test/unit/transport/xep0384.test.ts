/** XEP-0384 shapes on vectors that other implementations made: read, written, round-tripped. @module */
import { describe, expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import { bareJid } from "../../../src/base/jid.js";
import { bundleBytesMax, bundlePreKeysMax, deviceListEntriesMax } from "../../../src/base/limits.js";
import { childElements, serializeXml, xml, type XmlElement } from "../../../src/base/xml.js";
import type { EncryptedMessage } from "../../../src/session/encrypted-message.js";
import { parseDeviceId, type DeviceId, type ListedDevice, type OmemoNamespace, type WireBundle } from "../../../src/session/ports.js";
import { bundleItemId, bundleNode, decodeBundle, decodeDeviceList, encodeBundle, encodeDeviceList } from "../../../src/transport/xep/xep0384-directory.js";
import { deviceListNode } from "../../../src/transport/xep/xep0384-nodes.js";
import { decodeEncrypted, encodeEncrypted } from "../../../src/transport/xep/xep0384.js";
import { element } from "../../support/xml.js";
import vectors from "../../vectors/stanzas.json" with { type: "json" };

const omemo2 = "urn:xmpp:omemo:2";
const legacy = "eu.siacs.conversations.axolotl";
const namespaceOf = (version: string): OmemoNamespace => (version === "omemo:2" ? omemo2 : legacy);
const id = (value: number): DeviceId => parseDeviceId(value) as DeviceId;
const bytes = (length: number, fill = 7): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(fill);

interface BundleVector {
  readonly identityKeyWire: string; readonly signedPreKeyId: number; readonly signedPreKey: string; readonly signature: string;
  readonly preKeys: readonly { readonly id: number; readonly pub: string }[];
}

// Bundles that only a signature check can refuse; the codec's part is to hand them on unharmed.
const needsCrypto = /signature changed|sign bit|signed prekey replaced/;
const all = (parent: XmlElement, name: string): XmlElement[] =>
  childElements(parent).flatMap((child) => [...(child.name === name ? [child] : []), ...all(child, name)]);

describe("device lists", () => {
  test.each(vectors.deviceLists)("T03 $version: $what", ({ version, xml: text, devices }) => {
    const namespace = namespaceOf(version);
    const decoded = decodeDeviceList(element(text), namespace);
    expect(decoded?.map((device) => device.id)).toEqual(devices.map((device) => device.id));
    for (const [index, device] of devices.entries()) {
      if (device.label !== null) expect(decoded?.[index]?.label).toBe(device.label);
    }
    expect(decodeDeviceList(element(serializeXml(encodeDeviceList(decoded ?? [], namespace))), namespace)).toEqual(decoded);
  });

  test("T02 a list of 512 entries is read, one of 513 is refused as a whole", () => {
    const list = (count: number): XmlElement =>
      xml(omemo2, "devices", {}, ...Array.from({ length: count }, (_, i) => xml(omemo2, "device", { id: i + 1 })));
    expect(decodeDeviceList(list(deviceListEntriesMax), omemo2)).toHaveLength(deviceListEntriesMax);
    expect(decodeDeviceList(list(deviceListEntriesMax + 1), omemo2)).toBeUndefined();
  });

  test("a list of the other version, and any other element, is no list", () => {
    expect(decodeDeviceList(element(`<devices xmlns='${omemo2}'/>`), legacy)).toBeUndefined();
    expect(decodeDeviceList(element(`<list xmlns='${legacy}'/>`), omemo2)).toBeUndefined();
    expect(decodeDeviceList(element("<devices xmlns='urn:example'/>"), omemo2)).toBeUndefined();
  });

  test("C07 a label survives, its signature only if it has 64 bytes, and a label of 54 code points is left out", () => {
    const devices: ListedDevice[] = [{ id: id(1), label: "📱".repeat(53), labelSignature: bytes(64) }, { id: id(2), label: "desk" }];
    expect(decodeDeviceList(encodeDeviceList(devices, omemo2), omemo2)).toEqual(devices);
    const bad = encodeDeviceList([{ id: id(1), label: "x", labelSignature: bytes(63) }, { id: id(2), label: "📱".repeat(54) }], omemo2);
    expect(decodeDeviceList(bad, omemo2)).toEqual([{ id: 1, label: "x" }, { id: 2 }]);
  });

  test("T03 of two entries with one id the first counts, label and all", () => {
    const text = `<devices xmlns='${omemo2}'><device id='7' label='first'/><device id='7' label='second'/></devices>`;
    expect(decodeDeviceList(element(text), omemo2)).toEqual([{ id: 7, label: "first" }]);
  });

  test("nothing is written into a legacy list but ids", () => {
    expect(serializeXml(encodeDeviceList([{ id: id(5), label: "desk", labelSignature: bytes(64) }], legacy)))
      .toBe(`<list xmlns="${legacy}"><device id="5"/></list>`);
  });
});

describe("bundles", () => {
  test.each(vectors.bundles.map((vector, index) => ({ ...vector, index })))("C07 $index $version $identityKind: $what", (vector) => {
    const namespace = namespaceOf(vector.version);
    const decoded = decodeBundle(element(vector.xml), namespace);
    if (vector.expect === "reject") {
      expect(decoded === undefined).toBe(!needsCrypto.test(vector.what));
      return;
    }
    const bundle = (vector as unknown as { bundle: BundleVector }).bundle;
    expect(toHex(decoded?.identityKey ?? bytes(0))).toBe(bundle.identityKeyWire);
    expect(decoded?.signedPreKeyId).toBe(bundle.signedPreKeyId);
    expect(toHex(decoded?.signedPreKeySignature ?? bytes(0))).toBe(bundle.signature);
    const prefix = namespace === legacy ? "05" : "";
    expect(toHex(decoded?.signedPreKey ?? bytes(0))).toBe(`${prefix}${bundle.signedPreKey.slice(-64)}`);
    expect(decoded?.preKeys.map((preKey) => [preKey.id, toHex(preKey.key)]))
      .toEqual(bundle.preKeys.map((preKey) => [preKey.id, `${prefix}${preKey.pub.slice(-64)}`]));
    expect(decodeBundle(element(serializeXml(encodeBundle(decoded as WireBundle, namespace))), namespace)).toEqual(decoded);
  });

  test("a plain bundle is written exactly as the Python packages write it", () => {
    const plain = vectors.bundles.filter((vector) => vector.what === "bundle");
    expect(plain.length).toBeGreaterThan(4);
    for (const { version, xml: text } of plain) {
      const namespace = namespaceOf(version);
      expect(serializeXml(encodeBundle(decodeBundle(element(text), namespace) as WireBundle, namespace))).toBe(text);
    }
  });

  const sample: WireBundle = {
    identityKey: bytes(32, 1), signedPreKeyId: 3, signedPreKey: bytes(32, 2), signedPreKeySignature: bytes(64, 3),
    preKeys: [{ id: 0, key: bytes(32, 4) }, { id: 9, key: bytes(32, 5) }],
  };

  test("T18 an element of another name, or of the other version, is no bundle", () => {
    const written = encodeBundle(sample, omemo2);
    for (const other of [{ ...written, name: "devices" }, { ...written, ns: legacy }]) expect(decodeBundle(other, omemo2)).toBeUndefined();
    expect(decodeBundle(written, legacy)).toBeUndefined();
  });

  test("a prekey id of 0 is accepted, ids outside 31 bits and repeated ids are not", () => {
    expect(decodeBundle(encodeBundle(sample, omemo2), omemo2)).toEqual(sample);
    const odd = { ...sample, preKeys: [...sample.preKeys, { id: 9, key: bytes(32, 6) }, { id: 0x8000_0000, key: bytes(32, 7) }] };
    expect(decodeBundle(encodeBundle(odd, omemo2), omemo2)).toEqual(sample);
  });

  test("at most 1,000 prekeys are looked at, and a bundle above the byte limit is refused", () => {
    const many = Array.from({ length: bundlePreKeysMax + 1 }, (_, i) => ({ id: i + 1, key: bytes(32) }));
    expect(decodeBundle(encodeBundle({ ...sample, preKeys: many }, omemo2), omemo2)?.preKeys).toHaveLength(bundlePreKeysMax);
    const bundle = encodeBundle(sample, omemo2);
    const padded = (length: number): XmlElement => ({ ...bundle, children: [...bundle.children, " ".repeat(length)] });
    const room = bundleBytesMax - serializeXml(bundle).length;
    expect(decodeBundle(padded(room), omemo2)).toEqual(sample);
    expect(decodeBundle(padded(room + 1), omemo2)).toBeUndefined();
  });

  test.each([
    ["spk", 31], ["spk", 33], ["ik", 31], ["ik", 33], ["spks", 63], ["spks", 65],
  ] as const)("C07 <%s> of %i bytes makes the bundle malformed", (name, length) => {
    const field = { spk: "signedPreKey", ik: "identityKey", spks: "signedPreKeySignature" } as const;
    expect(decodeBundle(encodeBundle({ ...sample, [field[name]]: bytes(length) }, omemo2), omemo2)).toBeUndefined();
  });

  test("C07 a legacy key without its type byte is refused", () => {
    const typed = (fill: number, type = 5): Uint8Array<ArrayBuffer> => new Uint8Array([type, ...bytes(32, fill)]);
    const bundle: WireBundle = { ...sample, identityKey: typed(1), signedPreKey: typed(2), preKeys: [{ id: 1, key: typed(4) }] };
    expect(decodeBundle(encodeBundle(bundle, legacy), legacy)).toEqual(bundle);
    expect(decodeBundle(encodeBundle({ ...bundle, identityKey: typed(1, 6) }, legacy), legacy)).toBeUndefined();
    expect(decodeBundle(encodeBundle({ ...bundle, signedPreKey: typed(1, 6) }, legacy), legacy)).toBeUndefined();
    expect(decodeBundle(encodeBundle({ ...bundle, preKeys: [{ id: 1, key: typed(4, 6) }] }, legacy), legacy)).toBeUndefined();
  });

  test("nodes and items have the names that peers look for", () => {
    expect(deviceListNode(omemo2)).toBe("urn:xmpp:omemo:2:devices");
    expect(deviceListNode(legacy)).toBe("eu.siacs.conversations.axolotl.devicelist");
    expect(bundleNode(omemo2, id(7))).toBe("urn:xmpp:omemo:2:bundles");
    expect(bundleNode(legacy, id(7))).toBe("eu.siacs.conversations.axolotl.bundles:7");
    expect([bundleItemId(omemo2, id(7)), bundleItemId(legacy, id(7))]).toEqual(["7", "current"]);
  });
});

describe("<encrypted/>", () => {
  const cases = vectors.encrypted.flatMap(({ version, messages, devices }) => messages.map((message) => ({ version, message, devices })));

  test.each(cases)("R16 $version: $message.what", ({ version, message, devices }) => {
    const parsed = decodeEncrypted(element(message.xml));
    const refused = /header missing|sid missing|sid=0/.test(message.what);
    expect(parsed === undefined).toBe(refused);
    if (parsed === undefined) return;
    expect(parsed.namespace).toBe(namespaceOf(version));
    for (const [name, expected] of Object.entries(message.expect)) {
      const device = (devices as Record<string, { jid: string; deviceId: number }>)[name] as { jid: string; deviceId: number };
      const own = parsed.keys.filter((key) => key.rid === device.deviceId && (key.jid ?? device.jid) === device.jid);
      expect(own.length > 0).toBe(expected !== "not-for-this-device");
      if (expected === "ok") expect(own[0]?.data.length).toBeGreaterThan(90);
    }
    const written = encodeEncrypted(parsed);
    expect(decodeEncrypted(element(serializeXml(written)))).toEqual(parsed);
    const known = new Set(["sid", "jid", "rid", version === "omemo:2" ? "kex" : "prekey"]);
    for (const part of [written, ...["header", "keys", "key", "iv", "payload"].flatMap((name) => all(written, name))]) {
      expect(Object.keys(part.attrs).filter((name) => !known.has(name))).toEqual([]);
    }
  });

  test("a plain message is written exactly as the Python packages write it", () => {
    for (const { messages } of vectors.encrypted) {
      const plain = messages.find((message) => message.what.startsWith("key exchanges to two devices"));
      expect(serializeXml(encodeEncrypted(decodeEncrypted(element(plain?.xml ?? "")) as EncryptedMessage))).toBe(plain?.xml);
    }
  });

  const key = (data = bytes(4)): EncryptedMessage["keys"][number] => ({ jid: bareJid("bob@example.org"), rid: 2, kex: false, data });
  const message: EncryptedMessage = { namespace: omemo2, sid: id(1), keys: [key()], payload: bytes(3) };

  test("R17 kex is written as true or not at all, and read as xs:boolean", () => {
    expect(serializeXml(encodeEncrypted(message))).not.toContain("kex");
    expect(serializeXml(encodeEncrypted({ ...message, keys: [{ ...key(), kex: true }] }))).toContain('kex="true"');
    for (const [value, expected] of [["true", true], ["1", true], [" 1 ", true], ["false", false], ["0", false], ["yes", false]] as const) {
      const read = decodeEncrypted(element(`<encrypted xmlns='${omemo2}'><header sid='1'><keys jid='b@x.org'><key rid='2' kex='${value}'>AAAA</key></keys></header></encrypted>`));
      expect(read?.keys[0]?.kex).toBe(expected);
    }
  });

  test("C07 what is not base64 becomes zero bytes: still meant for somebody, and a failure for them only", () => {
    const read = decodeEncrypted(element(`<encrypted xmlns='${omemo2}'><header sid='1'><keys jid='b@x.org'><key rid='2'>A&#x20;A=A</key><key rid='3'>AA\nAA</key></keys></header><payload>?</payload></encrypted>`));
    expect(read?.keys.map((each) => each.data.length)).toEqual([0, 3]);
    expect(read?.payload).toEqual(bytes(0));
  });

  test("R16 addresses are prepared before they are compared; unusable ones and full ones count for nobody", () => {
    const read = decodeEncrypted(element(`<encrypted xmlns='${omemo2}'><header sid='1'>${
      ["BOB@Example.ORG", "bob@example.org/phone", "@", ""].map((jid) => `<keys jid='${jid}'><key rid='2'>AAAA</key></keys>`).join("")
    }<keys><key rid='2'>AAAA</key></keys></header></encrypted>`));
    expect(read?.keys.map((each) => each.jid)).toEqual(["bob@example.org"]);
  });

  test("R16 entries without a usable device id are skipped one by one", () => {
    const read = decodeEncrypted(element(`<encrypted xmlns='${omemo2}'><header sid='1'><keys jid='b@x.org'>${
      ["rid='0'", "rid='-1'", "rid='2147483648'", "rid='x'", "", "rid='2'"].map((rid) => `<key ${rid}>AAAA</key>`).join("")
    }</keys></header></encrypted>`));
    expect(read?.keys.map((each) => each.rid)).toEqual([2]);
  });

  test("an empty message has no payload element, an empty payload is one", () => {
    const empty: EncryptedMessage = { namespace: message.namespace, sid: message.sid, keys: message.keys };
    expect(decodeEncrypted(encodeEncrypted(empty))).toEqual(empty);
    expect(serializeXml(encodeEncrypted(empty))).not.toContain("payload");
    expect(decodeEncrypted(encodeEncrypted({ ...message, payload: bytes(0) }))?.payload).toEqual(bytes(0));
  });

  test("legacy carries an iv and no addresses", () => {
    const old: EncryptedMessage = { namespace: legacy, sid: id(1), keys: [{ rid: 2, kex: true, data: bytes(4) }], payload: bytes(3), iv: bytes(12) };
    expect(decodeEncrypted(encodeEncrypted(old))).toEqual(old);
    expect(serializeXml(encodeEncrypted({ ...old, keys: [key()] }))).not.toContain("jid");
  });

  test("an element of another name or namespace is not read", () => {
    expect(decodeEncrypted(element(`<encrypted xmlns='urn:xmpp:omemo:1'><header sid='1'/></encrypted>`))).toBeUndefined();
    expect(decodeEncrypted(element(`<decrypted xmlns='${omemo2}'><header sid='1'/></decrypted>`))).toBeUndefined();
  });
});
