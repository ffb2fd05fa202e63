/** Privacy lists, block lists and reports on the wire. */
import { describe, expect, test } from "vitest";
import { bareJid, parseJid, type Jid } from "../../../src/base/jid.js";
import { serializeXml, xml, type XmlElement } from "../../../src/base/xml.js";
import { TransportError } from "../../../src/transport/errors.js";
import { BlockingService } from "../../../src/transport/features/blocking.js";
import { PrivacyListsService } from "../../../src/transport/features/privacy-lists.js";
import { decodeList, decodeLists, decodePrivacyPush, putListRequest, type PrivacyRule } from "../../../src/transport/xep/xep0016.js";
import { blockRequest, decodeBlockingPush, decodeBlockList } from "../../../src/transport/xep/xep0191.js";
import { encodeReport } from "../../../src/transport/xep/xep0377.js";
import { element } from "../../support/xml.js";

const romeo = parseJid("romeo@example.net") as Jid;
const rules: readonly PrivacyRule[] = [
  { action: "deny", match: { kind: "jid", jid: parseJid("tybalt@example.com/duel") as Jid } },
  { action: "allow", match: { kind: "group", group: "Friends & <co>" }, kinds: ["message", "presence-out"] },
  { action: "deny", match: { kind: "subscription", subscription: "none" }, kinds: ["iq"] },
  { action: "deny", match: { kind: "all" }, kinds: ["presence-in"] },
];
const list = (...items: string[]): XmlElement => element(`<query xmlns='jabber:iq:privacy'><list name='l'>${items.join("")}</list></query>`);
const code = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "fulfilled", (error: unknown) => (error as TransportError).code);

describe("privacy lists (XEP-0016)", () => {
  test("rules are written in order and read back as they were", () => {
    const request = putListRequest("l", rules);
    expect(serializeXml(request)).toBe('<query xmlns="jabber:iq:privacy"><list name="l">'
      + '<item type="jid" value="tybalt@example.com/duel" action="deny" order="1"/>'
      + '<item type="group" value="Friends &amp; &lt;co&gt;" action="allow" order="2"><message/><presence-out/></item>'
      + '<item type="subscription" value="none" action="deny" order="3"><iq/></item>'
      + '<item action="deny" order="4"><presence-in/></item></list></query>');
    expect(decodeList(request, "l")).toEqual({ rules, dropped: 0 });
    expect(decodeList(request, "other")).toBeUndefined();
  });

  test("the order of the items decides, not their places; items of the same order keep theirs", () => {
    const found = decodeList(list("<item action='allow' order='7'/>", "<item type='jid' value='b@x' action='deny' order='0'/>", "<item type='jid' value='a@x' action='deny' order='0'/>"), "l");
    expect(found?.rules.map(({ match }) => (match.kind === "jid" ? match.jid : match.kind))).toEqual(["b@x", "a@x", "all"]);
    expect(found?.dropped).toBe(0);
  });

  test("malformed items are left out one by one and counted, the others hold", () => {
    const bad = [
      "<item action='deny'/>", "<item action='deny' order='-1'/>", "<item action='deny' order='1.5'/>", "<item action='deny' order='4294967296'/>", "<item order='1'/>",
      "<item action='drop' order='1'/>", "<item type='jid' action='deny' order='1'/>", "<item type='jid' value='@@' action='deny' order='1'/>",
      "<item type='group' action='deny' order='1'/>", "<item type='subscription' value='remove' action='deny' order='1'/>", "<item type='planet' value='x' action='deny' order='1'/>",
      // Kinds that we do not know must not make it a rule about everything.
      "<item action='deny' order='1'><carrier-pigeon/></item>", "<item action='deny' order='1'><message xmlns='urn:other'/></item>", "<thing/>",
    ];
    for (const each of bad) {
      expect([each, decodeList(list(each, "<item type='jid' value='Tybalt@Example.com' action='deny' order='9'><message/><carrier-pigeon/></item>"), "l")]).toEqual(
        [each, { rules: [{ action: "deny", match: { kind: "jid", jid: "tybalt@example.com" }, kinds: ["message"] }], dropped: 1 }]);
    }
    expect(decodeList(list(...bad), "l")).toEqual({ rules: [], dropped: bad.length });
  });

  test("names of lists: what is in force, each once, none without a name", () => {
    const answer = element("<query xmlns='jabber:iq:privacy'><active name='a'/><default name='d'/><list name='a'/><list name='d'/><list name='a'/><list/><list name=''/></query>");
    expect(decodeLists(answer)).toEqual({ names: ["a", "d"], active: "a", default: "d" });
    expect(decodeLists(element("<query xmlns='jabber:iq:privacy'/>"))).toEqual({ names: [] });
    expect(decodeLists(element("<query xmlns='jabber:iq:roster'/>"))).toBeUndefined();
    expect(decodeLists(undefined)).toBeUndefined();
  });

  test("a push names one list and nothing else", () => {
    expect(decodePrivacyPush(list())).toBe("l");
    for (const not of ["<query xmlns='jabber:iq:privacy'/>", "<query xmlns='jabber:iq:privacy'><active name='l'/></query>", "<query xmlns='jabber:iq:privacy'><list name='a'/><list name='b'/></query>", "<query xmlns='x'><list name='l'/></query>", "<query xmlns='jabber:iq:privacy'><list/></query>"]) {
      expect(decodePrivacyPush(element(not))).toBeUndefined();
    }
  });

  test("errors are typed; what is not about lists stays what it is", async () => {
    let condition = "";
    const service = new PrivacyListsService({ iq: { request: () => Promise.reject(new TransportError("ERR_STANZA_ERROR", "scripted", { details: { condition } })) } });
    const ask = async (): Promise<unknown[]> => [await code(service.lists()), await code(service.get("l")), await code(service.put("l", rules)), await code(service.remove("l")), await code(service.activate("l")), await code(service.setDefault(undefined))];
    for (const each of ["service-unavailable", "feature-not-implemented"]) {
      condition = each;
      expect(new Set(await ask())).toEqual(new Set(["ERR_PRIVACY_LISTS_UNSUPPORTED"]));
    }
    condition = "conflict";
    expect(new Set(await ask())).toEqual(new Set(["ERR_PRIVACY_LIST_CONFLICT"]));
    condition = "item-not-found";
    const unknown = "ERR_PRIVACY_LIST_UNKNOWN";
    expect(await ask()).toEqual(["ERR_STANZA_ERROR", unknown, "ERR_STANZA_ERROR", unknown, unknown, unknown]);
    condition = "bad-request";
    expect(new Set(await ask())).toEqual(new Set(["ERR_STANZA_ERROR"]));
    const silent = new PrivacyListsService({ iq: { request: () => Promise.resolve(undefined) } });
    expect([await code(silent.lists()), await code(silent.get("l"))]).toEqual(["ERR_STREAM_PROTOCOL", "ERR_STREAM_PROTOCOL"]);
  });

  test("a list without rules would ask for its removal, and a name that is empty for nothing: neither is sent", async () => {
    const asked: unknown[] = [];
    const service = new PrivacyListsService({ iq: { request: (iq) => { asked.push(iq); return Promise.resolve(undefined); } } });
    for (const call of [service.put("l", []), service.put("", rules), service.remove(""), service.activate(""), service.setDefault(""), service.get("")]) expect(await code(call)).toBe("ERR_INVALID_ARGUMENT");
    expect(asked).toEqual([]);
    const { signal } = new AbortController();
    await service.activate(undefined, signal);
    expect(asked).toEqual([{ type: "set", payload: xml("jabber:iq:privacy", "query", {}, xml("jabber:iq:privacy", "active")), resend: false, signal }]);
  });
});

describe("blocking (XEP-0191) and reports (XEP-0377)", () => {
  const items = "<item jid='Romeo@example.net'/><item/><item jid='@'/><item xmlns='x' jid='a@b'/><item jid='mantua.example'/><item jid='romeo@example.net'/>";
  test("malformed items are left out one by one and counted; addresses are prepared and occur once", () => {
    const found = { jids: ["romeo@example.net", "mantua.example"], dropped: 3 };
    expect(decodeBlockList(element(`<blocklist xmlns='urn:xmpp:blocking'>${items}</blocklist>`))).toEqual(found);
    expect(decodeBlockingPush(element(`<block xmlns='urn:xmpp:blocking'>${items}</block>`))).toEqual({ kind: "block", ...found });
    expect(decodeBlockingPush(element(`<unblock xmlns='urn:xmpp:blocking'>${items}</unblock>`))).toEqual({ kind: "unblock", ...found });
    expect(decodeBlockList(element("<block xmlns='urn:xmpp:blocking'/>"))).toBeUndefined();
    expect(decodeBlockingPush(element("<blocklist xmlns='urn:xmpp:blocking'/>"))).toBeUndefined();
  });

  test("an unblock without items is about everybody; one with malformed items alone is about nobody", () => {
    expect(decodeBlockingPush(element("<unblock xmlns='urn:xmpp:blocking'/>"))).toEqual({ kind: "unblock-all" });
    expect(decodeBlockingPush(element("<unblock xmlns='urn:xmpp:blocking'><item/></unblock>"))).toEqual({ kind: "unblock", jids: [], dropped: 1 });
  });

  test("a block with a report is the example of the specification", () => {
    const report = encodeReport({ reason: "spam", text: "Never came trouble", lang: "en", messages: [{ id: "28482-98726", by: bareJid("juliet@example.com") }] });
    expect(serializeXml(blockRequest([{ jid: romeo, report }]))).toBe('<block xmlns="urn:xmpp:blocking"><item jid="romeo@example.net">'
      + '<report xmlns="urn:xmpp:reporting:1" reason="urn:xmpp:reporting:spam"><stanza-id xmlns="urn:xmpp:sid:0" by="juliet@example.com" id="28482-98726"/>'
      + '<text xml:lang="en">Never came trouble</text></report></item></block>');
    expect(serializeXml(encodeReport({ reason: "abuse" }))).toBe('<report xmlns="urn:xmpp:reporting:1" reason="urn:xmpp:reporting:abuse"/>');
  });

  test("no address would unblock everybody, or is refused: neither is sent", async () => {
    const asked: unknown[] = [];
    const service = new BlockingService({ iq: { request: (iq) => { asked.push(iq); return Promise.resolve(undefined); } } });
    expect([await code(service.block([])), await code(service.unblock([]))]).toEqual(["ERR_INVALID_ARGUMENT", "ERR_INVALID_ARGUMENT"]);
    expect(asked).toEqual([]);
    expect(await code(service.list())).toBe("ERR_STREAM_PROTOCOL");
    const without = new BlockingService({ iq: { request: () => Promise.reject(new TransportError("ERR_STANZA_ERROR", "scripted", { details: { condition: "service-unavailable" } })) } });
    expect([await code(without.list()), await code(without.block([romeo])), await code(without.unblock("all"))]).toEqual(Array<string>(3).fill("ERR_BLOCKING_UNSUPPORTED"));
  });
});
