import { expect, test, vi } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { SafeIntake } from "../../../src/client/receive/safe-intake.js";
import type { DeviceId } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk } from "../../../src/storage/memory.js";
import { faultyStore } from "../../../src/testing/faulty-store.js";
import { receiptRequest } from "../../../src/transport/xep/xep0184.js";
import { damagedStore } from "../../support/damaged-store.js";
import { body, juliet, mercutio, romeo, withData, World } from "../../support/omemo-world.js";
import { carbon, plainLetter, Reception, sealedLetter, ServerArchive, withStanzaId } from "../../support/reception.js";
import { scene } from "../../support/reception-scene.js";

const orchard = `${romeo}/orchard`;
const balcony = `${juliet}/balcony`;

test("Q06 a stanza is released after the commit that holds ratchet, message and inbound position, and not before", async () => {
  const { a, b, live } = await scene();
  b.accept(sealedLetter(orchard, juliet, "1", await a.send(juliet, "hello")), live);
  expect(b.released).toEqual([]);
  await b.receiver.settled();
  expect(b.released).toEqual([1]);
  expect(await b.texts()).toEqual(["hello"]);
  expect(b.disk.rows.has("test/inbound" as never)).toBe(true);
});

test.each(["behind it", "while it is under way"])("Q06 a commit that fails acknowledges nothing that comes %s either, and ends the stream", async (when) => {
  let fails: (() => void) | undefined;
  const { a, b, live } = await scene({ store: (inner) => {
    const store = faultyStore(inner);
    const commit = store.commit.bind(store);
    store.commit = (changes, fence) => {
      if (fails === undefined) return commit(changes, fence);
      fails();
      fails = undefined;
      return Promise.reject(new StorageError("ERR_STORE_FAILED", "planned"));
    };
    return store;
  } });
  const first = sealedLetter(orchard, juliet, "1", await a.send(juliet, "first"));
  const second = sealedLetter(orchard, juliet, "2", await a.send(juliet, "second"));
  fails = () => { if (when !== "behind it") b.accept(second, live); };
  b.accept(first, live);
  await b.receiver.settled();
  if (when === "behind it") await b.take(second, live);
  expect(b.released).toEqual([]);
  expect(b.closed).toBeGreaterThan(0);
  expect(await b.texts()).toEqual([]);
  expect(b.events).toContainEqual(expect.objectContaining({ kind: "error" }));
  // The next connection brings both again.
  const again = b.connect(new ServerArchive(juliet, b.clock), true);
  await b.take(first, again);
  await b.take(second, again);
  expect(await b.texts()).toEqual(["first", "second"]);
});

test("Q06 behind an error stanza that could not be noted nothing is acknowledged: with the count of a later one it would be gone", async () => {
  const { b, live } = await scene();
  b.refused.push = () => { throw new StorageError("ERR_STORE_FAILED", "planned"); };
  const bounce = plainLetter(orchard, juliet, "mine", "");
  await b.take({ ...bounce, attrs: { ...bounce.attrs, type: "error" } }, live);
  await b.take(plainLetter(orchard, juliet, "1", "hello"), live);
  expect([b.released, await b.texts(), b.disk.rows.has("test/inbound" as never)]).toEqual([[], [], false]);
  expect(b.closed).toBeGreaterThan(0);
});

test("Q06 D12 a look into the store that fails makes no message unreadable: it is not acknowledged, and comes again", async () => {
  const { a, b, live } = await scene();
  const letter = sealedLetter(orchard, juliet, "1", await a.send(juliet, "hello"));
  const get = b.store.get.bind(b.store);
  b.store.get = () => {
    b.store.get = get;
    return Promise.reject(new StorageError("ERR_STORE_FAILED", "not now", { retryable: true }));
  };
  await b.take(letter, live);
  expect([b.released, await b.texts(), b.closed]).toEqual([[], [], 1]);
  await b.take(letter, b.connect(new ServerArchive(juliet, b.clock), true));
  expect(await b.texts()).toEqual(["hello"]);
});

test("F03 F04 a carbon from anybody but our own bare address makes nobody speak, and is no message of its sender", async () => {
  const { b, live } = await scene();
  const words = plainLetter(mercutio, juliet, "x", "forged");
  for (const from of [mercutio, `${mercutio}/r`, balcony, "example.org"]) {
    for (const kind of ["sent", "received"] as const) {
      const forged = carbon(kind, from, balcony, words);
      await b.take({ ...forged, children: [...forged.children, body("beside it")] }, live);
    }
  }
  const both = { ...carbon("sent", juliet, balcony, words), children: [...carbon("sent", juliet, balcony, words).children, ...carbon("received", juliet, balcony, words).children] };
  await b.take(both, live);
  await b.take(carbon("received", juliet, balcony, carbon("received", juliet, balcony, words)), live);
  await b.take(carbon("received", juliet, balcony, { ...words, attrs: { ...words.attrs, type: "groupchat" } }), live);
  // A forwarded message of no known kind, and a copy that does not concern us.
  await b.take(xml("jabber:client", "message", { from: mercutio, to: balcony }, xml("urn:xmpp:forward:0", "forwarded", {}, words)), live);
  await b.take(carbon("received", juliet, balcony, plainLetter(mercutio, romeo, "x", "not ours")), live);
  expect(await b.texts()).toEqual([]);
  await b.take(carbon("received", juliet, balcony, words), live);
  expect(await b.messages()).toMatchObject([{ from: mercutio, conversation: mercutio, text: "forged", security: { level: "none" } }]);
});

test("messages of another own device are copied into the conversation they belong to", async () => {
  const world = new World();
  const other = await world.device(juliet);
  const b = await Reception.open(world, juliet);
  await b.omemo.announce();
  await world.device(romeo);
  const live = b.connect(new ServerArchive(juliet, world.clock));
  await b.catchUp.run(live);
  await other.omemo.onDeviceList(juliet, world.server.lists.get(juliet) ?? []);
  const stanza = sealedLetter(balcony, romeo, "1", await other.send(romeo, "from the other one"));
  await b.take(carbon("sent", juliet, `${juliet}/tower`, stanza), live);
  expect(await b.messages()).toMatchObject([{ from: juliet, conversation: romeo, direction: "sent", text: "from the other one", security: { level: "trusted" } }]);
  expect((await b.messages())[0]).not.toHaveProperty("delivery");
});

test("F26 a message without from is from our own account, never from its domain", async () => {
  const { b, live } = await scene();
  await b.take(plainLetter(undefined, balcony, "1", "a note"), live);
  expect(await b.messages()).toMatchObject([{ from: juliet, conversation: juliet, direction: "sent" }]);
});

test("F10 a stanza-id counts only if our account alone could have written it; a chosen one hides nothing", async () => {
  const { b, archive, live } = await scene();
  const stored = archive.store(plainLetter(orchard, juliet, "real", "real"));
  const id = archive.messages.at(-1)?.id ?? "";
  // Under the id of a message that is to come: named by a stranger, by a device of ours, and twice.
  await b.take(withStanzaId(plainLetter(mercutio, juliet, "1", "one"), mercutio, id), live);
  await b.take(withStanzaId(plainLetter(mercutio, juliet, "2", "two"), balcony, id), live);
  await b.take(withStanzaId(withStanzaId(plainLetter(mercutio, juliet, "3", "three"), juliet, id), juliet, "other"), live);
  await b.take(stored, live);
  await b.take(stored, live);
  expect(await b.texts()).toEqual(["one", "two", "three", "real"]);
});

test("F10 a server that does not announce stanza-ids is not believed about them", async () => {
  const { b, archive } = await scene();
  archive.trusted = false;
  const live = b.connect(archive);
  await b.catchUp.run(live);
  await b.take(withStanzaId(plainLetter(mercutio, juliet, "1", "hides"), juliet, "x"), live);
  await b.take(withStanzaId(plainLetter(orchard, juliet, "2", "is seen"), juliet, "x"), live);
  expect(await b.texts()).toEqual(["hides", "is seen"]);
});

test("F11 equal message ids and origin-ids of several senders, or of one, drop and overwrite nothing", async () => {
  const { a, b, archive, live } = await scene();
  const origin = xml("urn:xmpp:sid:0", "origin-id", { id: "same" });
  await b.take(plainLetter(orchard, juliet, "same", "romeo", origin), live);
  await b.take(plainLetter(mercutio, juliet, "same", "mercutio", origin), live);
  await b.take(plainLetter(mercutio, juliet, "same", "mercutio again", origin), live);
  await b.take(sealedLetter(orchard, juliet, "same", await a.send(juliet, "sealed")), live);
  expect(await b.texts()).toEqual(["romeo", "mercutio", "mercutio again", "sealed"]);
  // The id of a message of ours makes nobody else's message ours.
  b.known.add("same");
  await b.take(archive.store(plainLetter(mercutio, juliet, "same", "not ours", origin)), live);
  expect((await b.texts()).at(-1)).toBe("not ours");
  expect(b.found).toEqual([]);
});

test("F19 a delay stamp counts only from our own server, is never in the future, and orders nothing", async () => {
  const { world, b, live } = await scene();
  const delay = (from: string | undefined, time: number): XmlElement => xml("urn:xmpp:delay", "delay", { from, stamp: new Date(time).toISOString() });
  const now = world.clock.now();
  await b.take(plainLetter(orchard, juliet, "1", "now"), live);
  await b.take(plainLetter(orchard, juliet, "2", "by a stranger", delay(mercutio, now - 1e9)), live);
  await b.take(plainLetter(orchard, juliet, "3", "by nobody", delay(undefined, now - 1e9)), live);
  await b.take(plainLetter(orchard, juliet, "4", "by our server", delay(orchard, 5), delay("example.org", 5), delay("example.org", now - 1e6)), live);
  await b.take(plainLetter(orchard, juliet, "5", "from the future", delay(juliet, now + 1e9)), live);
  expect((await b.messages()).map(({ text, archivedAt }) => [text, archivedAt])).toEqual([
    ["now", undefined], ["by a stranger", undefined], ["by nobody", undefined], ["by our server", now - 1e6], ["from the future", now],
  ]);
});

test("Q16 the same message live, as a copy, from offline storage and from the archive is one", async () => {
  for (const encrypted of [true, false]) {
    const { world, a, b, archive, live } = await scene();
    const letter = encrypted ? sealedLetter(orchard, juliet, "1", await a.send(juliet, "once")) : plainLetter(orchard, juliet, "1", "once");
    const stored = archive.store(letter);
    await b.take(stored, live);
    await b.take(carbon("received", juliet, `${juliet}/tower`, stored), live);
    await b.take({ ...stored, children: [...stored.children, xml("urn:xmpp:delay", "delay", { from: "example.org", stamp: new Date(world.clock.now()).toISOString() })] }, live);
    await b.catchUp.run(b.connect(archive));
    expect(await b.texts()).toEqual(["once"]);
    expect(b.events.filter(({ kind }) => kind === "message" || kind === "unreadable")).toHaveLength(1);
    expect(b.released).toEqual([1, 2, 3]);
  }
});

test("Q16 without any id of the server an encrypted message is recognised by device, ratchet key and counter", async () => {
  const { a, b, archive, live } = await scene();
  const letter = sealedLetter(orchard, juliet, "1", await a.send(juliet, "once"));
  await b.take(letter, live);
  await b.take(letter, live);
  archive.store(letter);
  await b.catchUp.run(b.connect(archive));
  expect(await b.texts()).toEqual(["once"]);
});

test("R06 a message that cannot be read keeps its place, says so once, and is not read from the archive again", async () => {
  const { a, b, archive, live } = await scene();
  const sealed = await a.send(juliet, "broken");
  const stored = archive.store(sealedLetter(orchard, juliet, "1", withData(sealed, b.omemo.self.address, new Uint8Array(20))));
  await b.take(stored, live);
  await b.catchUp.run(b.connect(archive));
  expect(await b.messages()).toMatchObject([{ unreadable: "ERR_SESSION_MALFORMED", text: "", security: { level: "unknown" } }]);
  expect(b.events.filter(({ kind }) => kind === "unreadable")).toHaveLength(1);
  await b.take(sealedLetter(orchard, juliet, "2", sealed), live);
  expect((await b.texts())[1]).toBe("broken");
});

test("D13 a damaged record makes one message unreadable; those before and after it are taken in and acknowledged", async () => {
  const { a, b, live } = await scene();
  await b.take(sealedLetter(orchard, juliet, "1", await a.send(juliet, "before")), live);
  const row = [...b.disk.rows.keys()].find((key) => key.startsWith("omemo/2/device/"));
  b.disk.rows.set(row as never, new Uint8Array([1, 2, 3]));
  await b.take(sealedLetter(orchard, juliet, "2", await a.send(juliet, "damaged")), live);
  await b.take(plainLetter(mercutio, juliet, "3", "after"), live);
  expect(await b.texts()).toEqual(["before", expect.stringMatching(/^ERR_/), "after"]);
  expect(b.released).toEqual([1, 2, 3]);
});

test("D13 whom we have written to may write to us although the row that says so is damaged, and the stream goes on", async () => {
  const bad = new Set<string>();
  const disk = memoryDisk();
  const { b, live } = await scene({ disk, store: () => damagedStore(disk, bad) });
  await b.ledger.run((tx) => { b.log.append(tx, { id: "o", conversation: romeo, from: juliet, direction: "sent", text: "hi", receivedAt: 0, security: { level: "own" }, delivery: { state: "sent", archived: false } }); });
  bad.add(b.log.keys.writtenTo(romeo));
  await b.take(plainLetter(orchard, juliet, "1", "hello"), live);
  expect([await b.texts(), b.released, b.closed]).toEqual([["hi", "hello"], [1], 0]);
  expect((await b.messages())[1]).not.toHaveProperty("stranger");
});

test("V03 a receipt goes to whom we have written or who is a contact, as the message came, and never to a stranger", async () => {
  const { a, b, live } = await scene({ isContact: (jid) => jid === mercutio });
  const asks = [body("hello"), receiptRequest()];
  await b.take(sealedLetter(orchard, juliet, "1", await a.sendContent(juliet, ...asks)), live);
  await b.take(plainLetter(mercutio, juliet, "2", "hello", receiptRequest()), live);
  expect(b.notified).toEqual([`none receipt ${mercutio}: <received xmlns="urn:xmpp:receipts" id="2"/>`]);
  await b.ledger.run((tx) => { b.log.append(tx, { id: "o", conversation: romeo, from: juliet, direction: "sent", text: "hi", receivedAt: 0, security: { level: "own" }, delivery: { state: "stored", archived: false } }); });
  await b.take(sealedLetter(orchard, juliet, "3", await a.sendContent(juliet, ...asks)), live);
  await b.take(sealedLetter(orchard, juliet, "4", await a.sendContent(juliet, receiptRequest())), live); // nothing was delivered to a reader
  expect(b.notified.slice(1)).toEqual([`omemo receipt ${romeo}: <received xmlns="urn:xmpp:receipts" id="3"/>`]);
});

test("an error stanza goes to the outbox and is no message", async () => {
  const { b, live } = await scene();
  const error = xml("jabber:client", "error", { type: "cancel" }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "service-unavailable"));
  const bounced = plainLetter(orchard, juliet, "mine", "my text", error);
  await b.take({ ...bounced, attrs: { ...bounced.attrs, type: "error" } }, live);
  expect(b.refused).toEqual([`mine ${romeo} service-unavailable`]);
  expect(await b.texts()).toEqual([]);
  expect(b.released).toEqual([1]);
  // The same as a copy of what another device of ours was told: the condition is that of the message, not of its wrapper.
  await b.take(carbon("received", juliet, balcony, { ...bounced, attrs: { ...bounced.attrs, type: "error" } }), live);
  expect(b.refused.at(-1)).toBe(`mine ${romeo} service-unavailable`);
});

test("L02 R13 what the pages of an archive ask for waits for up to a thousand devices; more is left out", async () => {
  for (const [asked, done] of [[999, 999], [1_000, 1_000], [1_001, 1_000]] as const) {
    const { b } = await scene();
    let id = 0;
    const take = vi.spyOn(SafeIntake.prototype, "take").mockImplementation(async (_tx, _letter, _route, due) => {
      id++;
      for (let times = 0; times < 2; times++) due.followUps.push({ kind: "send-empty", device: { jid: romeo, deviceId: id as DeviceId }, reason: "heartbeat", needsPlan: false });
    });
    const letters = Array.from({ length: asked }, (_, i) => ({ id: String(i), stamp: 0, stanza: plainLetter(orchard, juliet, String(i), "hi") }));
    await b.receiver.takePage(letters, { commit: () => undefined });
    take.mockRestore();
    b.receiver.flushFollowUps();
    expect([id, b.followUps.length]).toEqual([asked, done]);
  }
});
