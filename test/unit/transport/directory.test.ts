/** Device lists and bundles over PEP, and the notifications about them. @module */
import { describe, expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { bundlesPerRequestMax, directoryRequestsMax } from "../../../src/base/limits.js";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { parseDeviceId, type DeviceId, type OmemoNamespace, type WireBundle } from "../../../src/session/ports.js";
import { TransportError } from "../../../src/transport/errors.js";
import { PepDirectory, type DeviceListEvent, type UnconfirmedNode } from "../../../src/transport/omemo-directory.js";
import { encodeBundle, encodeDeviceList } from "../../../src/transport/xep/xep0384-directory.js";
import { ejabberdDialect, FakePepServer, prosodyDialect, type PepDialect } from "../../support/fake-pep-server.js";
import { World } from "../../support/omemo-world.js";
import { element } from "../../support/xml.js";

const me = bareJid("romeo@example.org");
const other = bareJid("juliet@example.org");
const omemo2 = "urn:xmpp:omemo:2";
const legacy = "eu.siacs.conversations.axolotl";
const listNode = `${omemo2}:devices`;
const bundlesNode = `${omemo2}:bundles`;
const id = (value: number): DeviceId => parseDeviceId(value) as DeviceId;
const ids = (count: number): DeviceId[] => Array.from({ length: count }, (_, i) => id(i + 1));

function bundle(fill: number, namespace: OmemoNamespace = omemo2): WireBundle {
  const key = (n: number): Uint8Array<ArrayBuffer> => {
    const raw = new Uint8Array(32).fill(n);
    return namespace === omemo2 ? raw : new Uint8Array([5, ...raw]);
  };
  return {
    identityKey: key(fill), signedPreKeyId: 1, signedPreKey: key(fill + 1), signedPreKeySignature: new Uint8Array(64).fill(fill),
    preKeys: [{ id: 1, key: key(fill + 2) }, { id: 2, key: key(fill + 3) }],
  };
}

function setUp(dialect: PepDialect = prosodyDialect): {
  server: FakePepServer; directory: PepDirectory; events: DeviceListEvent[]; unconfirmed: UnconfirmedNode[];
} {
  const server = new FakePepServer(me, dialect);
  const directory = new PepDirectory({ iq: server, account: me });
  const events: DeviceListEvent[] = [];
  const unconfirmed: UnconfirmedNode[] = [];
  directory.onDeviceList((event) => events.push(event));
  directory.onUnconfirmedNode((node) => unconfirmed.push(node));
  return { server, directory, events, unconfirmed };
}

describe("fetching", () => {
  test("a device list is found under whatever item id, the newest item only", async () => {
    const { server, directory } = setUp();
    server.place(other, listNode, {}, { old: encodeDeviceList([{ id: id(1) }], omemo2), random: encodeDeviceList([{ id: id(2) }], omemo2) });
    expect(await directory.fetchDeviceList(other, omemo2)).toEqual({ kind: "found", value: [{ id: 2 }] });
  });

  test("T03 of several items the one that is called current counts, wherever it stands", async () => {
    const lists = new PepDirectory({ account: me, iq: { request: async () => element(`<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='${listNode}'>` +
      ["current", "random"].map((name, i) => `<item id='${name}'><devices xmlns='${omemo2}'><device id='${String(i + 1)}'/></devices></item>`).join("") + "</items></pubsub>") } });
    expect(await lists.fetchDeviceList(other, omemo2)).toEqual({ kind: "found", value: [{ id: 1 }] });
  });

  test("T03 a list that we refuse to read is malformed, which is neither empty nor an error of the link", async () => {
    const { server, directory } = setUp();
    server.place(other, listNode, {}, { current: xml("urn:example", "devices") });
    expect(await directory.fetchDeviceList(other, omemo2)).toEqual({ kind: "malformed" });
    server.place(other, listNode, {}, { current: encodeDeviceList([], omemo2) });
    expect(await directory.fetchDeviceList(other, omemo2)).toEqual({ kind: "found", value: [] });
  });

  test("a missing node reads as each server tells it", async () => {
    expect(await setUp(ejabberdDialect).directory.fetchDeviceList(other, omemo2)).toEqual({ kind: "none" });
    expect(await setUp(prosodyDialect).directory.fetchDeviceList(other, omemo2)).toEqual({ kind: "unavailable", retryable: false });
    expect(await setUp(prosodyDialect).directory.fetchDeviceList(me, omemo2)).toEqual({ kind: "none" });
  });

  test("bundles come back in the order asked, each with its own answer", async () => {
    const { server, directory } = setUp();
    server.place(other, bundlesNode, {}, {
      1: encodeBundle(bundle(10), omemo2), 2: xml(omemo2, "bundle"), 4: encodeBundle(bundle(40), omemo2),
    });
    const answers = await directory.fetchBundles(other, [id(4), id(3), id(2), id(1), id(4)], omemo2);
    expect(answers.map((answer) => answer.kind)).toEqual(["found", "none", "malformed", "found", "found"]);
    expect(answers[0]).toEqual({ kind: "found", value: bundle(40) });
    expect(answers[3]).toEqual({ kind: "found", value: bundle(10) });
  });

  test("T02 a long list is asked for in small requests, a few at a time", async () => {
    const { server, directory } = setUp();
    const wanted = ids(100);
    server.place(other, bundlesNode, {}, Object.fromEntries(wanted.map((device) => [device, encodeBundle(bundle(device), omemo2)])));
    const sizes: number[] = [];
    server.before = (iq) => { sizes.push((iq.payload.children[0] as XmlElement).children.length); };
    const answers = await directory.fetchBundles(other, wanted, omemo2);
    expect(answers.every((answer) => answer.kind === "found")).toBe(true);
    expect(Math.max(...sizes)).toBe(bundlesPerRequestMax);
    expect(sizes.length).toBe(Math.ceil(100 / bundlesPerRequestMax));
    expect(server.inFlightMax).toBe(directoryRequestsMax);
  });

  test("T02 T14 an own list of more entries than are looked at is full: nobody is taken off it, and of a contact's nothing is read", async () => {
    const { server, directory } = setUp();
    const long = encodeDeviceList(ids(513).map((each) => ({ id: each })), omemo2);
    for (const jid of [me, other]) server.place(jid, listNode, { access_model: "open", persist_items: "true" }, { current: long });
    const device = await new World().device(me, { directory, announce: false });
    await expect(device.omemo.announce()).rejects.toMatchObject({ code: "ERR_DEVICE_LIST_FULL" });
    expect(device.events).toContainEqual({ kind: "device-list-full" });
    expect(server.node(listNode)?.items.get("current")).toEqual(long);
    expect(await directory.fetchDeviceList(other, omemo2)).toEqual({ kind: "malformed" });
  });

  test("a server that looks at the first id only is asked again for the others", async () => {
    const { server, directory } = setUp({ ...prosodyDialect, oneItemPerRequest: true });
    server.place(other, bundlesNode, {}, { 1: encodeBundle(bundle(10), omemo2), 2: encodeBundle(bundle(20), omemo2) });
    expect((await directory.fetchBundles(other, [id(1), id(2)], omemo2)).map((answer) => answer.kind)).toEqual(["found", "found"]);
  });

  test("an item under another id than asked for is not taken for the device", async () => {
    const answer = (itemId: string): PepDirectory => new PepDirectory({
      account: me,
      iq: { request: () => Promise.resolve(element(`<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='${bundlesNode}'><item id='${itemId}'><bundle xmlns='urn:xmpp:omemo:2'/></item></items></pubsub>`)) },
    });
    expect(await answer("1").fetchBundles(other, [id(1)], omemo2)).toEqual([{ kind: "malformed" }]);
    expect(await answer("2").fetchBundles(other, [id(1)], omemo2)).toEqual([{ kind: "none" }]);
  });

  test("no devices, no requests", async () => {
    const { server, directory } = setUp();
    expect(await directory.fetchBundles(other, [], omemo2)).toEqual([]);
    expect(server.log).toEqual([]);
  });

  test("legacy bundles have a node each, with items of any id", async () => {
    const { server, directory } = setUp(ejabberdDialect);
    server.place(other, `${legacy}.bundles:1`, {}, { whatever: encodeBundle(bundle(9, legacy), legacy) });
    expect(await directory.fetchBundles(other, [id(1), id(2)], legacy)).toEqual([{ kind: "found", value: bundle(9, legacy) }, { kind: "none" }]);
  });
});

describe("publishing", () => {
  test.each([["Prosody", prosodyDialect], ["ejabberd", ejabberdDialect]] as const)(
    "T16 T17 %s: list and bundle are open to everybody, kept side by side with other devices', and read back", async (_, dialect) => {
      const { server, directory, unconfirmed } = setUp(dialect);
      await directory.publishBundle(id(1), bundle(10), omemo2);
      await directory.publishBundle(id(2), bundle(20), omemo2);
      await directory.publishDeviceList([{ id: id(1) }, { id: id(2) }], omemo2);
      expect([...(server.node(bundlesNode)?.items.keys() ?? [])]).toEqual(["1", "2"]);
      expect(server.node(bundlesNode)?.config.get("access_model")).toBe("open");
      expect(server.node(listNode)?.config.get("access_model")).toBe("open");
      expect([...(server.node(listNode)?.items.keys() ?? [])]).toEqual(["current"]);
      expect(unconfirmed).toEqual([]);
    });

  test("T17 a node that stays closed to others is reported", async () => {
    const { server, directory, unconfirmed } = setUp({ ...prosodyDialect, frozenConfiguration: true });
    server.place(me, listNode, { access_model: "presence", persist_items: "true", max_items: "1" });
    await directory.publishDeviceList([{ id: id(1) }], omemo2);
    expect(unconfirmed).toEqual([{ namespace: omemo2, content: "device-list" }]);
  });

  test("T16 a server that gives back another bundle or list than it was given is found out", async () => {
    const { server, directory } = setUp();
    const tamper = (node: string, itemId: string, payload: XmlElement): void => {
      server.before = (iq) => {
        if (iq.type === "get" && (iq.payload.children[0] as XmlElement).name === "items") server.node(node)?.items.set(itemId, payload);
      };
    };
    const wrong: readonly WireBundle[] = [
      bundle(11), { ...bundle(10), preKeys: bundle(10).preKeys.slice(1) }, { ...bundle(10), signedPreKeyId: 2 },
      { ...bundle(10), preKeys: [...bundle(10).preKeys, { id: 3, key: new Uint8Array(32) }] },
      { ...bundle(10), preKeys: [{ id: 1, key: new Uint8Array(32) }, ...bundle(10).preKeys.slice(1)] },
      { ...bundle(10), identityKey: bundle(11).identityKey }, { ...bundle(10), signedPreKey: bundle(11).signedPreKey },
      { ...bundle(10), signedPreKeySignature: bundle(11).signedPreKeySignature },
    ];
    for (const stored of wrong) {
      tamper(bundlesNode, "1", encodeBundle(stored, omemo2));
      await expect(directory.publishBundle(id(1), bundle(10), omemo2)).rejects.toMatchObject({ code: "ERR_PUBLISH_FAILED", retryable: true });
    }
    tamper(listNode, "current", encodeDeviceList([{ id: id(2) }], omemo2));
    await expect(directory.publishDeviceList([{ id: id(1) }], omemo2)).rejects.toMatchObject({ code: "ERR_PUBLISH_FAILED" });
  });

  test("T16 a server that takes a bundle or a list, and then has none, is found out; one that has none of an empty list is not", async () => {
    const { server, directory } = setUp();
    server.before = (iq) => {
      if (iq.type === "get" && (iq.payload.children[0] as XmlElement).name === "items") for (const node of [bundlesNode, listNode]) server.node(node)?.items.clear();
    };
    await expect(directory.publishBundle(id(1), bundle(10), omemo2)).rejects.toMatchObject({ code: "ERR_PUBLISH_FAILED", retryable: true });
    await expect(directory.publishDeviceList([{ id: id(1) }], omemo2)).rejects.toMatchObject({ code: "ERR_PUBLISH_FAILED" });
    await directory.publishDeviceList([], omemo2);
    server.before = (iq) => { if (iq.type === "get") throw new TransportError("ERR_STANZA_ERROR", "no", { details: { condition: "forbidden" } }); };
    await expect(directory.publishDeviceList([], omemo2)).rejects.toMatchObject({ code: "ERR_PUBLISH_FAILED" });
  });

  test("a refusal carries the server's condition", async () => {
    const { server, directory } = setUp();
    server.before = () => { throw new TransportError("ERR_STANZA_ERROR", "no", { details: { condition: "service-unavailable" } }); };
    await expect(directory.publishDeviceList([], omemo2)).rejects.toMatchObject({ code: "ERR_PUBLISH_FAILED", details: { condition: "service-unavailable" } });
  });
});

describe("notifications", () => {
  const event = (content: string, attributes = `from='${other}'`): XmlElement =>
    element(`<message xmlns='jabber:client' ${attributes}><event xmlns='http://jabber.org/protocol/pubsub#event'>${content}</event></message>`);
  const items = (payload: string, node = listNode): string => `<items node='${node}'><item id='current'>${payload}</item></items>`;
  const list = "<devices xmlns='urn:xmpp:omemo:2'><device id='7'/></devices>";

  test("F08 a list belongs to the sender's bare address, and to nobody else", () => {
    const { directory, events } = setUp();
    expect(directory.handleMessage(event(items(list), "from='Juliet@Example.org' type='headline'"))).toBe(true);
    expect(directory.handleMessage(event(items(list), `to='${me}'`))).toBe(true); // without an address: from our own account
    expect(events).toEqual([
      { jid: other, namespace: omemo2, devices: [{ id: 7 }] },
      { jid: me, namespace: omemo2, devices: [{ id: 7 }] },
    ]);
  });

  test.each([
    ["a full address, which is a client and not a server", `from='${other}/phone'`],
    ["a room occupant", "from='room@conference.example.org/juliet' type='groupchat'"],
    ["a room", "from='room@conference.example.org' type='groupchat'"],
    ["a bounce", `from='${other}' type='error'`],
    ["a malformed address", "from='@'"],
  ])("F08 %s has no say about a device list", (_, attributes) => {
    const { directory, events } = setUp();
    expect(directory.handleMessage(event(items(list), attributes))).toBe(false);
    expect(events).toEqual([]);
  });

  test("F08 an event inside another element is not an event", () => {
    const { directory, events } = setUp();
    const inner = "<event xmlns='http://jabber.org/protocol/pubsub#event'>" + items(list) + "</event>";
    const wrapped = element(`<message xmlns='jabber:client' from='${other}'><x xmlns='urn:example'>${inner}</x></message>`);
    expect(directory.handleMessage(wrapped)).toBe(false);
    expect(events).toEqual([]);
  });

  test.each([
    ["purged", `<purge node='${listNode}'/>`], ["deleted", `<delete node='${listNode}'/>`],
    ["retracted", `<items node='${listNode}'><retract id='current'/></items>`],
    ["empty", items("<devices xmlns='urn:xmpp:omemo:2'/>")],
  ])("a list that is %s means: no devices", (_, content) => {
    const { directory, events } = setUp();
    expect(directory.handleMessage(event(content))).toBe(true);
    expect(events).toEqual([{ jid: other, namespace: omemo2, devices: [] }]);
  });

  test.each([
    ["is not a list", items("<devices xmlns='urn:example'/>")],
    ["is missing", `<items node='${listNode}'><item id='current'/></items>`],
    ["is not there at all", `<items node='${listNode}'/>`],
    ["is an item beside the list that was taken back", `<items node='${listNode}'><retract id='old'/></items>`],
    ["is far too long", items(`<devices xmlns='urn:xmpp:omemo:2'>${"<device id='1'/>".repeat(513)}</devices>`)],
  ])("T02 T03 a payload that %s changes nothing", (_, content) => {
    const { directory, events } = setUp();
    expect(directory.handleMessage(event(content))).toBe(true);
    expect(events).toEqual([]);
  });

  test("legacy lists are recognised, other nodes and stanzas are left to others", () => {
    const { directory, events } = setUp();
    expect(directory.handleMessage(event(items(`<list xmlns='${legacy}'><device id='3'/></list>`, `${legacy}.devicelist`)))).toBe(true);
    expect(events).toEqual([{ jid: other, namespace: legacy, devices: [{ id: 3 }] }]);
    expect(directory.handleMessage(event(items("<tune/>", "http://jabber.org/protocol/tune")))).toBe(false);
    expect(directory.handleMessage(event(items("<x/>", bundlesNode)))).toBe(false);
    expect(directory.handleMessage(element("<message xmlns='jabber:client' from='a@b.c'><body>hi</body></message>"))).toBe(false);
    expect(directory.handleMessage(element("<presence xmlns='jabber:client' from='a@b.c'/>"))).toBe(false);
  });
});
