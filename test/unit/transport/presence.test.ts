/** RFC 6121 presence, XEP-0319, XEP-0172, XEP-0115: shapes. Threats F20, H04, V06. @module */
import { describe, expect, test } from "vitest";
import { statusLanguagesMax, statusLengthMax } from "../../../src/base/limits.js";
import { serializeXml, xml } from "../../../src/base/xml.js";
import { cleanText, looksConfusable } from "../../../src/transport/xep/clean-text.js";
import { decodePresence, encodePresence, encodeUnavailable, type PresenceContent } from "../../../src/transport/xep/rfc6121-presence.js";
import { readNick } from "../../../src/transport/xep/xep0172.js";
import { element } from "../../support/xml.js";
import { parseJid } from "../../../src/base/jid.js";

const read = (children: string, attributes = "from='juliet@capulet.example/balcony'"): ReturnType<typeof decodePresence> =>
  decodePresence(element(`<presence xmlns='jabber:client' ${attributes}>${children}</presence>`));
const content = (children: string): PresenceContent => {
  const presence = read(children);
  if (presence?.kind !== "available") throw new TypeError("not available");
  return presence.content;
};

describe("presence stanzas", () => {
  test("what is written is what is read", () => {
    const said: PresenceContent = { show: "dnd", statuses: { "": "busy", de: "beschäftigt" }, priority: -5, idleSince: Date.UTC(2026, 10, 21, 12) };
    const stanza = encodePresence(said, { to: parseJid("a@b/c")!, extras: [xml("urn:x", "x")] });
    expect(serializeXml(stanza, "jabber:client")).toBe("<presence to=\"a@b/c\"><show>dnd</show><status>busy</status><status xml:lang=\"de\">beschäftigt</status>"
      + "<priority>-5</priority><idle xmlns=\"urn:xmpp:idle:1\" since=\"2026-11-21T12:00:00.000Z\"/><x xmlns=\"urn:x\"/></presence>");
    expect(decodePresence({ ...stanza, attrs: { from: "juliet@capulet.example/balcony" } })).toEqual({ kind: "available", from: "juliet@capulet.example/balcony", content: said });
    expect(serializeXml(encodePresence({ show: "available", priority: 0 }), "jabber:client")).toBe("<presence/>");
    expect(serializeXml(encodeUnavailable({ statuses: { "": "bye" } }), "jabber:client")).toBe("<presence type=\"unavailable\"><status>bye</status></presence>");
  });

  test("what a peer gets wrong has a harmless value", () => {
    expect(content("<show>sleepy</show><priority>high</priority><idle xmlns='urn:xmpp:idle:1' since='yesterday'/>")).toEqual({ show: "available", priority: 0 });
    expect(content("<show> away </show><priority>+999</priority>")).toEqual({ show: "away", priority: 127 });
    expect(content("<priority>-999</priority>").priority).toBe(-128);
    expect(read("", "from='juliet@capulet.example/balcony' type='invisible'")).toBeUndefined();
    expect(read("", "type='unavailable'")).toBeUndefined();
    expect(read("", "from='@'")).toBeUndefined();
  });

  test("types are kept apart; requests come from accounts, not from resources", () => {
    const typed = (type: string, children = ""): ReturnType<typeof decodePresence> => read(children, `from='Juliet@capulet.example/balcony' type='${type}'`);
    expect(typed("unavailable", "<status>bye</status>")).toMatchObject({ kind: "unavailable", from: "juliet@capulet.example/balcony", statuses: { "": "bye" } });
    expect(typed("error")).toEqual({ kind: "error", from: "juliet@capulet.example/balcony" });
    expect(typed("probe")).toEqual({ kind: "probe", from: "juliet@capulet.example/balcony" });
    expect(typed("subscribe", "<status>please</status><nick xmlns='http://jabber.org/protocol/nick'>Jul\u202eiet</nick>"))
      .toEqual({ kind: "subscription", type: "subscribe", from: "juliet@capulet.example", text: "please", nick: "Juliet" });
  });

  test("capabilities: without hash it is the old format, from a bare address nothing to ask, and a long one is none", () => {
    const caps = (attributes: string, from?: string): unknown => read(`<c xmlns='http://jabber.org/protocol/caps' ${attributes}/>`, from);
    expect(caps("node='n' ver='v' hash='sha-1'")).toMatchObject({ caps: { node: "n", ver: "v", hash: "sha-1" } });
    expect(caps("node='n' ver='v'")).not.toHaveProperty("caps");
    expect(caps("node='n' ver='v' hash='sha-1'", "from='gateway.example'")).not.toHaveProperty("caps");
    expect(caps(`node='n' ver='${"v".repeat(600)}' hash='sha-1'`)).not.toHaveProperty("caps");
  });

  test("H04 V06 status texts: languages are data, few and short; a repeated language counts once", () => {
    const many = Array.from({ length: 50 }, (_, i) => `<status xml:lang='l${String(i)}'>x</status>`).join("");
    expect(Object.keys(content(many).statuses ?? {})).toHaveLength(statusLanguagesMax);
    const { statuses = {} } = content(`<status xml:lang='constructor'>a</status><status xml:lang='__proto__'>b</status><status>1</status><status>2</status><status xml:lang='en'>${"x".repeat(5_000)}</status>`);
    expect(Object.getPrototypeOf(statuses)).toBeNull();
    expect(Object.keys(statuses)).toEqual(["", "en"]);
    expect(statuses["en"]).toHaveLength(statusLengthMax);
    expect(content("<status xml:lang='constructo'>not a tag</status>").statuses).toBeUndefined();
  });
});

describe("F20 texts that others chose", () => {
  test("lose what turns, hides or controls, and keep what people write", () => {
    expect(cleanText(" a\u202eb\u2066c\u200b\u00add\ufeff\u0000\u001b[31m\u{e0041}\ud800 e ", 100)).toBe("abcd[31m e");
    expect(cleanText("one\r\ntwo\tthree", 100)).toBe("one two three");
    expect(cleanText("one\r\ntwo", 100, "lines")).toBe("one\ntwo");
    expect(cleanText("\u{1f469}\u200d\u{1f4bb} \u0645\u06cc\u200c\u062e", 100)).toBe("\u{1f469}\u200d\u{1f4bb} \u0645\u06cc\u200c\u062e");
    expect(cleanText("\u200d\u200dx\u200d", 100)).toBe("x");
    expect(cleanText("e\u0301", 100)).toBe("\u00e9");
    expect(cleanText("\u{1f600}".repeat(9), 3)).toBe("\u{1f600}".repeat(3));
    expect(cleanText("x".repeat(1_000_000), 8)).toBe("xxxxxxxx");
  });

  test("are flagged where letters of another script imitate", () => {
    expect(["Juliet", "Джульетта", "Ιουλιέτα", "Иван Smith", "山田", "Ann-Marie 2", ""].filter(looksConfusable)).toEqual([]);
    expect(["раураl", "Jul\u0456et", "\u0391lice", "сосо"].filter(looksConfusable)).toHaveLength(4);
  });
});

test("F20 a nickname is cut at 128 code points", () => {
  const read = (length: number): string => readNick(xml("http://jabber.org/protocol/nick", "nick", {}, "\u{1f600}".repeat(length))) ?? "";
  expect([127, 128, 129].map((length) => Array.from(read(length)).length)).toEqual([127, 128, 128]);
});
