/** RFC 6121 section 2 and XEP-0144: what goes on the wire, and what is read from it. Behaviour is in test/unit/client/roster*.test.ts. */
import { describe, expect, test } from "vitest";
import { bareJid, parseJid } from "../../../src/base/jid.js";
import { serializeXml, xml, type XmlElement } from "../../../src/base/xml.js";
import { TransportError } from "../../../src/transport/errors.js";
import { readRosterPush, RosterService } from "../../../src/transport/features/roster.js";
import type { IqQuestion } from "../../../src/transport/features/iq-requester.js";
import { cleanText } from "../../../src/transport/xep/clean-text.js";
import { decodeRoster, decodeRosterPush, encodeRosterGet, encodeRosterRemove, encodeRosterSet } from "../../../src/transport/xep/rfc6121-roster.js";
import { decodeSuggestions } from "../../../src/transport/xep/xep0144.js";

const ns = "jabber:iq:roster";
const juliet = bareJid("juliet@capulet.example");
const item = (attrs: Record<string, string>, ...groups: string[]): XmlElement => xml(ns, "item", attrs, ...groups.map((group) => xml(ns, "group", {}, group)));

describe("what is written", () => {
  test("questions, changes and removals as the schema has them", () => {
    expect([encodeRosterGet(), encodeRosterGet(""), encodeRosterGet("v 1"), encodeRosterSet({ jid: juliet, groups: [] }), encodeRosterSet({ jid: juliet, name: "<J>", groups: ["A & B", "C"] }), encodeRosterRemove(juliet)].map((element) => serializeXml(element))).toEqual([
      '<query xmlns="jabber:iq:roster"/>', '<query xmlns="jabber:iq:roster" ver=""/>', '<query xmlns="jabber:iq:roster" ver="v 1"/>',
      '<query xmlns="jabber:iq:roster"><item jid="juliet@capulet.example"/></query>',
      '<query xmlns="jabber:iq:roster"><item jid="juliet@capulet.example" name="&lt;J&gt;"><group>A &amp; B</group><group>C</group></item></query>',
      '<query xmlns="jabber:iq:roster"><item jid="juliet@capulet.example" subscription="remove"/></query>',
    ]);
  });
});

describe("what is read", () => {
  test("a list, its version, and how many items were left out", () => {
    expect(decodeRoster(xml(ns, "query", { ver: "v1" }, item({ jid: "Juliet@Capulet.Example", name: " J ", subscription: "both", approved: "1" }, "b", "a", "b"), item({ jid: "" }), "text", xml("urn:x", "item", { jid: juliet })))).toEqual({
      version: "v1", dropped: 1, items: [{ jid: juliet, name: "J", rawName: " J ", groups: ["a", "b"], subscription: "both", ask: false, approved: true }] });
    expect([decodeRoster(undefined), decodeRoster(xml(ns, "item")), decodeRoster(xml("urn:x", "query"))]).toEqual([undefined, undefined, undefined]);
  });

  test.each([["", undefined], ["x".repeat(1_024), undefined], ["x".repeat(1_023), "x".repeat(1_023)]])("a version that is empty or endless is none", (version, read) => {
    expect(decodeRoster(xml(ns, "query", { ver: version }))?.version).toBe(read);
  });

  test.each([[9_999, 0], [10_000, 0], [10_001, 1]])("H06 of %i contacts %i are too many", (count, dropped) => {
    const list = decodeRoster(xml(ns, "query", {}, ...Array.from({ length: count }, (_, i) => item({ jid: `c${String(i)}@e.example` }))));
    expect([list?.items.length, list?.dropped]).toEqual([count - dropped, dropped]);
  });

  test("H06 F20 an item in more than 100 groups is left out, names are cut at 256 code points, and a proposal has 200 items", () => {
    const x = "http://jabber.org/protocol/rosterx";
    const listed = (one: XmlElement): ReturnType<typeof decodeRoster> => decodeRoster(xml(ns, "query", {}, one));
    const suggested = (length: number, name = "n"): ReturnType<typeof decodeSuggestions> =>
      decodeSuggestions(xml(x, "x", {}, ...Array.from({ length }, (_, i) => xml(x, "item", { jid: `c${String(i)}@e.example`, name }))));
    expect([99, 100, 101].map((count) => listed(item({ jid: juliet }, ...Array.from({ length: count }, (_, i) => `g${String(i)}`)))?.items.length)).toEqual([1, 1, 0]);
    expect([255, 256, 257].map((length) => listed(item({ jid: juliet, name: "n".repeat(length) }))?.items[0]?.name?.length)).toEqual([255, 256, 256]);
    expect([255, 256, 257].map((length) => suggested(1, "n".repeat(length))?.[0]?.name?.length)).toEqual([255, 256, 256]);
    expect([199, 200, 201].map((length) => suggested(length)?.length)).toEqual([199, 200, 200]);
  });

  test("a push changes one item, or takes one away, also one that says nothing else", () => {
    expect(decodeRosterPush(xml(ns, "query", { ver: "v" }, item({ jid: juliet, subscription: "remove", name: "x" }, "g".repeat(2_000))))).toEqual({ version: "v", change: { jid: juliet } });
    expect(decodeRosterPush(xml(ns, "query", {}, item({ jid: juliet, ask: "subscribe" })))).toMatchObject({ change: { jid: juliet, item: { ask: true, subscription: "none" } } });
    expect(decodeRosterPush(xml(ns, "query"))).toEqual({ change: undefined });
    expect(decodeRosterPush(xml("urn:x", "query"))).toBeUndefined();
  });

  test("F07 a push is one from our own account, as a change, and nothing else", () => {
    const payload = xml(ns, "query", {}, item({ jid: juliet }));
    const account = bareJid("romeo@montague.example");
    const read = (from: string | undefined, type: "get" | "set" = "set", what = payload): boolean => readRosterPush({ type, from: from === undefined ? undefined : parseJid(from), payload: what }, account) !== undefined;
    expect([read(undefined), read(account), read(`${account}/x`), read("montague.example"), read(juliet), read(undefined, "get"), read(undefined, "set", xml("urn:x", "query"))]).toEqual([true, true, false, false, false, false, false]);
  });

  test("F20 the quick way for plain names gives what the long way gives", () => {
    for (const name of ["Juliet", "a b", " a", "a ", "a  b", "", "\u00e9", "e\u0301", "a\tb", "x".repeat(300), "a\u200bb", "~!\"<"]) {
      expect(cleanText(name, 256)).toBe(cleanText(`${name}\u200b`, 256));
    }
  });

  test("XEP-0144 proposals in a message and in a request are the same", () => {
    const x = xml("http://jabber.org/protocol/rosterx", "x", {}, xml("http://jabber.org/protocol/rosterx", "item", { action: "modify", jid: juliet }));
    expect(decodeSuggestions(x)).toEqual([{ action: "modify", jid: juliet, confusable: false, groups: [] }]);
    expect(decodeSuggestions(xml("jabber:client", "message", {}, x))).toEqual(decodeSuggestions(x));
    expect(decodeSuggestions(xml("jabber:client", "message"))).toBeUndefined();
  });
});

describe("asking", () => {
  const features = (...children: XmlElement[]): XmlElement => xml("http://etherx.jabber.org/streams", "features", {}, ...children);
  const ver = xml("urn:xmpp:features:rosterver", "ver");
  function service(answer: XmlElement | undefined | TransportError, offered: XmlElement = features(ver)): { readonly asked: IqQuestion[]; readonly service: RosterService } {
    const asked: IqQuestion[] = [];
    return { asked, service: new RosterService({ features: offered, iq: { request: async (question) => {
      asked.push(question);
      if (answer instanceof TransportError) throw answer;
      return answer;
    } } }) };
  }

  test("an empty answer means unchanged only to whoever has named a version to a server that keeps them", async () => {
    expect(await service(undefined).service.fetch("v1")).toEqual({ kind: "unchanged" });
    await expect(service(undefined).service.fetch(undefined)).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
    await expect(service(undefined, features()).service.fetch("v1")).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
    expect(await service(xml(ns, "query")).service.fetch("v1")).toEqual({ kind: "list", items: [], dropped: 0 });
  });

  test("features are read from the stream", () => {
    const read = (...children: XmlElement[]): readonly boolean[] => [service(undefined, features(...children)).service].map((each) => [each.hasVersions, each.hasPreApproval]).flat();
    expect([read(), read(ver), read(xml("urn:xmpp:features:pre-approval", "sub"))]).toEqual([[false, false], [true, false], [false, true]]);
  });

  test("a barrier is passed by any answer of the server, and by nothing else", async () => {
    await service(undefined).service.barrier();
    await service(new TransportError("ERR_STANZA_ERROR", "scripted")).service.barrier();
    await expect(service(new TransportError("ERR_IQ_TIMEOUT", "scripted")).service.barrier()).rejects.toMatchObject({ code: "ERR_IQ_TIMEOUT" });
  });
});
