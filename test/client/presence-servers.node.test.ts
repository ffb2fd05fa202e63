/** Presence, capabilities and personal events against real servers, over connections without a client above them. Threats F08, F23, F24. @module */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { fromBase64 } from "../../src/base/base64.js";
import { type BareJid, type Jid, toBare } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { childElements, findChild, xml } from "../../src/base/xml.js";
import type { ClientEvent } from "../../src/client/events.js";
import type { Connection } from "../../src/client/link.js";
import { type OwnPersonalValues, PersonalEvents } from "../../src/client/presence/personal-events.js";
import { Presence } from "../../src/client/presence/presence.js";
import { Archive } from "../../src/transport/features/archive.js";
import { OwnCapabilities } from "../../src/transport/features/caps.js";
import type { PersonalAudience, PersonalEvent, PersonalKind, PersonalValues } from "../../src/transport/features/personal-events.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { connect } from "../../src/transport/connection/connect.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import { discoInfoNamespace } from "../../src/transport/xep/namespaces.js";
import type { AvatarInfo } from "../../src/transport/xep/xep0084.js";
import { offline } from "../support/no-stream.js";
import { FakeContacts } from "../support/presence-world.js";
import { servers, services, type PrivateServer } from "../support/servers.js";
import { wireAccount, wirePassword } from "../support/wire-peer.js";

const png = fromBase64("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==") ?? new Uint8Array();

interface Said<K extends PersonalKind> {
  readonly say: (personal: PersonalEvents, audience: PersonalAudience) => Promise<unknown>;
  readonly value: PersonalValues[K];
}
const saying = <K extends Exclude<keyof OwnPersonalValues, "nickname">>(kind: K, value: OwnPersonalValues[K] & PersonalValues[K]): Said<K> =>
  ({ say: (personal, audience) => personal.publish(kind, value, { audience }), value });

/** One device: a stream with presence and personal events above it. */
interface Device {
  readonly account: BareJid;
  readonly connection: Connection;
  readonly presence: Presence;
  readonly personal: PersonalEvents;
  readonly told: PersonalEvent[];
  /** Presence as it came, in short. */
  readonly seen: string[];
  readonly errors: unknown[];
  /** Everything the server had for this device is here. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

describe.each(servers)("on a real $make", ({ start }) => {
  let server: PrivateServer;
  const open: Device[] = [];

  beforeAll(async () => { server = await start(); }, 120_000);
  afterAll(async () => { await server.stop(); });
  afterEach(async () => { await Promise.all(open.splice(0).map((device) => device.close())); });

  /** @param friends contacts that are subscribed in both directions */
  async function device(account: BareJid, friends: readonly BareJid[], resource: string): Promise<Device> {
    const [clock, rng] = [systemClock, systemRng()];
    const stream = await connect({ account, resource, service: services(server).tcp, password: () => wirePassword, tls: { ca: server.caPem }, clock, rng }, sockets);
    const [iq, gone, capabilities] = [new IqClient(stream, { rng, clock }), new AbortController(), new OwnCapabilities()];
    const connection: Connection = { stream, iq, archive: new Archive({ iq, account, rng, clock: systemClock }), signal: gone.signal, epoch: 1, continued: false };
    const errors: unknown[] = [];
    const seen: string[] = [];
    const told: PersonalEvent[] = [];
    const common = {
      account, clock, capabilities, contacts: new FakeContacts(Object.fromEntries(friends.map((jid) => [jid, "both" as const]))),
      emit: (event: ClientEvent) => { errors.push(event); }, onError: (error: unknown) => { errors.push(error); }, offline,
    };
    const presence = new Presence(common);
    const personal = new PersonalEvents(common);
    personal.onEvent((event) => { told.push(event); });
    iq.handle(discoInfoNamespace, ({ from, payload }) => (presence.audience(from) ? capabilities.answer(payload) : undefined));
    stream.onStanza((stanza) => { if (stanza.name === "presence") seen.push(`${stanza.attrs["type"] ?? "available"} ${stanza.attrs["from"] ?? ""}`); });
    for (const part of [presence, personal]) part.attach(connection);
    const made: Device = {
      account, connection, presence, personal, told, seen, errors,
      async settle() { await iq.request({ type: "get", payload: xml("jabber:iq:roster", "query") }); },
      async close() {
        if (gone.signal.aborted) return;
        await presence.farewell(connection);
        await stream.close();
        gone.abort();
        for (const part of [presence, personal]) part.detach();
      },
    };
    open.push(made);
    await made.settle(); // the roster was asked for: from here on the server answers for the contacts
    return made;
  }

  /** Two accounts that see each other's presence. */
  async function befriend(names: readonly [string, string]): Promise<readonly [BareJid, BareJid]> {
    const jids = [await wireAccount(server, names[0]), await wireAccount(server, names[1])] as const;
    const devices = [await device(jids[0], [], "setup"), await device(jids[1], [], "setup")] as const;
    for (const each of devices) await each.presence.prepare(each.connection);
    const say = (who: 0 | 1, type: string): Promise<void> => devices[who].connection.stream.send(xml("jabber:client", "presence", { to: jids[1 - who], type }));
    // One direction after the other: both at once end in a race on servers.
    for (const [who, other, reached] of [[0, 1, ["to", "from"]], [1, 0, ["both", "both"]]] as const) {
      await say(who, "subscribe");
      await expect.poll(() => devices[other].seen, { timeout: 20_000 }).toContain(`subscribe ${jids[who]}`);
      await say(other, "subscribed");
      await expect.poll(async () => Promise.all([who, other].map(async (each) => {
        const roster = await devices[each].connection.iq.request({ type: "get", payload: xml("jabber:iq:roster", "query") });
        return roster === undefined ? undefined : childElements(roster)[0]?.attrs["subscription"];
      })), { timeout: 20_000 }).toEqual(reached);
    }
    await Promise.all(devices.map((each) => each.close()));
    return jids;
  }

  const shown = (device: Device, jid: BareJid): string[] => (device.presence.contact(jid)?.resources ?? []).map((each) => `${each.jid.split("/")[1] ?? ""} ${each.show} ${each.statuses?.[""] ?? ""}`.trim());

  test("a contact with two resources is merged, changes and leaves; nobody else's presence counts; capabilities are fetched once", async () => {
    const [romeo, juliet] = await befriend(["romeo", "juliet"]);
    const watcher = await device(romeo, [juliet], "watcher");
    await watcher.presence.prepare(watcher.connection);
    const phone = await device(juliet, [romeo], "phone");
    const desk = await device(juliet, [romeo], "desk");
    await phone.presence.set({ show: "away", priority: 1, idleSince: Date.UTC(2026, 10, 21) });
    await desk.presence.set({ show: "dnd", statuses: { "": "busy", de: "beschäftigt" }, priority: 5 });
    for (const each of [phone, desk]) await each.presence.prepare(each.connection);
    await expect.poll(() => shown(watcher, juliet)).toEqual(["desk dnd busy", "phone away"]);
    expect(watcher.presence.contact(juliet)?.resources[1]).toMatchObject({ idleSince: Date.UTC(2026, 10, 21), priority: 1 });
    expect(watcher.presence.contact(juliet)?.best?.statuses).toMatchObject({ de: "beschäftigt" });
    await expect.poll(() => [shown(phone, romeo), phone.presence.ownResources().map(({ show }) => show)]).toEqual([["watcher available"], ["dnd"]]);
    const [one, two] = await Promise.all((watcher.presence.contact(juliet)?.resources ?? []).map(({ jid }) => watcher.presence.capabilities(jid)));
    expect(one?.features.has("urn:xmpp:omemo:2:devices+notify")).toBe(true);
    expect(two).toBe(one); // the same software: one question
    await phone.presence.set({ priority: 9, show: "chat" });
    await expect.poll(() => shown(watcher, juliet)).toEqual(["phone chat", "desk dnd busy"]);
    await desk.presence.set("unavailable");
    await expect.poll(() => shown(watcher, juliet)).toEqual(["phone chat"]);
    await phone.close();
    await expect.poll(() => watcher.presence.contact(juliet)?.available ?? false).toBe(false);
    expect([watcher, desk].flatMap(({ errors }) => errors)).toEqual([]);
  });

  test("F24 directed presence is seen by its address alone, opens our capabilities to it, and is withdrawn before the stream ends", async () => {
    const [romeo, juliet] = await befriend(["benvolio", "rosaline"]);
    const stranger = await wireAccount(server, "stranger");
    const [friend, other, user] = [await device(juliet, [romeo], "f"), await device(stranger, [], "s"), await device(romeo, [juliet], "u")];
    for (const each of [friend, other]) await each.presence.prepare(each.connection);
    await user.presence.set("unavailable");
    await user.presence.prepare(user.connection);
    const ask = async (from: Device): Promise<string> => {
      try {
        const info = await from.connection.iq.request({ type: "get", to: user.connection.stream.jid, payload: xml(discoInfoNamespace, "query") });
        return info === undefined || findChild(info, discoInfoNamespace, "identity") === undefined ? "nothing" : "told";
      } catch (error) {
        return String((error as { details?: { condition?: string } }).details?.condition);
      }
    };
    expect(await ask(other)).toBe("service-unavailable");
    const from = user.connection.stream.jid;
    const seenOf = (device: Device, jid: Jid = from): string[] => device.seen.filter((each) => each.endsWith(` ${jid}`)).map((each) => each.split(" ")[0] ?? "");
    await user.presence.direct(other.connection.stream.jid, { show: "dnd" });
    await expect.poll(() => seenOf(other)).toEqual(["available"]);
    expect(await ask(other)).toBe("told");
    await user.presence.undirect(other.connection.stream.jid);
    await expect.poll(() => seenOf(other)).toEqual(["available", "unavailable"]);
    expect(await ask(other)).toBe("service-unavailable");
    await user.presence.direct(other.connection.stream.jid, { show: "chat" });
    await user.presence.direct(stranger, { show: "chat" });
    await expect.poll(() => seenOf(other).length).toBeGreaterThanOrEqual(3);
    await user.close();
    await expect.poll(() => seenOf(other).at(-1)).toBe("unavailable");
    await friend.settle();
    expect(seenOf(friend)).toEqual([]);
    expect(user.errors).toEqual([]);
  });

  test("F08 mood, nickname and picture reach a contact through the capabilities of his presence, and nobody else", async () => {
    const [romeo, juliet] = await befriend(["mercutio", "tybalt"]);
    const stranger = await wireAccount(server, "paris");
    const [user, friend, other] = [await device(romeo, [juliet], "u"), await device(juliet, [romeo], "f"), await device(stranger, [], "s")];
    for (const each of [user, friend, other]) await each.presence.prepare(each.connection);
    await expect.poll(() => shown(friend, romeo)).toEqual(["u available"]);
    await user.personal.publish("mood", { mood: "in_love", text: "sighs & tears" });
    await user.personal.publish("nickname", "Romeo");
    const info = await user.personal.publishAvatar({ data: png, width: 1, height: 1 });
    const of = (device: Device, kind: string): unknown => device.told.findLast((event) => event.kind === kind && event.from === romeo);
    await expect.poll(() => [of(friend, "mood"), of(friend, "nickname"), of(friend, "avatar")], { timeout: 20_000 }).toEqual([
      { kind: "mood", from: romeo, value: { mood: "in_love", text: "sighs & tears" } },
      { kind: "nickname", from: romeo, value: { name: "Romeo", confusable: false } },
      { kind: "avatar", from: romeo, value: [info] },
    ]);
    const image = await friend.personal.avatar(romeo, info);
    expect([image?.type, Buffer.from(image?.data ?? []).equals(Buffer.from(png))]).toEqual(["image/png", true]);
    expect(await friend.personal.read(romeo, "mood")).toEqual({ mood: "in_love", text: "sighs & tears" });
    expect(await friend.personal.read(romeo, "tune").catch(() => undefined)).toBeUndefined();
    await expect(other.personal.read(romeo, "mood")).rejects.toMatchObject({ code: "ERR_PERSONAL_EVENT_UNAVAILABLE" });
    await user.personal.publish("nickname", "Everybody's Romeo", { audience: "everyone" });
    expect(await other.personal.read(romeo, "nickname")).toMatchObject({ name: "Everybody's Romeo" });
    await user.personal.publish("location", { lat: 45.44, lon: 10.99, locality: "Verona" }, { audience: "self" });
    await expect(friend.personal.read(romeo, "location")).rejects.toMatchObject({ code: "ERR_PERSONAL_EVENT_UNAVAILABLE" });
    await user.personal.retract("mood");
    await expect.poll(() => of(friend, "mood"), { timeout: 20_000 }).toEqual({ kind: "mood", from: romeo });
    const late = await device(juliet, [romeo], "late");
    await late.presence.prepare(late.connection);
    await expect.poll(() => of(late, "avatar"), { timeout: 20_000 }).toEqual({ kind: "avatar", from: romeo, value: [info] });
    await other.settle();
    expect([other.told, [user, friend, other, late].flatMap(({ errors }) => errors)]).toEqual([[], []]);
    expect(late.told.every(({ from }) => [romeo, juliet].includes(toBare(from)))).toBe(true);
  });

  /** Every kind there is: what is published, and what is then told of it. */
  const said: { readonly [K in PersonalKind]: Said<K> } = {
    mood: saying("mood", { mood: "in_love", text: "sighs & tears" }),
    activity: saying("activity", { general: "traveling", specific: "on_a_train", text: "to Mantua" }),
    tune: saying("tune", { artist: "Prokofiev", title: "Dance of the Knights", source: "Romeo and Juliet", track: "13", length: 337, rating: 9, uri: "https://example.org/knights" }),
    location: saying("location", { lat: 45.44, lon: 10.99, accuracy: 20, locality: "Verona", country: "Italy", timestamp: Date.UTC(2026, 10, 21) }),
    nickname: { say: (personal, audience) => personal.publish("nickname", "Romeo", { audience }), value: { name: "Romeo", confusable: false } },
    avatar: {
      say: (personal, audience) => personal.publishAvatar({ data: png, width: 1, height: 1 }, { audience }),
      value: [{ id: "", bytes: png.length, type: "image/png", width: 1, height: 1 }],
    },
  };
  const everyKind = Object.keys(said) as PersonalKind[];
  const nothingElse = { code: "ERR_PERSONAL_EVENT_UNAVAILABLE" };
  /** Without the name of a picture, which is made of its bytes. */
  const nameless = (value: unknown): unknown => (Array.isArray(value) ? value.map((image: object) => ({ ...image, id: "" })) : value);

  test("F08 every kind of personal event: a contact and our other device see it and see it go, and a stranger reads nothing", async () => {
    const [romeo, juliet] = await befriend(["balthasar", "abraham"]);
    const stranger = await wireAccount(server, "sampson");
    const [user, own, friend, other] = [await device(romeo, [juliet], "u"), await device(romeo, [juliet], "o"), await device(juliet, [romeo], "f"), await device(stranger, [], "s")];
    for (const each of [user, own, friend, other]) await each.presence.prepare(each.connection);
    await expect.poll(() => shown(friend, romeo).length).toBe(2);
    const of = (device: Device, kind: PersonalKind): unknown => device.told.findLast((event) => event.kind === kind && event.from === romeo);
    for (const kind of everyKind) {
      await said[kind].say(user.personal, "contacts");
      for (const device of [friend, own]) {
        await expect.poll(() => nameless((of(device, kind) as { readonly value?: unknown } | undefined)?.value), { timeout: 20_000 }).toEqual(said[kind].value);
        expect(nameless(await device.personal.read(romeo, kind)), kind).toEqual(said[kind].value);
      }
      await expect(other.personal.read(romeo, kind), kind).rejects.toMatchObject(nothingElse);
      await user.personal.retract(kind);
      for (const device of [friend, own]) await expect.poll(() => of(device, kind), { timeout: 20_000 }).toEqual({ kind, from: romeo });
      expect(await friend.personal.read(romeo, kind), kind).toBeUndefined();
    }
    await other.settle();
    expect([other.told, [user, own, friend, other].flatMap(({ errors }) => errors)]).toEqual([[], []]);
  });

  test("F08 every kind of personal event for ourselves alone: our other device sees it, a contact is told nothing and reads nothing, though he could before", async () => {
    const [romeo, juliet] = await befriend(["gregory", "peter"]);
    const [user, own, friend] = [await device(romeo, [juliet], "u"), await device(romeo, [juliet], "o"), await device(juliet, [romeo], "f")];
    for (const each of [user, own, friend]) await each.presence.prepare(each.connection);
    await expect.poll(() => shown(friend, romeo).length).toBe(2);
    const of = (device: Device, kind: PersonalKind): readonly PersonalEvent[] => device.told.filter((event) => event.kind === kind && event.from === romeo);
    for (const kind of everyKind) {
      await said[kind].say(user.personal, "contacts");
      await expect.poll(() => nameless(of(friend, kind).at(-1)?.value), { timeout: 20_000 }).toEqual(said[kind].value);
      await user.personal.retract(kind);
      await expect.poll(() => of(friend, kind).at(-1), { timeout: 20_000 }).toEqual({ kind, from: romeo });
    }
    const before = friend.told.length;
    for (const kind of everyKind) {
      const here = of(own, kind).length;
      await said[kind].say(user.personal, "self");
      await expect.poll(() => nameless(of(own, kind).slice(here).at(-1)?.value), { timeout: 20_000 }).toEqual(said[kind].value);
      expect(nameless(await own.personal.read(romeo, kind)), kind).toEqual(said[kind].value);
      await expect(friend.personal.read(romeo, kind), kind).rejects.toMatchObject(nothingElse);
    }
    const [info] = await user.personal.read(romeo, "avatar") ?? [];
    await expect(friend.personal.avatar(romeo, info as AvatarInfo)).rejects.toMatchObject(nothingElse);
    expect((await own.personal.avatar(romeo, info as AvatarInfo))?.type).toBe("image/png");
    await friend.settle();
    expect(friend.told.slice(before).filter(({ from, value }) => from === romeo && value !== undefined)).toEqual([]);
    expect([user, own, friend].flatMap(({ errors }) => errors)).toEqual([]);
  });
});
