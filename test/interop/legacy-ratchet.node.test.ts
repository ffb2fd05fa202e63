/**
 * The older OMEMO version against python-oldmemo, at the level of bundles, ratchet and payload: no server, but the very XML
 * that would stand in stanzas.
 * @module
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { utf8, utf8Decode } from "../../src/base/bytes.js";
import { serializeXml, type XmlElement } from "../../src/base/xml.js";
import { nodeProvider } from "../../src/crypto/node-provider.js";
import { nobleProvider } from "../../src/crypto/noble-provider.js";
import { element } from "../support/xml.js";
import { LegacyDevice } from "./legacy-device.js";
import { PythonPeer } from "./peer/python-peer.js";

let peer: PythonPeer;
beforeEach(() => { peer = new PythonPeer("./legacy_ratchet.py", ["oldmemo", "xmlschema"]); });
afterEach(() => peer.stop());

const theirBundle = async (): Promise<XmlElement> => element((await peer.do<{ bundle: string }>("bundle")).bundle);
const theyEncrypt = async (text?: string): Promise<XmlElement> => element((await peer.do<{ encrypted: string }>("encrypt", { text })).encrypted);
const theyDecrypt = async (message: XmlElement): Promise<string | null> =>
  (await peer.do<{ text: string | null }>("decrypt", { encrypted: serializeXml(message) })).text;
const read = (bytes: Uint8Array | undefined): string | undefined => (bytes === undefined ? undefined : utf8Decode(bytes));
const isKeyExchange = (message: XmlElement): boolean => serializeXml(message).includes("prekey=");

describe.each([["node", nodeProvider], ["noble", nobleProvider]] as const)("legacy with python-oldmemo, %s crypto", (_, provider) => {
  test("we start the session from the peer's bundle", async () => {
    const ours = await LegacyDevice.create(provider);
    await ours.start(await theirBundle());
    for (const text of ["first", "second \u{1f339}", "<third>"]) {
      const message = await ours.encrypt(utf8(text));
      expect(isKeyExchange(message)).toBe(true); // until the peer has answered
      expect(await theyDecrypt(message)).toBe(text);
    }
    expect(read(await ours.decrypt(await theyEncrypt()))).toBeUndefined();
    for (let round = 0; round < 10; round++) {
      const message = await ours.encrypt(utf8(`we ${String(round)}`));
      expect(isKeyExchange(message)).toBe(false);
      expect(await theyDecrypt(message)).toBe(`we ${String(round)}`);
      expect(read(await ours.decrypt(await theyEncrypt(`they ${String(round)}`)))).toBe(`they ${String(round)}`);
    }
  });

  test("the peer starts the session from our bundle", async () => {
    const ours = await LegacyDevice.create(provider);
    await theirBundle();
    const bundle = serializeXml(await ours.bundle());
    const first = element((await peer.do<{ encrypted: string }>("start", { bundle, text: "hello" })).encrypted);
    expect(isKeyExchange(first)).toBe(true);
    expect(read(await ours.decrypt(first))).toBe("hello");
    const repeated = await theyEncrypt("again");
    expect(isKeyExchange(repeated)).toBe(true);
    expect(read(await ours.decrypt(repeated))).toBe("again");
    expect(await theyDecrypt(await ours.encrypt(undefined))).toBeNull();
    expect(isKeyExchange(await theyEncrypt("confirmed"))).toBe(false);
    for (let round = 0; round < 10; round++) {
      expect(read(await ours.decrypt(await theyEncrypt(`they ${String(round)}`)))).toBe(`they ${String(round)}`);
      expect(await theyDecrypt(await ours.encrypt(utf8(`we ${String(round)}`)))).toBe(`we ${String(round)}`);
    }
  });

  test("messages out of order and across a step of the ratchet open on both sides", async () => {
    const ours = await LegacyDevice.create(provider);
    await ours.start(await theirBundle());
    expect(await theyDecrypt(await ours.encrypt(utf8("open")))).toBe("open");
    expect(read(await ours.decrypt(await theyEncrypt("open")))).toBe("open");
    const late: XmlElement[] = [];
    for (let i = 0; i < 5; i++) late.push(await ours.encrypt(utf8(`we ${String(i)}`)));
    for (const i of [4, 1, 0]) expect(await theyDecrypt(late[i] as XmlElement)).toBe(`we ${String(i)}`);
    const theirs: XmlElement[] = [];
    for (let i = 0; i < 5; i++) theirs.push(await theyEncrypt(`they ${String(i)}`));
    for (const i of [3, 0]) expect(read(await ours.decrypt(theirs[i] as XmlElement))).toBe(`they ${String(i)}`);
    expect(await theyDecrypt(await ours.encrypt(utf8("next chain")))).toBe("next chain");
    for (const i of [2, 3]) expect(await theyDecrypt(late[i] as XmlElement)).toBe(`we ${String(i)}`);
    expect(read(await ours.decrypt(await theyEncrypt("their next chain")))).toBe("their next chain");
    for (const i of [4, 1, 2]) expect(read(await ours.decrypt(theirs[i] as XmlElement))).toBe(`they ${String(i)}`);
  });
});
