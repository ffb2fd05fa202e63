/** XEP-0080, 0084, 0107, 0108, 0118, 0172: shapes; and personal events over a scripted PEP server. Threats F08, F20, H08. @module */
import { sha1 } from "@noble/hashes/legacy.js";
import { describe, expect, test } from "vitest";
import { avatarBytesMax, avatarFormatsMax, avatarPublishedBytesMax } from "../../../src/base/limits.js";
import { bareJid } from "../../../src/base/jid.js";
import { toBase64 } from "../../../src/base/base64.js";
import { toHex } from "../../../src/base/bytes.js";
import { serializeXml, xml, type XmlElement } from "../../../src/base/xml.js";
import type { TransportError } from "../../../src/transport/errors.js";
import { type PersonalKind, personalEventFeatures, PersonalEventsService } from "../../../src/transport/features/personal-events.js";
import { decodeLocation, encodeLocation } from "../../../src/transport/xep/xep0080.js";
import { decodeAvatarData, decodeAvatarMetadata, encodeAvatarMetadata } from "../../../src/transport/xep/xep0084.js";
import { decodeMood, encodeMood } from "../../../src/transport/xep/xep0107.js";
import { decodeActivity, encodeActivity } from "../../../src/transport/xep/xep0108.js";
import { decodeTune, encodeTune } from "../../../src/transport/xep/xep0118.js";
import { FakePepServer } from "../../support/fake-pep-server.js";
import { element } from "../../support/xml.js";

const romeo = bareJid("romeo@verona.example");
const juliet = bareJid("juliet@capulet.example");
const moodNode = "http://jabber.org/protocol/mood";
const pngOf = (length: number): Uint8Array<ArrayBuffer> => {
  const data = new Uint8Array(length);
  data.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return data;
};

describe("shapes", () => {
  test("what is written is what is read, and nothing says that it is taken back", () => {
    const mood = { mood: "in_love", text: "sighs" };
    expect([decodeMood(encodeMood(mood)), decodeMood(encodeMood({ mood: "happy" })), decodeMood(encodeMood(undefined))]).toEqual([mood, { mood: "happy" }, "none"]);
    const activity = { general: "traveling", specific: "on_a_train", text: "to Mantua" };
    expect([decodeActivity(encodeActivity(activity)), decodeActivity(encodeActivity({ general: "eating" })), decodeActivity(encodeActivity(undefined))]).toEqual([activity, { general: "eating" }, "none"]);
    const tune = { artist: "Yes", title: "Heart of the Sunrise", source: "Fragile", track: "3", uri: "https://music.example/1", length: 686, rating: 8 };
    expect([decodeTune(encodeTune(tune)), decodeTune(encodeTune(undefined))]).toEqual([tune, "none"]);
    const location = { lat: 45.44, lon: -1e-7, alt: 59, accuracy: 20, locality: "Verona", uri: "geo:45.44,10.99", timestamp: Date.UTC(2026, 10, 21) };
    expect([decodeLocation(encodeLocation(location)), decodeLocation(encodeLocation(undefined))]).toEqual([location, "none"]);
    const image = { id: "0".repeat(40), bytes: 9, type: "image/png", width: 64 };
    expect([decodeAvatarMetadata(encodeAvatarMetadata([image])), decodeAvatarMetadata(encodeAvatarMetadata())]).toEqual([[image], "none"]);
  });

  test("elements stand in the order and place of the schema", () => {
    expect(serializeXml(encodeActivity({ general: "relaxing", specific: "partying", text: "x" }))).toBe('<activity xmlns="http://jabber.org/protocol/activity"><relaxing><partying/></relaxing><text>x</text></activity>');
    expect(serializeXml(encodeTune({ title: "t", length: 5, artist: "a" }))).toBe('<tune xmlns="http://jabber.org/protocol/tune"><artist>a</artist><length>5</length><title>t</title></tune>');
  });

  test("H08 F20 fields that make no sense are left out, texts are cleaned, links run nothing", () => {
    const tune = (children: string): unknown => decodeTune(element(`<tune xmlns='http://jabber.org/protocol/tune'>${children}</tune>`));
    expect(tune("<title>a\u202eb</title><uri>javascript:alert(1)</uri><rating>11</rating><length>1e3</length><artist> </artist><x/>")).toEqual({ title: "ab" });
    expect(tune(`<title>${"x".repeat(9_000)}</title>`)).toEqual({ title: "x".repeat(512) });
    const location = (children: string): unknown => decodeLocation(element(`<geoloc xmlns='http://jabber.org/protocol/geoloc'>${children}</geoloc>`));
    expect(location("<lat>91</lat><lon>0x10</lon><alt>Infinity</alt><bearing>-1</bearing><timestamp>now</timestamp><country>Italy</country><__proto__>x</__proto__>")).toEqual({ country: "Italy" });
    expect(decodeMood(element(`<mood xmlns='${moodNode}'><Happy/></mood>`))).toBeUndefined();
    expect(decodeMood(element(`<mood xmlns='${moodNode}'><text>only</text></mood>`))).toBe("none");
    expect(decodeMood(element(`<mood xmlns='${moodNode}'><x xmlns='urn:x'/><sad/></mood>`))).toEqual({ mood: "sad" });
    expect(decodeActivity(element("<activity xmlns='http://jabber.org/protocol/activity'><working><UPPER/></working></activity>"))).toEqual({ general: "working" });
    expect([decodeMood(element("<x xmlns='urn:x'/>")), decodeActivity(undefined), decodeTune(undefined), decodeLocation(undefined), decodeAvatarMetadata(undefined)]).toEqual(Array.from({ length: 5 }, () => undefined));
  });

  test("avatars: images elsewhere, without id, size or type are left out; formats are bounded; data is base64 within bounds", () => {
    const metadata = (children: string): unknown => decodeAvatarMetadata(element(`<metadata xmlns='urn:xmpp:avatar:metadata'>${children}</metadata>`));
    const id = "A".repeat(40);
    expect(metadata(`<info id='${id}' bytes='1' type='image/png' width='0' height='7'/><info id='${id}' bytes='1' type='image/png' url='https://x/'/>`)).toEqual([{ id: "a".repeat(40), bytes: 1, type: "image/png", height: 7 }]);
    expect(metadata("<info id='x' bytes='1' type='image/png'/>")).toBeUndefined();
    expect(metadata(`<info id='${id}' bytes='0' type='image/png'/><info id='${id}' bytes='1' type='text/html'/>`)).toBeUndefined();
    expect(metadata(`<info id='${id}' bytes='1' type='image/png'/>`.repeat(99))).toHaveLength(avatarFormatsMax);
    const data = (text: string): unknown => decodeAvatarData(element(`<data xmlns='urn:xmpp:avatar:data'>${text}</data>`), 9);
    expect([data(toBase64(new Uint8Array(9))), data(toBase64(new Uint8Array(10))), data("!"), data(""), data("A".repeat(9_000))]).toEqual([new Uint8Array(9), undefined, undefined, undefined, undefined]);
  });
});

const notification = (from: string | undefined, node: string, items: string, type = "headline"): XmlElement =>
  element(`<message xmlns='jabber:client' type='${type}'${from === undefined ? "" : ` from='${from}'`}><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${node}'>${items}</items></event></message>`);
const item = (payload: string): string => `<item id='current'>${payload}</item>`;
const happy = item(`<mood xmlns='${moodNode}'><happy/></mood>`);

describe("notifications", () => {
  const service = new PersonalEventsService({ iq: new FakePepServer(romeo, { missingForStranger: "forbidden" } as never), account: romeo });

  test("F08 belong to the bare address that sends them; a resource, a room or an error is no node", () => {
    expect(service.read(notification(juliet, moodNode, happy))).toEqual({ kind: "event", event: { kind: "mood", from: juliet, value: { mood: "happy" } } });
    expect(service.read(notification(undefined, moodNode, happy))).toMatchObject({ event: { from: romeo } });
    for (const stanza of [notification(`${juliet}/evil`, moodNode, happy), notification(juliet, moodNode, happy, "groupchat"), notification(juliet, moodNode, happy, "error"), notification("@", moodNode, happy), notification(juliet, "urn:other", happy), element("<presence xmlns='jabber:client'/>")]) {
      expect(service.read(stanza)).toBeUndefined();
    }
  });

  test("the newest item counts; retracted, purged and deleted ones are taken back; nonsense is malformed", () => {
    expect(service.read(notification(juliet, moodNode, happy + item(`<mood xmlns='${moodNode}'/>`)))).toEqual({ kind: "event", event: { kind: "mood", from: juliet } });
    expect(service.read(notification(juliet, moodNode, "<retract id='current'/>"))).toEqual({ kind: "event", event: { kind: "mood", from: juliet } });
    expect(service.read(notification(juliet, moodNode, item("<x xmlns='urn:x'/>")))).toEqual({ kind: "malformed", from: juliet });
    expect(service.read(notification(juliet, moodNode, "<item id='current'/>"))).toEqual({ kind: "malformed", from: juliet });
    const deleted = element(`<message xmlns='jabber:client' from='${juliet}'><event xmlns='http://jabber.org/protocol/pubsub#event'><delete node='urn:xmpp:avatar:metadata'/></event></message>`);
    expect(service.read(deleted)).toEqual({ kind: "event", event: { kind: "avatar", from: juliet } });
    expect(service.read(notification(juliet, "http://jabber.org/protocol/nick", item("<nick xmlns='http://jabber.org/protocol/nick'>\u202eJul\u0456et</nick>")))).toMatchObject({ event: { value: { name: "Jul\u0456et", confusable: true } } });
  });
});

describe("publishing and reading", () => {
  const setup = (): { server: FakePepServer; service: PersonalEventsService } => {
    const server = new FakePepServer(romeo, { missingForStranger: "forbidden" } as never);
    return { server, service: new PersonalEventsService({ iq: server, account: romeo }) };
  };
  const access = (server: FakePepServer, node: string): string | undefined => server.node(node)?.config.get("access_model");

  test("F08 every kind is published for its audience, and the audience can change", async () => {
    const { server, service } = setup();
    const values: { readonly [K in PersonalKind]?: object } = { mood: { mood: "sad" }, activity: { general: "working" }, tune: { title: "t" }, location: { lat: 1 }, nickname: { name: "R", confusable: false } };
    for (const [kind, value] of Object.entries(values)) {
      await service.publish<PersonalKind>(kind as PersonalKind, value, "contacts");
      expect(await service.fetch(romeo, kind as PersonalKind)).toEqual(value);
    }
    expect(access(server, moodNode)).toBe("presence");
    await service.publish("mood", { mood: "sad" }, "everyone");
    expect(access(server, moodNode)).toBe("open");
    await service.publish("mood", undefined, "self");
    expect([access(server, moodNode), await service.fetch(romeo, "mood")]).toEqual(["whitelist", undefined]);
    expect(personalEventFeatures).toContain(`${moodNode}+notify`);
  });

  test("F08 nothing is published if the server does not confirm who can read it", async () => {
    const server = new FakePepServer(romeo, { missingForStranger: "forbidden", frozenConfiguration: true } as never);
    const service = new PersonalEventsService({ iq: server, account: romeo });
    server.place(romeo, "http://jabber.org/protocol/geoloc", { access_model: "open", persist_items: "true" });
    await expect(service.publish("location", { lat: 1 }, "contacts")).rejects.toMatchObject({ code: "ERR_PUBLISH_FAILED" });
    expect(server.node("http://jabber.org/protocol/geoloc")?.items.size).toBe(0);
  });

  test("a node that may not be read is an error, not an empty answer", async () => {
    const { service } = setup();
    await expect(service.fetch(juliet, "mood")).rejects.toMatchObject({ code: "ERR_PERSONAL_EVENT_UNAVAILABLE", retryable: false });
    expect(await service.fetch(romeo, "mood")).toBeUndefined();
  });

  test("avatars are published data first, and fetched data has to be what its id says", async () => {
    const { server, service } = setup();
    const info = await service.publishAvatar({ data: pngOf(100), width: 8, height: 8 }, "contacts");
    expect(info).toEqual({ id: info.id, bytes: 100, type: "image/png", width: 8, height: 8 });
    expect(server.log.filter((line) => line.startsWith("publish ")).length).toBe(2);
    expect([...server.nodes.keys()].map((key) => key.split(" ")[1])).toEqual(["urn:xmpp:avatar:data", "urn:xmpp:avatar:metadata"]);
    expect(await service.fetch(romeo, "avatar")).toEqual([info]);
    expect(await service.fetchAvatar(romeo, info)).toEqual({ data: pngOf(100), type: "image/png", id: info.id });
    expect(await service.fetchAvatar(romeo, { id: "f".repeat(40), bytes: 1 })).toBeUndefined();
    const place = (data: Uint8Array, id = info.id): void => { server.place(juliet, "urn:xmpp:avatar:data", {}, { [id]: xml("urn:xmpp:avatar:data", "data", {}, toBase64(data)) }); };
    place(pngOf(101));
    await expect(service.fetchAvatar(juliet, info)).rejects.toMatchObject({ code: "ERR_AVATAR_INVALID" });
    place(pngOf(100));
    expect(await service.fetchAvatar(juliet, info)).toBeDefined();
    const asked = server.log.length;
    await expect(service.fetchAvatar(juliet, { id: info.id, bytes: avatarBytesMax + 1 })).rejects.toMatchObject({ code: "ERR_AVATAR_INVALID" });
    expect(server.log.length).toBe(asked);
    // The size that is named, and the one that comes.
    const fetched = (data: Uint8Array, bytes: number): Promise<number | string | undefined> => {
      const id = toHex(sha1(data));
      place(data, id);
      return service.fetchAvatar(juliet, { id, bytes }).then((image) => image?.data.length, (error: unknown) => (error as TransportError).code);
    };
    expect(await fetched(pngOf(avatarBytesMax), avatarBytesMax)).toBe(avatarBytesMax);
    expect(await fetched(pngOf(avatarBytesMax + 1), 1)).toBe("ERR_AVATAR_INVALID");
  });

  test("images are PNG, JPEG, GIF or WebP by what they hold, and not too large", async () => {
    const { service } = setup();
    const start = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
    const types: string[] = [];
    for (const data of [start("\u00ff\u00d8\u00ff\u00e0"), start("GIF89a"), start("RIFF1234WEBPVP8 "), pngOf(avatarPublishedBytesMax)]) types.push((await service.publishAvatar({ data }, "contacts")).type);
    expect(types).toEqual(["image/jpeg", "image/gif", "image/webp", "image/png"]);
    for (const data of [start("<svg xmlns='http://www.w3.org/2000/svg'/>"), new Uint8Array(), pngOf(avatarPublishedBytesMax + 1)]) {
      await expect(service.publishAvatar({ data }, "contacts")).rejects.toMatchObject({ code: "ERR_AVATAR_INVALID" });
    }
    const svg = start("<svg xmlns='http://www.w3.org/2000/svg'/>");
    const { server, service: reader } = setup();
    const id = [...sha1(svg)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    server.place(juliet, "urn:xmpp:avatar:data", {}, { [id]: xml("urn:xmpp:avatar:data", "data", {}, toBase64(svg)) });
    await expect(reader.fetchAvatar(juliet, { id, bytes: svg.length })).rejects.toMatchObject({ code: "ERR_AVATAR_INVALID" });
  });
});
