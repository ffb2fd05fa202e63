/** The archive, copies and read positions as real servers do them. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { bareJid, type BareJid } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { findChild, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import { connect } from "../../src/transport/connection/connect.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import type { Stream } from "../../src/transport/connection/stream.js";
import { Archive, type ArchivedMessage, type ArchivePage, type ArchiveQuery } from "../../src/transport/features/archive.js";
import { answerDiscoInfo, capsElement, defaultOwnInfo } from "../../src/transport/features/caps.js";
import { Pep } from "../../src/transport/features/pep.js";
import { ReadPositions } from "../../src/transport/features/read-positions.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { plainMessage } from "../../src/transport/xep/message.js";
import { enableCarbons, readCarbon } from "../../src/transport/xep/xep0280.js";
import { readOriginId, readStanzaId } from "../../src/transport/xep/xep0359.js";
import type { ReadPosition } from "../../src/transport/xep/xep0490.js";
import { type PrivateServer, type ServerMake, servers, services } from "../support/servers.js";

const password = "a rose by any other name";
const clock = systemClock;
const rng = systemRng();

/** Where servers differ. `checksPlaces`: a place in the archive that does not exist is an error. */
const differences: Readonly<Record<ServerMake["make"], { readonly checksPlaces: boolean; readonly counts: boolean }>> = {
  prosody: { checksPlaces: true, counts: false },
  ejabberd: { checksPlaces: false, counts: true },
};

/** One client, as far as these tests need one. */
interface Peer {
  readonly account: BareJid;
  readonly stream: Stream;
  readonly iq: IqClient;
  readonly archive: Archive;
  readonly positions: ReadPositions;
  /** Messages that nobody else has taken. */
  readonly messages: XmlElement[];
  say(to: BareJid, text: string): Promise<string>;
}

describe.each(servers)("$make", ({ make, start }) => {
  const { checksPlaces, counts } = differences[make];
  let server: PrivateServer;
  const streams: Stream[] = [];
  beforeAll(async () => { server = await start(); });
  afterAll(async () => {
    await Promise.all(streams.map((stream) => stream.close()));
    await server.stop();
  });

  async function register(): Promise<BareJid> {
    const user = `user-${randomUUID().slice(0, 8)}`;
    await server.register(user, password);
    return bareJid(`${user}@${server.domain}`);
  }

  async function peer(account: BareJid): Promise<Peer> {
    const stream = await connect({
      account, service: services(server).tcp, password: () => password, tls: { ca: server.caPem }, clock, rng,
    }, sockets);
    streams.push(stream);
    const iq = new IqClient(stream, { rng, clock });
    iq.handle("http://jabber.org/protocol/disco#info", ({ payload }) => answerDiscoInfo(defaultOwnInfo, payload));
    const archive = new Archive({ iq, account, rng, clock: systemClock });
    const positions = new ReadPositions({ iq, account });
    const messages: XmlElement[] = [];
    stream.onStanza((stanza) => {
      if (stanza.name === "message" && !archive.handleMessage(stanza) && !positions.handleMessage(stanza)) messages.push(stanza);
    });
    await iq.request({ type: "set", payload: enableCarbons });
    await stream.send(xml("jabber:client", "presence", {}, capsElement(defaultOwnInfo)));
    return {
      account, stream, iq, archive, positions, messages,
      async say(to, text) {
        const id = randomUUID();
        await stream.send(plainMessage({ to, id, text }));
        return id;
      },
    };
  }

  /** Waits for the server to have handled everything that `one` has sent. */
  const settled = async (one: Peer): Promise<void> => { await one.archive.query({ max: 1 }); };
  const until = async (what: () => boolean): Promise<void> => { await expect.poll(what, { interval: 25, timeout: 5_000 }).toBe(true); };
  const textsOf = (messages: readonly ArchivedMessage[]): string[] =>
    messages.map(({ stanza }) => textOf(findChild(stanza, "jabber:client", "body") as XmlElement));
  async function pages(archive: Archive, query: ArchiveQuery): Promise<ArchivePage[]> {
    const all: ArchivePage[] = [];
    for (let page = await archive.query(query); ; page = await archive.query({ ...query, after: page.last as string })) {
      all.push(page);
      if (page.complete) return all;
    }
  }

  async function conversation(): Promise<{ romeo: Peer; juliet: Peer; mercutio: BareJid; texts: string[] }> {
    const [romeo, juliet, mercutio] = await Promise.all([register().then(peer), register().then(peer), register()]);
    const texts = Array.from({ length: 7 }, (_, i) => `line ${String(i)}`);
    for (const [i, text] of texts.entries()) {
      const [from, to] = i % 2 === 0 ? [romeo, juliet] : [juliet, romeo];
      await from.say(to.account, text);
      await settled(from);
    }
    await romeo.say(mercutio, "aside");
    await settled(romeo);
    return { romeo, juliet, mercutio, texts };
  }

  test("pages forwards: complete, in order, nothing twice, nothing refused", async () => {
    const { romeo, juliet, mercutio, texts } = await conversation();
    expect(await romeo.archive.supported()).toBe(true);
    const found = await pages(romeo.archive, { max: 3 });
    expect(found.map((page) => [page.messages.length, page.complete, page.refused])).toEqual([[3, false, 0], [3, false, 0], [2, true, 0]]);
    expect(found.map((page) => page.count !== undefined)).toEqual([counts, counts, counts]);
    const messages = found.flatMap((page) => page.messages);
    expect(textsOf(messages)).toEqual([...texts, "aside"]);
    expect(new Set(messages.map(({ id }) => id)).size).toBe(8);
    for (const { stamp } of messages) expect(Math.abs(stamp - Date.now())).toBeLessThan(60_000);
    for (const page of found) expect([page.first, page.last]).toEqual([page.messages[0]?.id, page.messages.at(-1)?.id]);
    // A page that holds exactly what there is, is complete.
    expect(await romeo.archive.query({ max: 8 })).toMatchObject({ complete: true, messages: { length: 8 } });

    expect(textsOf((await pages(romeo.archive, { with: juliet.account, max: 100 })).flatMap((page) => page.messages))).toEqual(texts);
    expect(textsOf((await pages(romeo.archive, { with: mercutio })).flatMap((page) => page.messages))).toEqual(["aside"]);
    const nobody = await romeo.archive.query({ with: bareJid(`nobody@${server.domain}`) });
    expect(nobody).toMatchObject({ messages: [], complete: true });
    const last = messages.at(-1) as ArchivedMessage;
    expect(await romeo.archive.query({ after: last.id })).toMatchObject({ messages: [], complete: true });
  });

  test("pages backwards, each in the order of the archive", async () => {
    const { romeo, texts } = await conversation();
    const all = [...texts, "aside"];
    let page = await romeo.archive.query({ before: "", max: 3 });
    expect([textsOf(page.messages), page.complete]).toEqual([all.slice(5), false]);
    page = await romeo.archive.query({ before: page.first as string, max: 3 });
    expect([textsOf(page.messages), page.complete]).toEqual([all.slice(2, 5), false]);
    page = await romeo.archive.query({ before: page.first as string, max: 3 });
    expect([textsOf(page.messages), page.complete]).toEqual([all.slice(0, 2), true]);
  });

  test("times select: from the first stamp all, from the day after none; an empty archive is a complete page", async () => {
    const { romeo, mercutio } = await conversation();
    const all = (await romeo.archive.query({})).messages;
    const [first, last] = [all[0] as ArchivedMessage, all.at(-1) as ArchivedMessage];
    const day = 24 * 60 * 60 * 1000;
    expect((await romeo.archive.query({ start: first.stamp, end: last.stamp + 1_000 })).messages).toHaveLength(8);
    expect(await romeo.archive.query({ start: last.stamp + day })).toMatchObject({ messages: [], complete: true });
    expect(await romeo.archive.query({ end: first.stamp - day })).toMatchObject({ messages: [], complete: true });
    expect(mercutio).not.toBe(romeo.account);
    const newcomer = await peer(await register());
    for (const query of [{}, { before: "" }]) expect(await newcomer.archive.query(query)).toMatchObject({ messages: [], complete: true });
  });

  test("Q03 a place that the archive does not have is an error where the server looks, and never a half page", async () => {
    const { romeo } = await conversation();
    const lost = romeo.archive.query({ after: "00000000-0000-0000-0000-000000000000" });
    if (checksPlaces) await expect(lost).rejects.toMatchObject({ code: "ERR_STANZA_ERROR", details: { condition: "item-not-found" } });
    else {
      expect((await lost).complete).toBe(true);
      // Its ids are times: whatever lies behind that time comes, though no message ever had the id.
      const { messages } = await romeo.archive.query({});
      const between = String(BigInt(messages[2]?.id ?? "") + 1n);
      expect(await romeo.archive.query({ after: between })).toMatchObject({ complete: true, messages: messages.slice(3).map(({ id }) => ({ id })) });
    }
  });

  test("F10 the live stanza-id is the id in the archive, also in copies; with a forged one beside it there is none", async () => {
    const [romeo, juliet] = await Promise.all([register().then(peer), register().then(peer)]);
    const romeo2 = await peer(romeo.account);
    expect(await juliet.archive.stanzaIdsTrusted()).toBe(true);
    await romeo.say(juliet.account, "honest");
    const message = plainMessage({ to: juliet.account, id: "m1", text: "live" });
    await romeo.stream.send({ ...message, children: [...message.children, xml("urn:xmpp:sid:0", "stanza-id", { by: juliet.account, id: "forged" })] });
    await until(() => juliet.messages.length === 2 && romeo2.messages.length === 2);

    const [honest, lied] = (await juliet.archive.query({})).messages;
    expect(readStanzaId(juliet.messages[0] as XmlElement, juliet.account)).toBe(honest?.id);
    // Some servers remove the forged one, some leave both; its id is never the one that we read.
    expect([lied?.id, undefined]).toContain(readStanzaId(juliet.messages[1] as XmlElement, juliet.account));
    expect(lied?.id).not.toBe("forged");
    expect(readOriginId(lied?.stanza as XmlElement)).toBe("m1");

    const copies = romeo2.messages.map((stanza) => readCarbon(stanza, romeo.account));
    expect(copies.map((copy) => copy.kind)).toEqual(["sent", "sent"]);
    const stored = (await romeo.archive.query({})).messages.map(({ id }) => id);
    expect(copies.map((copy) => (copy.kind === "sent" ? readStanzaId(copy.message, romeo.account) : undefined))).toEqual(stored);
  });

  test("F03, F04, F05 forged copies and results through a real server are not believed, live or from the archive", async () => {
    const [romeo, mallory] = await Promise.all([register().then(peer), register().then(peer)]);
    const inside = xml("urn:xmpp:forward:0", "forwarded", {},
      xml("urn:xmpp:delay", "delay", { stamp: "2026-11-01T00:00:00Z" }),
      xml("jabber:client", "message", { from: `juliet@${server.domain}/x`, to: romeo.account, type: "chat" }, xml("jabber:client", "body", {}, "forged")));
    for (const wrapper of [xml("urn:xmpp:carbons:2", "received", {}, inside), xml("urn:xmpp:mam:2", "result", { queryid: "1", id: "1" }, inside)]) {
      await mallory.stream.send(xml("jabber:client", "message", { to: romeo.account, type: "chat", id: randomUUID() }, wrapper, xml("jabber:client", "body", {}, "see")));
    }
    await mallory.say(romeo.account, "honest");
    await until(() => romeo.messages.some((stanza) => findChild(stanza, "jabber:client", "body")?.children[0] === "honest"));
    expect(romeo.messages.map((stanza) => readCarbon(stanza, romeo.account).kind).sort()).toEqual(["forged", "none"]);
    expect(romeo.archive.dropped).toBe(1);
    // The same two lie in the archive, and are dropped there as well.
    expect(await romeo.archive.query({})).toMatchObject({ messages: { length: 1 }, refused: 0, complete: true });
    expect(romeo.archive.dropped).toBe(3);
  });

  test("F08 a read position reaches the own other device and nobody else", async () => {
    const [romeo, juliet] = await Promise.all([register().then(peer), register().then(peer)]);
    expect(await romeo.positions.fetchAll()).toEqual({ kind: "none" });
    const romeo2 = await peer(romeo.account);
    const heard: ReadPosition[] = [];
    romeo2.positions.onPosition((position) => { heard.push(position); });
    await romeo.positions.publish(juliet.account, "s1");
    await until(() => heard.length > 0);
    await romeo2.positions.publish(juliet.account, "s2");
    await romeo.positions.publish(bareJid(`mercutio@${server.domain}`), "s3");
    expect(heard[0]).toEqual({ conversation: juliet.account, stanzaId: "s1" });
    const found = await romeo.positions.fetchAll();
    expect(found.kind === "found" ? [...found.value].map(({ conversation, stanzaId }) => `${conversation} ${stanzaId}`).sort() : found)
      .toEqual([`${juliet.account} s2`, `mercutio@${server.domain} s3`].sort());
    expect(await new Pep(juliet.iq).items({ owner: romeo.account, node: "urn:xmpp:mds:displayed:0", wanted: { maxItems: 1 } })).toEqual({ kind: "unavailable", retryable: false });
  });
});
