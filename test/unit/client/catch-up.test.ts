import { expect, test } from "vitest";
import { xml } from "../../../src/base/xml.js";
import { encodeJson } from "../../../src/client/json-record.js";
import type { Connection } from "../../../src/client/link.js";
import { gapMarginMs } from "../../../src/client/receive/archive-reader.js";
import { heldStanzasMax } from "../../../src/client/receive/held.js";
import { liveUnreadMax } from "../../../src/client/receive/receiver.js";
import { storeKey } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";
import { stanzaError } from "../../../src/transport/stream/stanza-error.js";
import { receiptRequest } from "../../../src/transport/xep/xep0184.js";
import { juliet, mercutio, romeo, type TestDevice, World } from "../../support/omemo-world.js";
import { carbon, itemNotFound, plainLetter, Reception, sealedLetter, ServerArchive, TickingClock } from "../../support/reception.js";

const orchard = `${romeo}/orchard`;

interface Scene { readonly world: World; readonly a: TestDevice; readonly b: Reception; readonly archive: ServerArchive }

/** Juliet has been online once and is offline now. */
async function scene(): Promise<Scene> {
  const world = new World();
  const a = await world.device(romeo);
  const b = await Reception.open(world, juliet);
  await b.omemo.announce();
  const archive = new ServerArchive(juliet, world.clock);
  await b.catchUp.run(b.connect(archive));
  b.events.length = 0;
  archive.queries.length = 0;
  return { world, a, b, archive };
}

const write = async (a: TestDevice, archive: ServerArchive, ...texts: readonly string[]): Promise<void> => {
  for (const text of texts) archive.store(sealedLetter(orchard, juliet, text, await a.send(juliet, text)));
};

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

test("Q16 what was missed is read to the end, page by page, in order, with one commit per page, and live messages wait for it", async () => {
  const { a, b, archive } = await scene();
  await write(a, archive, ...numbers(1, 25));
  archive.pageMax = 10;
  const live = b.connect(archive);
  const late = archive.store(plainLetter(orchard, juliet, "late", "late"));
  archive.messages.pop(); // comes live only after the last page was answered
  b.accept(late, live);
  const commits: number[] = [];
  const commit = b.store.commit.bind(b.store);
  b.store.commit = (changes, fence) => { commits.push(changes.filter(({ key }) => key.startsWith("client/log/")).length); return commit(changes, fence); };
  expect(await b.catchUp.run(live)).toBe(true);
  expect(await b.texts()).toEqual([...numbers(1, 25), "late"]);
  expect(commits.filter((count) => count > 0)).toEqual([10, 10, 5, 1]);
  expect(b.events.filter(({ kind }) => kind === "catch-up")).toEqual([
    { kind: "catch-up", received: 10, total: 25, done: false }, { kind: "catch-up", received: 20, total: 25, done: false },
    { kind: "catch-up", received: 25, total: 25, done: false }, { kind: "catch-up", received: 25, total: 25, done: true },
  ]);
  expect(b.released).toEqual([1]);
});

test("a page of more than a hundred messages is committed a hundred at a time", async () => {
  const { b, archive } = await scene();
  for (const text of numbers(1, 250)) archive.store(plainLetter(orchard, juliet, text, text));
  const commits: number[] = [];
  const commit = b.store.commit.bind(b.store);
  b.store.commit = (changes, fence) => { commits.push(changes.filter(({ key }) => key.startsWith("client/timeline/")).length); return commit(changes, fence); };
  await b.receiver.takePage(archive.messages, { commit: () => undefined });
  expect(commits).toEqual([100, 100, 50]);
});

test("a store that is new to the archive begins at its end and says what it cannot read; nothing before is asked for", async () => {
  const world = new World();
  const archive = new ServerArchive(juliet, world.clock);
  for (const text of numbers(1, 5)) archive.store(plainLetter(orchard, juliet, text, text));
  const b = await Reception.open(world, juliet);
  await b.catchUp.run(b.connect(archive));
  expect(b.events.filter(({ kind }) => kind !== "catch-up")).toEqual([{ kind: "history-unreadable", before: world.clock.now() }]);
  expect(archive.queries).toEqual([{ before: "", max: 1 }]);
  expect(await b.texts()).toEqual([]);
  archive.store(plainLetter(orchard, juliet, "6", "6"));
  await b.catchUp.run(b.connect(archive));
  expect(await b.texts()).toEqual(["6"]);
});

test("an archive that was empty at first is read from its beginning later", async () => {
  const { b, archive } = await scene();
  archive.store(plainLetter(orchard, juliet, "1", "1"));
  await b.catchUp.run(b.connect(archive));
  expect(await b.texts()).toEqual(["1"]);
  expect(b.events.filter(({ kind }) => kind === "history-unreadable")).toEqual([]);
});

test("where the archive has lost our place it is read from the time before it, nothing twice, and the gap is told", async () => {
  const { world, a, b, archive } = await scene();
  await write(a, archive, "1", "2");
  await b.catchUp.run(b.connect(archive));
  const left = world.clock.now();
  world.clock.time += 60_000;
  archive.store(plainLetter(orchard, juliet, "3", "3"));
  archive.messages.splice(1, 1); // the message that our cursor names
  await b.catchUp.run(b.connect(archive));
  expect(await b.texts()).toEqual(["1", "2", "3"]);
  expect(archive.queries.at(-1)?.start).toBe(left - gapMarginMs);
  expect(b.events).toContainEqual({ kind: "gap", from: left, until: left });
});

test("an archive that fails is asked again while the stream lives; then nothing is lost, and the order stays", async () => {
  const clock = new TickingClock();
  const { a, b, archive } = await scene();
  Object.assign(b.clock, { schedule: clock.schedule.bind(clock) });
  await write(a, archive, "1");
  let failures = 2;
  archive.beforeAnswer = () => { if (failures-- > 0) throw new TransportError("ERR_IQ_TIMEOUT", "scripted", { retryable: true }); };
  const turning = setInterval(() => { clock.advance(60_000); }, 1);
  try {
    await b.catchUp.run(b.connect(archive));
    expect(await b.texts()).toEqual(["1"]);
    failures = Infinity;
    await write(a, archive, "2");
    const live = b.connect(archive);
    b.accept(plainLetter(mercutio, juliet, "x", "live"), live);
    await expect(b.catchUp.run(live)).rejects.toMatchObject({ code: "ERR_IQ_TIMEOUT" });
    await b.receiver.settled();
    expect(b.released).toEqual([]); // not acknowledged: it comes again
    failures = 0;
    const next = b.connect(archive);
    b.accept(plainLetter(mercutio, juliet, "x", "live"), next);
    await b.catchUp.run(next);
    expect(await b.texts()).toEqual(["1", "2", "live"]);
  } finally {
    clearInterval(turning);
  }
});

test.each([
  ["trouble of the server's own, which Prosody tells as final", "internal-server-error", 3, true],
  ["what a server means", "bad-request", 1, false],
])("N19 %s: asked again while the stream lives, and the next connection asks again, if it may pass", async (_what, condition, times, retryable) => {
  const clock = new TickingClock();
  const { b, archive } = await scene();
  Object.assign(b.clock, { schedule: clock.schedule.bind(clock) });
  archive.store(plainLetter(orchard, juliet, "1", "1"));
  const error = xml("jabber:client", "error", { type: "cancel" }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", condition));
  archive.beforeAnswer = () => { throw stanzaError(xml("jabber:client", "iq", { type: "error", id: "1" }, error)); };
  const turning = setInterval(() => { clock.advance(60_000); }, 1);
  try {
    await expect(b.catchUp.run(b.connect(archive))).rejects.toMatchObject({ code: "ERR_STANZA_ERROR", retryable, details: { condition, type: "cancel" } });
    expect(archive.queries).toHaveLength(times);
  } finally {
    clearInterval(turning);
  }
});

test("where the archive has lost a place that it gave no time for, it goes on at the archive's end, and the gap is told", async () => {
  const world = new World();
  const disk = memoryDisk();
  disk.rows.set(storeKey("client/archive"), encodeJson({ id: "gone" }));
  const b = await Reception.open(world, juliet, { disk });
  const archive = new ServerArchive(juliet, world.clock);
  archive.store(plainLetter(orchard, juliet, "1", "1"));
  await b.catchUp.run(b.connect(archive));
  expect(b.events.filter(({ kind }) => kind !== "catch-up")).toEqual([{ kind: "gap", from: 0, until: world.clock.now() }]);
  archive.store(plainLetter(orchard, juliet, "2", "2"));
  await b.catchUp.run(b.connect(archive));
  expect(await b.texts()).toEqual(["2"]);
});

test("where the archive loses the place while it is read, it goes on from the last page, not from the first", async () => {
  const { world, b, archive } = await scene();
  for (const text of numbers(1, 3)) {
    world.clock.time += 2 * gapMarginMs;
    archive.store(plainLetter(orchard, juliet, text, text));
  }
  archive.pageMax = 2;
  const reached = archive.messages[1]?.stamp ?? 0;
  archive.beforeAnswer = ({ after }) => { if (after === "a000002") throw itemNotFound(); };
  await b.catchUp.run(b.connect(archive));
  expect(await b.texts()).toEqual(numbers(1, 3));
  expect(b.events).toContainEqual({ kind: "gap", from: reached, until: reached });
});

test.each(["client/sid/a000002", "client/taken/a000002"])("D13 one damaged row %s keeps nobody out but the message that it is about", async (damaged) => {
  const world = new World();
  const archive = new ServerArchive(juliet, world.clock);
  const b = await Reception.open(world, juliet, { store: (inner) => {
    const getMany = inner.getMany.bind(inner);
    inner.getMany = (keys) => (keys.includes(storeKey(damaged)) ? Promise.reject(new StorageError("ERR_STORE_CORRUPT", "scripted")) : getMany(keys));
    return inner;
  } });
  await b.catchUp.run(b.connect(archive));
  for (const text of numbers(1, 3)) archive.store(plainLetter(orchard, juliet, text, text));
  await b.catchUp.run(b.connect(archive));
  expect(await b.texts()).toEqual(["1", "ERR_STORE_CORRUPT", "3"]);
  expect(b.cursor.place?.id).toBe("a000003");
});

test("D13 a store that fails as a whole while a page is read ahead ends the catch-up", async () => {
  const { b, archive } = await scene();
  archive.store(plainLetter(orchard, juliet, "1", "1"));
  const getMany = b.store.getMany.bind(b.store);
  b.store.getMany = () => {
    b.store.getMany = getMany;
    return Promise.reject(new StorageError("ERR_STORE_FAILED", "scripted"));
  };
  await expect(b.catchUp.run(b.connect(archive))).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
});

test("F06 F04 archived messages that do not concern the account, or are wrappers, are left out and passed by", async () => {
  const { b, archive } = await scene();
  archive.store(plainLetter(mercutio, romeo, "1", "of others"));
  archive.store(plainLetter(mercutio, juliet, "2", "ours"));
  const wrapper = carbon("received", juliet, juliet, plainLetter(mercutio, juliet, "x", "wrapped"));
  archive.store({ ...wrapper, children: [...wrapper.children, ...plainLetter(undefined, juliet, "y", "beside it").children] });
  await b.catchUp.run(b.connect(archive));
  expect(await b.texts()).toEqual(["ours"]);
  await b.catchUp.run(b.connect(archive));
  expect(archive.queries.at(-1)?.after).toBe("a000003");
});

test("Q06 L03 a message that goes ahead of those that wait does not make them count as received", async () => {
  const { b, archive } = await scene();
  const live = b.connect(archive);
  for (const text of numbers(1, heldStanzasMax)) b.accept(plainLetter(orchard, juliet, text, text), live);
  b.accept(plainLetter(orchard, juliet, "ahead", "ahead"), live);
  await b.receiver.settled();
  expect(await b.texts()).toEqual(["ahead"]);
  expect(b.released).toEqual([heldStanzasMax + 1]);
  expect(b.disk.rows.has("test/inbound" as never)).toBe(false);
});

test("L03 more live messages than may wait are left to the archive, which is read once more; nothing is lost or doubled", async () => {
  const { b, archive } = await scene();
  archive.store(plainLetter(orchard, juliet, "0", "0"));
  const live = b.connect(archive);
  let flooded = false;
  archive.beforeAnswer = () => {
    if (flooded) return;
    flooded = true;
    for (const text of numbers(1, heldStanzasMax + 5)) b.accept(archive.store(plainLetter(orchard, juliet, text, text)), live);
    b.accept(plainLetter(orchard, juliet, "not archived", "not archived"), live);
    archive.messages.splice(1); // the answer was made before they came
  };
  const all = archive.messages;
  const kept: typeof archive.messages = [];
  const store = archive.store.bind(archive);
  archive.store = (stanza) => { const stored = store(stanza); kept.push(all.at(-1)!); return stored; };
  const running = b.catchUp.run(live);
  const { query } = archive;
  archive.query = async (asked) => { const page = await query(asked); if (archive.queries.length === 1) all.push(...kept); return page; };
  await running;
  const texts = await b.log.page({ limit: 1_000 });
  const rest = await b.log.page({ limit: 1_000, after: texts.at(-1)!.position });
  expect([...texts, ...rest].map(({ text }) => text).sort()).toEqual([...numbers(0, heldStanzasMax + 5), "not archived"].sort());
  expect(new Set(b.released).size).toBe(heldStanzasMax + 6);
});

test("the archive is read up in passing when much has come live, so that the next connection need not", async () => {
  const { b, archive } = await scene();
  const live = b.connect(archive);
  await b.catchUp.run(live);
  for (const text of numbers(1, liveUnreadMax)) await b.take(archive.store(plainLetter(orchard, juliet, text, text)), live);
  await expect.poll(() => b.cursor.place?.id).toBe(archive.messages.at(-1)?.id);
  expect((await b.log.page({ limit: 1_000 })).length).toBe(liveUnreadMax);
});

test("Q16 a connection that comes while the archive is read in passing waits for that to end: two at a time would move the cursor to and fro", async () => {
  const { b, archive } = await scene();
  const live = b.connect(archive);
  await b.catchUp.run(live);
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => { goOn = resolve; });
  archive.beforeAnswer = () => held;
  for (const text of numbers(1, liveUnreadMax)) await b.take(archive.store(plainLetter(orchard, juliet, text, text)), live);
  await expect.poll(() => archive.queries.length).toBeGreaterThan(1); // in passing
  const asked = archive.queries.length;
  const next = b.catchUp.run(b.connect(archive));
  await b.receiver.settled();
  for (let turns = 0; turns < 50; turns++) await Promise.resolve();
  expect(archive.queries.length).toBe(asked);
  goOn();
  await next;
  expect(b.cursor.place?.id).toBe(archive.messages.at(-1)?.id);
});

test("R13 heartbeats and answers wait for the end of the catch-up, and each device gets one", async () => {
  const { a, b, archive } = await scene();
  await b.ledger.run((tx) => { b.log.append(tx, { id: "o", conversation: romeo, from: juliet, direction: "sent", text: "hi", receivedAt: 0, security: { level: "own" }, delivery: { state: "sent", archived: false } }); });
  const asked = await Reception.open(new World(), romeo); // only to have a second, unrelated device
  expect(asked.followUps).toEqual([]);
  await write(a, archive, ...numbers(1, 30));
  archive.pageMax = 10;
  const during: number[] = [];
  archive.beforeAnswer = () => { during.push(b.followUps.length); };
  await b.catchUp.run(b.connect(archive));
  expect(during).toEqual([0, 0, 0]);
  const devices = b.followUps.flatMap((each) => (each.kind === "send-empty" ? [each.device.deviceId] : []));
  expect(devices.length).toBe(new Set(devices).size);
  expect(b.followUps.filter(({ kind }) => kind === "republish-bundle")).toHaveLength(1);
});

test("R23 the private half of a used prekey stays until catch-up is complete and the server shows it no more: a second message of the same exchange is read", async () => {
  const { a, b, archive } = await scene();
  const used = (): number => [...b.disk.rows.entries()].filter(([key]) => key.startsWith("omemo/2/prekey/")).length;
  const full = used();
  await write(a, archive, "1", "2", "3");
  archive.pageMax = 1;
  const counts: number[] = [];
  let fail = true;
  archive.beforeAnswer = (query) => {
    counts.push(used());
    if (query.after === "a000002" && fail) throw new TransportError("ERR_STANZA_ERROR", "scripted", { details: { condition: "bad-request" } });
  };
  await expect(b.catchUp.run(b.connect(archive))).rejects.toMatchObject({ code: "ERR_STANZA_ERROR" });
  expect(used()).toBe(full); // not complete: nothing is deleted
  fail = false;
  await b.catchUp.run(b.connect(archive));
  expect(counts.every((count) => count === full)).toBe(true);
  expect(await b.texts()).toEqual(["1", "2", "3"]);
  expect(used()).toBe(full); // the server shows it still
  await b.omemo.announce();
  expect(used()).toBe(full + 1); // one in its place
  await b.catchUp.run(b.connect(archive));
  expect(used()).toBe(full);
});

test("R21 a message of this very device that its outbox does not know is told once, before the end; known ones are marked", async () => {
  const { world, b, archive } = await scene();
  await world.device(romeo);
  const send = async (id: string): Promise<void> => {
    const plan = await b.omemo.prepare([romeo]);
    const outcome = await b.ledger.run((tx) => b.omemo.seal(tx, plan, [], { to: romeo }));
    if (outcome.kind === "sealed") archive.store(sealedLetter(`${juliet}/balcony`, romeo, id, outcome.message));
  };
  await send("known");
  b.known.add("known");
  await b.catchUp.run(b.connect(archive));
  expect([b.rollbacks, b.found]).toEqual([0, ["known"]]);
  await send("lost");
  await send("lost too");
  archive.pageMax = 1;
  await b.catchUp.run(b.connect(archive));
  expect(b.rollbacks).toBe(1);
  // Behind the cursor everything was accounted for, and may be forgotten: reading it again proves nothing.
  b.known.clear();
  world.clock.time += 1_000;
  archive.messages.splice(-1);
  await b.catchUp.run(b.connect(archive));
  expect(b.rollbacks).toBe(1);
});

test("L02 an archive whose pages lead in a circle is not followed for ever: the connection ends, and may be tried again", async () => {
  const { a, b, archive } = await scene();
  await write(a, archive, ...numbers(1, 3));
  const page = archive.query;
  archive.query = async (query) => {
    if (archive.queries.length > 100) throw new Error("followed for ever");
    return { ...await page({ max: 1 }), complete: false, last: query.after === "one" ? "two" : "one" };
  };
  await expect(b.catchUp.run(b.connect(archive))).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL", retryable: true });
  expect(await b.texts()).toEqual(["1"]);
});

test("V03 receipts of a page are one message per peer, in the commit of the page", async () => {
  const { b, archive } = await scene();
  for (const peer of [romeo, mercutio]) {
    await b.ledger.run((tx) => { b.log.append(tx, { id: peer, conversation: peer, from: juliet, direction: "sent", text: "hi", receivedAt: 0, security: { level: "own" }, delivery: { state: "sent", archived: false } }); });
    for (const id of numbers(1, 3)) archive.store(plainLetter(peer, juliet, id, id, receiptRequest()));
  }
  await b.catchUp.run(b.connect(archive));
  const receipts = numbers(1, 3).map((id) => `<received xmlns="urn:xmpp:receipts" id="${id}"/>`).join("");
  expect(b.notified).toEqual([`none receipt ${romeo}: ${receipts}`, `none receipt ${mercutio}: ${receipts}`]);
});

test("an account that is kept from its archive goes on without, and is told", async () => {
  const { b, archive } = await scene();
  archive.beforeAnswer = () => { throw new TransportError("ERR_STANZA_ERROR", "scripted", { details: { condition: "forbidden" } }); };
  const live = b.connect(archive);
  b.accept(plainLetter(orchard, juliet, "1", "1"), live);
  expect(await b.catchUp.run(live)).toBe(false);
  expect(await b.texts()).toEqual(["1"]);
  expect(b.events).toContainEqual(expect.objectContaining({ kind: "error" }));
});

test("without an archive what comes live is taken in as it comes", async () => {
  const { b, archive } = await scene();
  archive.available = false;
  const live: Connection = b.connect(archive);
  b.accept(plainLetter(orchard, juliet, "1", "waits"), live);
  expect(await b.catchUp.run(live)).toBe(false);
  await b.take(plainLetter(orchard, juliet, "2", "goes on"), live);
  expect(await b.texts()).toEqual(["waits", "goes on"]);
});

test("a stream that is continued by the same process waits for nothing", async () => {
  const { b, archive } = await scene();
  await b.take(plainLetter(orchard, juliet, "1", "at once"), b.connect(archive, true));
  expect(await b.texts()).toEqual(["at once"]);
});
