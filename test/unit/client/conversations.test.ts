/** The list of conversations: made from the log's index, and always what a new one would be. */
import { expect, test } from "vitest";
import { bareJid, type BareJid } from "../../../src/base/jid.js";
import { conversationsShownDefault, conversationsShownMax, unreadMax } from "../../../src/base/limits.js";
import { createClient } from "../../../src/client/create-client.js";
import { Conversations, type ConversationsSnapshot } from "../../../src/client/log/conversations.js";
import type { LogDraft } from "../../../src/client/log/message-record.js";
import { deleteBefore, deleteConversation } from "../../../src/client/log/retention.js";
import { decodeReadPlace, encodeReadPlace } from "../../../src/client/log/read-place.js";
import { removeMessage } from "../../../src/client/log/removal.js";
import type { Store } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../../src/storage/memory.js";
import { append, type LogWorld, openLog, received, sent } from "../../support/log-world.js";
import { juliet, mercutio, romeo, World } from "../../support/omemo-world.js";
import { plainLetter, Reception, ServerArchive } from "../../support/reception.js";

interface Scene extends LogWorld { readonly list: Conversations; readonly errors: unknown[] }

async function scene(disk?: MemoryDisk, wrap?: (inner: Store) => Store): Promise<Scene> {
  const world = await openLog(disk, wrap);
  const errors: unknown[] = [];
  return { ...world, errors, list: await Conversations.open(world.log, world.ledger, (error) => { errors.push(error); }) };
}

const read = ({ ledger, log }: LogWorld, conversation: BareJid, position: number): Promise<void> =>
  ledger.run((tx) => { log.writeRead(tx, conversation, { conversation, position }); });

/** `NAME: LAST UNREAD` of each. */
const lines = ({ conversations }: ConversationsSnapshot): readonly string[] => conversations.map(({ jid, last, unread }) => `${jid.split("@")[0] ?? ""}: ${last.text} ${unread}`);

/** Waits until the list has caught up with the log. */
async function settled(list: Conversations): Promise<ConversationsSnapshot> {
  await list.show(1);
  return list.getSnapshot();
}

test("the conversation with the newest message comes first; received messages behind the read position are unread; a restart changes nothing", async () => {
  const { list, ...world } = await scene();
  expect(list.getSnapshot()).toEqual({ conversations: [], total: 0, unread: 0 });
  const told: (readonly string[])[] = [];
  list.subscribe(() => { told.push(lines(list.getSnapshot())); });
  await append(world, received("1"), received("2"), received("m1", mercutio));
  await append(world, sent("3"));
  expect(lines(list.getSnapshot())).toEqual(["romeo: 3 2", "mercutio: m1 1"]);
  await read(world, romeo, 1);
  await append(world, received("m2", mercutio), received("m3", mercutio, { unreadable: "not-for-this-device" }), received("m4", mercutio, { direction: "sent", from: juliet }));
  expect(lines(list.getSnapshot())).toEqual(["mercutio: m4 2", "romeo: 3 1"]); // what cannot be read, and what we wrote elsewhere, is not unread
  expect(list.getSnapshot()).toMatchObject({ total: 2, unread: 3, conversations: [{ jid: mercutio }, { jid: romeo, readUpTo: 1, last: { position: 4 } }] });
  const before = list.getSnapshot();
  expect(list.getSnapshot()).toBe(before);
  expect((await scene(world.disk)).list.getSnapshot()).toEqual(before);
  expect(told).toEqual([["mercutio: m1 1", "romeo: 2 2"], ["romeo: 3 2", "mercutio: m1 1"], ["romeo: 3 1", "mercutio: m1 1"], lines(before)]);
});

test("what did not change stays the same object", async () => {
  const { list, ...world } = await scene();
  await append(world, received("1"), received("m1", mercutio));
  const [, one] = list.getSnapshot().conversations;
  await append(world, received("m2", mercutio));
  expect(list.getSnapshot().conversations[1]).toBe(one);
});

test("reading moves the number also from the middle; a position that is forgotten with its conversation is gone", async () => {
  const { list, ...world } = await scene();
  await append(world, ...["1", "2", "3", "4"].map((text) => received(text)));
  await read(world, romeo, 3);
  expect(lines(list.getSnapshot())).toEqual(["romeo: 4 1"]);
  await read(world, mercutio, 9); // of a conversation without messages
  await append(world, received("5", mercutio));
  expect(lines(list.getSnapshot())).toEqual(["mercutio: 5 0", "romeo: 4 1"]);
  await append(world, sent("not gone yet", romeo, "stored"));
  await deleteConversation(world.ledger, world.log, romeo);
  expect((await settled(list)).conversations[0]).toEqual({ jid: romeo, last: expect.objectContaining({ text: "not gone yet" }) as unknown, unread: 0 });
});

test("a state of the last message is shown, one of an older message changes nothing", async () => {
  const { list, ...world } = await scene();
  await append(world, sent("1"), sent("2"));
  const delivered = (id: string): Promise<unknown> => world.ledger.run((tx) =>
    world.log.updateSent(tx, id, (message) => ({ ...message, delivery: { state: "delivered", archived: false } })));
  await delivered("2");
  expect(list.getSnapshot().conversations[0]?.last.delivery?.state).toBe("delivered");
  const [same] = list.getSnapshot().conversations;
  await delivered("1");
  expect(list.getSnapshot().conversations[0]).toBe(same);
});

test("deleted messages make room for the one before them, and a conversation without messages is none", async () => {
  const { list, ...world } = await scene();
  await append(world, received("1", romeo, { receivedAt: 1 }), received("m", mercutio, { receivedAt: 2 }), received("2", romeo, { receivedAt: 3 }));
  await world.ledger.run(async (tx) => { removeMessage(tx, world.log, (await world.log.record(tx, 3))!); });
  expect(lines(await settled(list))).toEqual(["mercutio: m 1", "romeo: 1 1"]);
  expect(await deleteBefore(world.ledger, world.log, 2)).toBe(1);
  expect(await settled(list)).toMatchObject({ total: 1, unread: 1 });
  await deleteConversation(world.ledger, world.log, mercutio);
  expect(await settled(list)).toEqual({ conversations: [], total: 0, unread: 0 });
  await append(world, received("again", mercutio));
  expect(lines(list.getSnapshot())).toEqual(["mercutio: again 1"]);
});

test("history from before this device makes a conversation, behind the others and with nothing unread", async () => {
  const { list, ...world } = await scene();
  await append(world, received("new", mercutio));
  await world.ledger.run((tx) => { for (const text of ["b", "a"]) world.log.prepend(tx, received(text)); });
  expect(lines(list.getSnapshot())).toEqual(["mercutio: new 1", "romeo: b 0"]);
  await read(world, romeo, -1); // another device has read that far
  expect(list.getSnapshot().conversations[1]).toMatchObject({ unread: 0, readUpTo: -1 });
});

test("H06 the list holds as many as are asked for, and the start touches no other bodies; more on demand", async () => {
  const disk = memoryDisk();
  const many = 1_100;
  const jids = Array.from({ length: many }, (_, i) => bareJid(`person${i}@example.org`));
  await append(await openLog(disk), ...jids.flatMap((jid) => [received("old", jid), sent("newer", jid)]));
  let bodies = 0;
  const { list, ...world } = await scene(disk, (inner) => ({
    ...bound(inner),
    list: (range) => {
      expect(range.prefix).not.toContain("client/log/");
      return inner.list(range);
    },
    getMany: (keys) => {
      bodies += keys.filter((key) => key.startsWith("client/log/")).length;
      return inner.getMany(keys);
    },
  }));
  expect([bodies, list.getSnapshot().conversations.length, list.getSnapshot().total, list.getSnapshot().unread]).toEqual([conversationsShownDefault, conversationsShownDefault, many, many]);
  await list.show(150);
  expect([bodies, list.getSnapshot().conversations.length]).toEqual([150, 150]);
  await list.show(10);
  expect(list.getSnapshot().conversations.length).toBe(150);
  await list.show(Infinity);
  expect(list.getSnapshot().conversations.length).toBe(conversationsShownMax);
  await list.show(Number.NaN);
  await append(world, received("from behind", jids[0]));
  expect(list.getSnapshot().conversations[0]).toMatchObject({ jid: jids[0], unread: 2, last: { text: "from behind" } });
});

test("a conversation that moves up into the list is shown with its message", async () => {
  const { list, ...world } = await scene();
  const jids = Array.from({ length: conversationsShownDefault + 1 }, (_, i) => bareJid(`person${i}@example.org`));
  await append(world, ...jids.map((jid) => received("hello", jid)));
  expect(list.getSnapshot().conversations.at(-1)?.jid).toBe(jids[1]);
  await deleteConversation(world.ledger, world.log, jids[50] as BareJid);
  expect((await settled(list)).conversations.at(-1)).toMatchObject({ jid: jids[0], last: { text: "hello" }, unread: 1 });
});

test("H06 999 stands for more, and is exact as soon as there are fewer, whichever are read or deleted", async () => {
  const { list, ...world } = await scene();
  await append(world, ...Array.from({ length: unreadMax + 5 }, (_, i) => received(String(i))));
  expect(list.getSnapshot()).toMatchObject({ unread: unreadMax, conversations: [{ unread: unreadMax }] });
  const remove = (position: number): Promise<void> => world.ledger.run(async (tx) => { removeMessage(tx, world.log, (await world.log.record(tx, position))!); });
  await remove(500);
  expect((await settled(list)).unread).toBe(unreadMax); // four are left that were not counted before
  for (const position of [501, 502, 503, 504]) await remove(position);
  expect((await settled(list)).unread).toBe(unreadMax);
  await remove(505);
  expect((await settled(list)).unread).toBe(unreadMax - 1);
  await read(world, romeo, unreadMax + 3);
  expect((await settled(list)).unread).toBe(2);
});

test("the catch-up sorts the list anew, and a read position of another device counts", async () => {
  const world = new World();
  const b = await Reception.open(world, juliet, { isContact: () => true });
  const archive = new ServerArchive(juliet, world.clock);
  await b.catchUp.run(b.connect(archive));
  const list = await Conversations.open(b.log, b.ledger, () => undefined);
  for (const [from, id] of [[romeo, "1"], [mercutio, "m"], [romeo, "2"]] as const) archive.store(plainLetter(from, juliet, id, id));
  const changes: string[][] = [];
  list.subscribe(() => { changes.push([...lines(list.getSnapshot())]); });
  await b.catchUp.run(b.connect(archive));
  expect(changes).toEqual([["romeo: 2 2", "mercutio: m 1"]]); // a page is one change
  archive.store(plainLetter(mercutio, juliet, "m2", "m2"));
  await b.catchUp.run(b.connect(archive));
  expect(lines(list.getSnapshot())).toEqual(["mercutio: m2 2", "romeo: 2 2"]);
});

test("what happens while the index is read is not missed, and not counted twice", async () => {
  const disk = memoryDisk();
  const former = await openLog(disk);
  await append(former, received("1"), received("2"), received("m", mercutio));
  const happens: (() => Promise<unknown>)[] = [];
  const world = await openLog(disk, (inner) => ({
    ...bound(inner),
    list: async (range) => {
      if (!range.prefix.startsWith("client/timeline/")) return inner.list(range);
      await happens.shift()?.();
      const rows = await inner.list(range);
      await happens.shift()?.();
      return rows;
    },
  }));
  happens.push(
    () => append(world, received("3"), received("4")), // the index has them, and they are told
    async () => {
      await append(world, sent("5", mercutio), received("6")); // the index had been read
      await world.ledger.run(async (tx) => { removeMessage(tx, world.log, (await world.log.record(tx, 5))!); });
    },
  );
  const list = await Conversations.open(world.log, world.ledger, () => undefined);
  expect(lines(await settled(list))).toEqual(["romeo: 6 4", "mercutio: 5 1"]);
});

test("what happens while a removed message's forerunner is looked for counts as well", async () => {
  const disk = memoryDisk();
  await append(await openLog(disk), ...["1", "2", "3", "4"].map((text) => received(text)));
  const happens: (() => Promise<unknown>)[] = [];
  const { list, ...world } = await scene(disk, (inner) => ({
    ...bound(inner),
    list: async (range) => {
      const rows = await inner.list(range);
      if (range.reverse === true) await happens.shift()?.();
      return rows;
    },
  }));
  const remove = (position: number): Promise<void> => world.ledger.run(async (tx) => { removeMessage(tx, world.log, (await world.log.record(tx, position))!); });
  happens.push(() => remove(3));
  await remove(4);
  expect(lines(await settled(list))).toEqual(["romeo: 2 2"]);
  happens.push(() => append(world, received("5")));
  await remove(2);
  expect(lines(await settled(list))).toEqual(["romeo: 5 2"]);
});

test("a store that fails: the start says so, a later failure is told and made good by the next change", async () => {
  let failing = true;
  const flaky = (inner: Store): Store => ({
    ...bound(inner), list: async (range) => {
      if (failing && range.reverse !== true && range.after === undefined) throw new StorageError("ERR_STORE_FAILED", "no");
      if (failing) throw new StorageError("ERR_STORE_FAILED", "neither");
      return inner.list(range);
    },
  });
  failing = false;
  const world = await openLog(undefined, flaky);
  await append(world, received("1"), received("2"));
  failing = true;
  const errors: unknown[] = [];
  await expect(Conversations.open(world.log, world.ledger, () => undefined)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  failing = false;
  const list = await Conversations.open(world.log, world.ledger, (error) => { errors.push(error); });
  const record = await world.ledger.read((tx) => world.log.record(tx, 2));
  failing = true;
  await world.ledger.run((tx) => { removeMessage(tx, world.log, record!); });
  await expect(list.show(1)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  expect(errors).toMatchObject([{ code: "ERR_STORE_FAILED" }]);
  expect(lines(list.getSnapshot())).toEqual(["romeo: 2 2"]); // as it was
  failing = false;
  await append(world, received("m", mercutio));
  expect(lines(await settled(list))).toEqual(["mercutio: m 1", "romeo: 1 1"]);
});

test("whatever happens in whatever order, the list is what a new one would be", async () => {
  const seed = Math.trunc(performance.now() * 1_000) % 1_000_000;
  let state = seed;
  const below = (n: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.trunc(state / 65_536) % n;
  };
  const { list, ...world } = await scene();
  const people = Array.from({ length: 6 }, (_, i) => bareJid(`person${i}@example.org`));
  const removeAt = (position: number): Promise<void> => world.ledger.run(async (tx) => {
    const record = await world.log.record(tx, position);
    if (record !== undefined) removeMessage(tx, world.log, record);
  });
  const forward = (conversation: BareJid, position: number): Promise<void> => world.ledger.run(async (tx) => { // as ReadState does
    const row = await tx.get(world.log.keys.readPosition(conversation));
    if (row === undefined || decodeReadPlace(row).position < position) world.log.writeRead(tx, conversation, { conversation, position });
  });
  for (let step = 0; step < 200; step++) {
    const jid = people[below(people.length)] as BareJid;
    const drafts: readonly LogDraft[] = [received(`r${step}`, jid), sent(`s${step}`, jid), received(`u${step}`, jid, { unreadable: "x" })];
    const acts: readonly (() => Promise<unknown>)[] = [
      () => append(world, drafts[0] as LogDraft), () => append(world, drafts[1] as LogDraft, drafts[0] as LogDraft), () => append(world, drafts[2] as LogDraft),
      () => world.ledger.run((tx) => world.log.prepend(tx, received(`p${step}`, jid))),
      () => removeAt(world.log.last - below(4)), () => removeAt(1 + below(world.log.last + 1)),
      () => forward(jid, world.log.last - below(6)),
      () => (below(8) === 0 ? deleteConversation(world.ledger, world.log, jid) : Promise.resolve()),
    ];
    const waiting = Array.from({ length: 1 + below(3) }, () => (acts[below(acts.length)] as () => Promise<unknown>)());
    if (below(2) === 0) list.getSnapshot();
    await Promise.all(waiting);
    if (below(3) !== 0) continue;
    const fresh = await Conversations.open(world.log, world.ledger, () => undefined);
    expect(await settled(list), `seed ${seed}, step ${step}`).toEqual(fresh.getSnapshot());
  }
});

test("the client gives everybody the same list, made anew after a failure, none once it is closed", async () => {
  const store = memoryStore();
  let failing = false;
  const client = await createClient({
    account: juliet, password: "secret", service: "wss://example.org/ws", autoConnect: false,
    store: { ...bound(store), list: async (range) => {
      if (failing) throw new StorageError("ERR_STORE_FAILED", "no");
      return store.list(range);
    } },
  });
  failing = true;
  await expect(client.conversations()).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  failing = false;
  const list = await client.conversations();
  expect(await client.conversations()).toBe(list);
  await client.conversation(romeo).send({ text: "Good morrow" }).reached("stored");
  expect(list.getSnapshot()).toMatchObject({ total: 1, unread: 0, conversations: [{ jid: romeo, last: { text: "Good morrow", delivery: { state: "stored" } } }] });
  await client.close();
  await expect(client.conversations()).rejects.toMatchObject({ code: "ERR_CLOSED" });
});

test("a read position that an older version of the client stored is understood", async () => {
  const disk = memoryDisk();
  const former = await openLog(disk);
  await append(former, received("1"), received("2"));
  await former.ledger.run((tx) => { tx.put(former.log.keys.readPosition(romeo), encodeReadPlace({ conversation: romeo, position: 1, unpublished: "s" })); });
  expect((await scene(disk)).list.getSnapshot().conversations[0]).toMatchObject({ unread: 1, readUpTo: 1 });
});

/** The methods of a store, for one with others in their place. */
function bound(inner: Store): Store {
  return {
    acquire: () => inner.acquire(), owns: (fence) => inner.owns(fence), get: (key) => inner.get(key), getMany: (keys) => inner.getMany(keys),
    list: (range) => inner.list(range), commit: (changes, fence) => inner.commit(changes, fence), close: () => inner.close(), destroy: () => inner.destroy(),
  };
}
