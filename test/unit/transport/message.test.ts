/** Message stanzas around OMEMO, and the small specifications that they are made of. @module */
import { describe, expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { serializeXml } from "../../../src/base/xml.js";
import type { EncryptedMessage } from "../../../src/session/encrypted-message.js";
import { parseDeviceId, type DeviceId } from "../../../src/session/ports.js";
import { encryptedMessage, plainMessage, readMessage, senderOf } from "../../../src/transport/xep/message.js";
import { formatDateTime, parseDateTime } from "../../../src/transport/xep/xep0203.js";
import { readStanzaId } from "../../../src/transport/xep/xep0359.js";
import { element } from "../../support/xml.js";

const to = bareJid("juliet@example.org");
const account = bareJid("romeo@example.org");
const message: EncryptedMessage = {
  namespace: "urn:xmpp:omemo:2", sid: parseDeviceId(1) as DeviceId,
  keys: [{ jid: to, rid: 2, kex: false, data: new Uint8Array(3) }], payload: new Uint8Array(3),
};
const old = "eu.siacs.conversations.axolotl";
const read = (attributes: string, content = ""): ReturnType<typeof readMessage> =>
  readMessage(element(`<message xmlns='jabber:client' ${attributes}>${content}</message>`));

describe("messages", () => {
  test("an encrypted message has no body, is marked, and is stored by the archive", () => {
    expect(serializeXml(encryptedMessage({ to, id: "i1", message }))).toBe(
      '<message xmlns="jabber:client" to="juliet@example.org" id="i1" type="chat">'
      + '<encrypted xmlns="urn:xmpp:omemo:2"><header sid="1"><keys jid="juliet@example.org"><key rid="2">AAAA</key></keys></header><payload>AAAA</payload></encrypted>'
      + '<encryption xmlns="urn:xmpp:eme:0" namespace="urn:xmpp:omemo:2" name="OMEMO"/><origin-id xmlns="urn:xmpp:sid:0" id="i1"/><store xmlns="urn:xmpp:hints"/></message>');
    expect(serializeXml(encryptedMessage({ to, id: "i1", message, store: false }))).toContain("<no-store ");
  });

  test("what is written is read back", () => {
    expect(readMessage(encryptedMessage({ to, id: "i1", message }))).toEqual({
      to, id: "i1", type: "chat", originId: "i1", delays: [], encrypted: [message], claimsEncryption: true,
    });
    expect(readMessage(plainMessage({ to, id: "i2", text: "hi" }))).toEqual({
      to, id: "i2", type: "chat", originId: "i2", delays: [], encrypted: [], claimsEncryption: false,
    });
  });

  test("of two versions in one stanza omemo:2 comes first, and an unreadable one still forbids to read the body", () => {
    const both = `<encrypted xmlns='${old}'><header sid='9'/></encrypted><encrypted xmlns='urn:xmpp:omemo:2'><header sid='9'/></encrypted>`;
    expect(read("", both)?.encrypted.map((each) => each.namespace)).toEqual(["urn:xmpp:omemo:2", old]);
    expect(read("", "<body>x</body><encrypted xmlns='urn:xmpp:omemo:2'/>")).toMatchObject({ encrypted: [], claimsEncryption: true });
  });

  test("P16 a malformed address makes it no message; a missing one is the own account", () => {
    expect(read("from='@'")).toBeUndefined();
    expect(read("to='a@'")).toBeUndefined();
    const own = read("");
    expect(own === undefined ? undefined : senderOf(own, account)).toBe(account);
    const foreign = read("from='Juliet@Example.org/x'");
    expect(foreign === undefined ? undefined : senderOf(foreign, account)).toBe("juliet@example.org/x");
  });

  test("P08 a stanza of another namespace is no message; an unknown type is normal", () => {
    expect(readMessage(element("<message xmlns='jabber:server'/>"))).toBeUndefined();
    expect(readMessage(element("<presence xmlns='jabber:client'/>"))).toBeUndefined();
    expect([read("type='chat'")?.type, read("type='x'")?.type, read("")?.type]).toEqual(["chat", "normal", "normal"]);
  });

  test("delays are read with who says so, unusable ones left out", () => {
    const delay = "<delay xmlns='urn:xmpp:delay' ";
    expect(read("", `${delay} from='example.org' stamp='2026-01-02T03:04:05Z'/>${delay} stamp='2026-01-02T04:04:05+01:00'/>${delay} stamp='now'/>`)?.delays)
      .toEqual([{ time: Date.UTC(2026, 0, 2, 3, 4, 5), from: "example.org" }, { time: Date.UTC(2026, 0, 2, 3, 4, 5) }]);
  });
});

describe("XEP-0082", () => {
  test.each([
    ["2026-01-02T03:04:05Z", Date.UTC(2026, 0, 2, 3, 4, 5)], ["2026-01-02T03:04:05.678901Z", Date.UTC(2026, 0, 2, 3, 4, 5, 678)],
    ["2026-01-02T00:04:05-02:30", Date.UTC(2026, 0, 2, 2, 34, 5)], ["1969-07-21T02:56:15Z", -14159025000],
  ])("%s is read", (text, time) => { expect(parseDateTime(text)).toBe(time); });

  test.each(["", "yesterday", "2026-01-02", "2026-01-02T03:04:05", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:60:00Z", " 2026-01-02T03:04:05Z"])(
    "%j is not", (text) => { expect(parseDateTime(text)).toBeUndefined(); });

  test("what is written is read back", () => { expect(parseDateTime(formatDateTime(1_767_323_045_678))).toBe(1_767_323_045_678); });
});

describe("XEP-0359", () => {
  const stanza = (...by: string[]): ReturnType<typeof element> =>
    element(`<message xmlns='jabber:client'>${by.map((jid, i) => `<stanza-id xmlns='urn:xmpp:sid:0' id='s${i}' by='${jid}'/>`).join("")}</message>`);

  test("F10 only the id of the archive we ask about counts, and two of them are none", () => {
    expect(readStanzaId(stanza("evil@example.org", "Romeo@example.org"), account)).toBe("s1");
    expect(readStanzaId(stanza("evil@example.org"), account)).toBeUndefined();
    expect(readStanzaId(stanza("romeo@example.org", "romeo@example.org"), account)).toBeUndefined();
    expect(readStanzaId(element(`<message xmlns='jabber:client'><stanza-id xmlns='urn:xmpp:sid:0' id='${"x".repeat(1_025)}' by='${account}'/></message>`), account)).toBeUndefined();
  });
});
