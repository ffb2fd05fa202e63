/** Read positions among the own devices: a private node (threat F08). */
import { describe, expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { readPositionsMax } from "../../../src/base/limits.js";
import { serializeXml, xml, type XmlElement } from "../../../src/base/xml.js";
import { TransportError } from "../../../src/transport/errors.js";
import { ReadPositions } from "../../../src/transport/features/read-positions.js";
import { decodeReadPosition, encodeReadPosition, type ReadPosition } from "../../../src/transport/xep/xep0490.js";
import { ejabberdDialect, FakePepServer, prosodyDialect, type PepDialect } from "../../support/fake-pep-server.js";
import { element } from "../../support/xml.js";

const me = bareJid("romeo@example.org");
const juliet = bareJid("juliet@example.org");
const node = "urn:xmpp:mds:displayed:0";
const closed = { access_model: "whitelist", persist_items: "true", max_items: "max" };

function setUp(dialect: PepDialect = prosodyDialect) {
  const server = new FakePepServer(me, dialect);
  const positions = new ReadPositions({ iq: server, account: me });
  const heard: ReadPosition[] = [];
  positions.onPosition((position) => { heard.push(position); });
  return { server, positions, heard, publish: () => positions.publish(juliet, "s1") };
}
const itemsOf = (server: FakePepServer): unknown[] => [...(server.node(node)?.items ?? [])];
const code = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "fulfilled", (error: unknown) => (error as TransportError).code);

describe("publishing a position", () => {
  test.each([["Prosody", prosodyDialect], ["ejabberd", ejabberdDialect]])("F08 %s: the node is made private and shown to be, before anything is in it", async (_, dialect) => {
    const { server, publish } = setUp(dialect);
    const before: unknown[] = [];
    server.before = (iq) => { if (serializeXml(iq.payload).includes("<publish ")) before.push(Object.fromEntries(server.node(node)?.config ?? [])); };
    await publish();
    expect(before).toEqual([closed]);
    expect(server.log).toEqual(["configure", "create access_model=whitelist persist_items=true max_items=max", "configure", "publish access_model=whitelist persist_items=true"]);
    expect(itemsOf(server)).toEqual([[juliet, encodeReadPosition("s1", me)]]);
  });

  test("later positions cost one request, each conversation keeps its own", async () => {
    const { server, positions, publish } = setUp();
    await publish();
    const requests = server.log.length;
    await positions.publish(bareJid("mercutio@example.org"), "s2");
    await positions.publish(juliet, "s3");
    expect(server.log.length - requests).toBe(2);
    expect(itemsOf(server)).toEqual([["mercutio@example.org", encodeReadPosition("s2", me)], [juliet, encodeReadPosition("s3", me)]]);
  });

  test("F08 an open node that another client left is closed before anything is in it", async () => {
    const { server, publish } = setUp();
    server.place(me, node, { access_model: "open", persist_items: "true", max_items: "1" });
    await publish();
    expect(Object.fromEntries(server.node(node)?.config ?? [])).toEqual(closed);
    expect(server.log.findIndex((line) => line.startsWith("publish"))).toBe(server.log.length - 1);
  });

  test("F08 a node that stays open gets nothing, and the caller hears it", async () => {
    const { server, publish } = setUp({ ...prosodyDialect, frozenConfiguration: true });
    server.place(me, node, { access_model: "presence", persist_items: "true", max_items: "max" });
    expect(await code(publish())).toBe("ERR_PUBLISH_FAILED");
    expect(itemsOf(server)).toEqual([]);
    expect(server.log.some((line) => line.startsWith("publish"))).toBe(false);
    expect(server.log.length).toBeLessThan(12);
  });

  test("F08 a server that does not show the configuration gets nothing", async () => {
    const { server, publish } = setUp();
    server.before = (iq) => {
      if (iq.type === "get") throw new TransportError("ERR_STANZA_ERROR", "no", { details: { condition: "feature-not-implemented" } });
    };
    expect(await code(publish())).toBe("ERR_PUBLISH_FAILED");
    expect(itemsOf(server)).toEqual([]);
  });

  test("F08 a server without publish-options gets nothing: it would not notice that the node has changed", async () => {
    const { server, publish } = setUp({ ...prosodyDialect, noPublishOptions: true });
    expect(await code(publish())).toBe("ERR_PUBLISH_FAILED");
    expect(itemsOf(server)).toEqual([]);
    expect(server.log.filter((line) => line.startsWith("publish"))).toHaveLength(1);
  });

  test("F08 a node that was opened since is closed again, and given up when that repeats", async () => {
    const { server, positions, publish } = setUp();
    await publish();
    server.node(node)?.config.set("access_model", "open");
    await positions.publish(juliet, "s2");
    expect(Object.fromEntries(server.node(node)?.config ?? [])).toEqual(closed);
    expect(itemsOf(server)).toEqual([[juliet, encodeReadPosition("s2", me)]]);
    server.before = (iq) => { if (serializeXml(iq.payload).includes("<publish ")) server.node(node)?.config.set("access_model", "open"); };
    expect(await code(positions.publish(juliet, "s3"))).toBe("ERR_PUBLISH_FAILED");
    expect(itemsOf(server)).toEqual([[juliet, encodeReadPosition("s2", me)]]);
  });

  test("a broken link is reported as what it is, and the signal reaches every request", async () => {
    const { server, positions, publish } = setUp();
    server.before = () => { throw new TransportError("ERR_IQ_TIMEOUT", "late", { retryable: true }); };
    expect(await code(publish())).toBe("ERR_IQ_TIMEOUT");
    const { signal } = new AbortController();
    const signals = new Set<unknown>();
    server.before = (iq) => { signals.add(iq.signal); };
    await positions.publish(juliet, "s1", signal);
    await positions.fetchAll(signal);
    expect(signals).toEqual(new Set([signal]));
  });
});

const event = (content: string, attributes = `from='${me}' type='headline'`): XmlElement =>
  element(`<message xmlns='jabber:client' ${attributes}><event xmlns='http://jabber.org/protocol/pubsub#event'>${content}</event></message>`);
const item = (id: string, stanzaId: string, by: string = me): string =>
  `<item id='${id}'><displayed xmlns='${node}'><stanza-id xmlns='urn:xmpp:sid:0' id='${stanzaId}' by='${by}'/></displayed></item>`;
const items = (...content: string[]): string => `<items node='${node}'>${content.join("")}</items>`;

describe("hearing of positions", () => {
  test("F08 only from the own bare address, F26 or without a sender", () => {
    for (const attributes of [`from='${me}'`, "from='Romeo@example.org' type='headline'", ""]) {
      const { positions, heard } = setUp();
      expect(positions.handleMessage(event(items(item(juliet, "s1")), attributes))).toBe(true);
      expect(heard).toEqual([{ conversation: juliet, stanzaId: "s1" }]);
    }
    for (const attributes of [`from='${juliet}'`, `from='${me}/garden'`, "from='example.org'", "from='@'", `from='${me}' type='error'`, `from='${me}' type='groupchat'`]) {
      const { positions, heard } = setUp();
      expect(positions.handleMessage(event(items(item(juliet, "s1")), attributes))).toBe(false);
      expect(heard).toEqual([]);
    }
  });

  test("other nodes and other stanzas are left to others; a retracted position changes nothing", () => {
    const { positions, heard } = setUp();
    expect(positions.handleMessage(event("<items node='urn:example:other'/>"))).toBe(false);
    expect(positions.handleMessage(element("<presence xmlns='jabber:client'/>"))).toBe(false);
    expect(positions.handleMessage(event(`<purge node='${node}'/>`))).toBe(true);
    expect(positions.handleMessage(event(items(`<retract id='${juliet}'/>`)))).toBe(true);
    expect(heard).toEqual([]);
  });

  test("F10 malformed items, ids by anybody else, and conversations that are no bare address are skipped alone", () => {
    const { positions, heard } = setUp();
    const good = item("mercutio@example.org", "s9");
    positions.handleMessage(event(items(
      item(juliet, "s1", juliet), item(juliet, "s1", `${me}/garden`), item(`${juliet}/balcony`, "s1"), item("@", "s1"), item(juliet, ""), item(juliet, "x".repeat(1_025)),
      `<item id='${juliet}'/>`, item(juliet, "s1").replace(node, "urn:xmpp:chat-markers:0"), good,
    )));
    expect(heard).toEqual([{ conversation: "mercutio@example.org", stanzaId: "s9" }]);
  });
});

describe("fetching positions", () => {
  test("T17 nothing published, positions, and a server that does not say are three different answers", async () => {
    const { server, positions, publish } = setUp();
    expect(await positions.fetchAll()).toEqual({ kind: "none" });
    await publish();
    expect(await positions.fetchAll()).toEqual({ kind: "found", value: [{ conversation: juliet, stanzaId: "s1" }] });
    server.before = () => { throw new TransportError("ERR_STANZA_ERROR", "no", { details: { condition: "forbidden" } }); };
    expect(await positions.fetchAll()).toEqual({ kind: "unavailable", retryable: false });
  });

  test("L01 at most 1,000 positions are asked for and looked at, whatever the server sends", async () => {
    const all = Array.from({ length: readPositionsMax + 1 }, (_, i) => xml("http://jabber.org/protocol/pubsub", "item", { id: `u${String(i)}@example.org` }, encodeReadPosition("s", me)));
    const asked: string[] = [];
    const positions = new ReadPositions({
      account: me,
      iq: { request: ({ payload }) => { asked.push(serializeXml(payload)); return Promise.resolve(xml("http://jabber.org/protocol/pubsub", "pubsub", {}, xml("http://jabber.org/protocol/pubsub", "items", { node }, ...all))); } },
    });
    expect(await positions.fetchAll()).toMatchObject({ kind: "found", value: { length: readPositionsMax } });
    expect(asked).toEqual([expect.stringContaining(`max_items="${String(readPositionsMax)}"`)]); // and no more are asked for
  });
});

test("XEP-0490 what is written is the example of the specification, and is read back", () => {
  const payload = encodeReadPosition("0f710f2b", me);
  expect(serializeXml(payload)).toBe(`<displayed xmlns="${node}"><stanza-id xmlns="urn:xmpp:sid:0" by="${me}" id="0f710f2b"/></displayed>`);
  expect(decodeReadPosition({ id: juliet, payload }, me)).toEqual({ conversation: juliet, stanzaId: "0f710f2b" });
});
