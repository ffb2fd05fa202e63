import { expect, test } from "vitest";
import type { LogChange } from "../../../src/client/log/message-log.js";
import { deleteBefore, deleteConversation } from "../../../src/client/log/retention.js";
import { encodeBackfill, localPage } from "../../../src/client/log/backfill.js";
import { createTimeline, type PageReader, type TimelinePages } from "../../../src/client/log/timeline.js";
import { readContent } from "../../../src/client/receive/content.js";
import { takeEvidence } from "../../../src/client/receive/evidence.js";
import { encodeReceipt } from "../../../src/transport/xep/xep0184.js";
import { encodeDisplayed } from "../../../src/transport/xep/xep0333.js";
import type { BareJid } from "../../../src/base/jid.js";
import { append, openLog, received, sent, textsOf, type LogWorld } from "../../support/log-world.js";
import { mercutio, romeo } from "../../support/omemo-world.js";

const fail = (error: unknown): void => { throw error; };

test("conversations and all of them together are paged both ways, across a restart", async () => {
  const world = await openLog();
  for (let i = 1; i <= 5; i++) await append(world, received(`r${i.toString()}`), received(`m${i.toString()}`, mercutio));
  const { log } = await openLog(world.disk);
  expect(textsOf(await log.page({ conversation: romeo, limit: 2 }))).toBe("r1 r2");
  const [second] = await log.page({ conversation: romeo, limit: 1, after: 1 });
  expect(textsOf(await log.page({ conversation: romeo, limit: 2, after: second!.position }))).toBe("r3 r4");
  expect(textsOf(await log.page({ conversation: romeo, limit: 2, reverse: true }))).toBe("r5 r4");
  expect(textsOf(await log.page({ conversation: romeo, limit: 2, reverse: true, before: second!.position }))).toBe("r1");
  expect(textsOf(await log.page({ limit: 3 }))).toBe("r1 m1 r2");
  expect(textsOf(await log.page({ limit: 3, reverse: true }))).toBe("m5 r5 m4");
});

test("positions grow, are given out once even after the newest messages were deleted, and older history lies below zero in order", async () => {
  const world = await openLog();
  const [first, second] = await append(world, received("1"), received("2"));
  expect(second!.position).toBeGreaterThan(first!.position);
  await deleteConversation(world.ledger, world.log, romeo);
  const again = await openLog(world.disk);
  const [third] = await append(again, received("3"));
  expect(third!.position).toBeGreaterThan(second!.position);
  const older = await again.ledger.run((tx) => ["c", "b", "a"].map((text) => again.log.prepend(tx, received(text))));
  expect(older.every(({ position }) => position <= 0)).toBe(true);
  const last = await openLog(world.disk);
  await last.ledger.run((tx) => last.log.prepend(tx, received("0")));
  expect(textsOf(await last.log.page({ conversation: romeo }))).toBe("0 a b c 3");
});

test("what a transaction that fails has appended is neither there nor told", async () => {
  const world = await openLog();
  const changes: LogChange[] = [];
  world.log.onChange((change) => changes.push(change));
  await expect(world.ledger.run((tx) => { world.log.append(tx, received("lost")); fail(new RangeError("x")); })).rejects.toThrow("x");
  await append(world, received("kept"));
  expect(textsOf(await world.log.page())).toBe("kept");
  expect(changes.map(({ kind, message }) => `${kind} ${message.text}`)).toEqual(["added kept"]);
});

test("D13 a row that this version did not write fails alone, and as a record", async () => {
  const errors: unknown[] = [];
  const world = await openLog(undefined, undefined, (error) => { errors.push(error); });
  await append(world, received("1"), received("2", mercutio));
  const key = [...world.disk.rows.keys()].find((each) => each.startsWith("client/log/romeo"))!;
  world.disk.rows.set(key, new TextEncoder().encode('{"v":1,"position":1}'));
  expect(await world.log.page({ conversation: romeo })).toEqual([]);
  expect(errors).toMatchObject([{ code: "ERR_RECORD_INVALID" }]);
  expect(textsOf(await world.log.page({ conversation: mercutio }))).toBe("2");
});

test("addresses and ids of any length have rows of their own", async () => {
  const world = await openLog();
  const long = [`${"é".repeat(300)}a@example.org`, `${"é".repeat(300)}b@example.org`] as BareJid[];
  const stanzaId = "%".repeat(1_000);
  await append(world, received("a", long[0], { stanzaId }), received("b", long[1]));
  expect(textsOf(await world.log.page({ conversation: long[1]! }))).toBe("b");
  expect(await world.ledger.read((tx) => world.log.hasStanzaId(tx, stanzaId))).toBe(true);
});

test("deletion by age takes everything that points to a message with it, and leaves what is still to be sent", async () => {
  const world = await openLog();
  const drafts = Array.from({ length: 120 }, (_, i) => received(i.toString(), i % 2 === 0 ? romeo : mercutio, { receivedAt: i, stanzaId: `s${i.toString()}` }));
  await append(world, ...drafts.slice(0, 60), sent("waiting", romeo, "stored", { receivedAt: 60 }), sent("gone", romeo, "sent", { receivedAt: 60 }), ...drafts.slice(60));
  expect(await deleteBefore(world.ledger, world.log, 110)).toBe(111);
  expect(textsOf(await world.log.page({ limit: 100 }))).toBe("waiting 110 111 112 113 114 115 116 117 118 119");
  const left = [...world.disk.rows.keys()].filter((key) => /client\/(timeline|sid|sent)\//.test(key));
  expect(left).toHaveLength(11 + 10 + 1);
  expect(await world.ledger.read((tx) => world.log.sent(tx, "gone"))).toBeUndefined();
});

const inLog = ({ ledger, log }: LogWorld): TimelinePages => {
  const read: PageReader = (range) => localPage(ledger, log, range);
  return { local: read, older: read };
};

test("the projection follows the end of a conversation, loads backwards, and is one object until it changes", async () => {
  const world = await openLog();
  await append(world, ...Array.from({ length: 5 }, (_, i) => received(`r${i.toString()}`)));
  const timeline = createTimeline(world.log, romeo, inLog(world), fail);
  let told = 0;
  const unsubscribe = timeline.subscribe(() => { told += 1; });
  await append(world, received("during"), received("other", mercutio));
  await expect.poll(() => timeline.getSnapshot().loading).toBe(false);
  expect(textsOf(timeline.getSnapshot().messages)).toBe("r0 r1 r2 r3 r4 during");
  const before = timeline.getSnapshot();
  told = 0;
  await append(world, received("x", mercutio));
  expect(timeline.getSnapshot()).toBe(before);
  await append(world, received("a"), sent("b"));
  await expect.poll(() => timeline.getSnapshot().messages.length).toBe(8);
  expect([textsOf(timeline.getSnapshot().messages), told]).toEqual(["r0 r1 r2 r3 r4 during a b", 1]);
  await world.ledger.run((tx) => world.log.updateSent(tx, "b", (message) => ({ ...message, delivery: { state: "delivered", archived: true } })));
  await expect.poll(() => timeline.getSnapshot().messages.at(-1)?.delivery?.state).toBe("delivered");
  await deleteBefore(world.ledger, world.log, 2_000);
  await expect.poll(() => timeline.getSnapshot().messages).toEqual([]);
  await timeline.loadOlder();
  unsubscribe();
  await append(world, received("unseen"));
  expect(timeline.getSnapshot().messages).toEqual([]);
  timeline.subscribe(() => undefined);
  await expect.poll(() => textsOf(timeline.getSnapshot().messages)).toBe("unseen");
});

test("older pages are put before what is shown, and the end is known", async () => {
  const world = await openLog();
  await append(world, ...Array.from({ length: 70 }, (_, i) => received(i.toString())));
  const timeline = createTimeline(world.log, romeo, inLog(world), fail);
  timeline.subscribe(() => undefined);
  await expect.poll(() => timeline.getSnapshot().messages.length).toBe(50);
  await timeline.loadOlder({ limit: 15 });
  expect(timeline.getSnapshot().messages[0]?.text).toBe("5");
  await Promise.all([timeline.loadOlder(), timeline.loadOlder()]);
  expect(textsOf(timeline.getSnapshot().messages)).toBe(Array.from({ length: 70 }, (_, i) => i.toString()).join(" "));
  expect(timeline.getSnapshot().complete).toBe(false); // an archive may have more
  await world.ledger.run((tx) => { tx.put(world.log.keys.backfill(romeo), encodeBackfill({ complete: true })); });
  await timeline.loadOlder();
  expect(timeline.getSnapshot().complete).toBe(true);
});

// --- F14: receipts and markers that come in

const evidence = ({ ledger, log }: LogWorld, from: BareJid, authenticated: boolean, ...elements: Parameters<typeof readContent>[0]): Promise<void> =>
  ledger.run((tx) => takeEvidence(tx, log, readContent(elements), { from, authenticated }));

const states = async ({ log }: LogWorld): Promise<readonly (string | undefined)[]> => (await log.page()).map(({ delivery }) => delivery?.state);

test("F14 F15 only the addressee moves a message, only one that can have left, and only forward", async () => {
  const world = await openLog();
  await append(world, sent("a"), sent("b", romeo, "stored"), sent("c", romeo, "failed"), sent("d", mercutio));
  await evidence(world, mercutio, true, encodeReceipt("a"), encodeReceipt("b"), encodeReceipt("c"), encodeReceipt("never sent"), encodeDisplayed("a"));
  expect(await states(world)).toEqual(["sent", "stored", "failed", "sent"]);
  await evidence(world, romeo, true, ...["a", "b", "c", "d"].map(encodeReceipt));
  expect(await states(world)).toEqual(["delivered", "stored", "failed", "sent"]);
  await evidence(world, romeo, true, encodeDisplayed("a"));
  await evidence(world, romeo, true, encodeReceipt("a"));
  expect(await states(world)).toEqual(["displayed", "stored", "failed", "sent"]);
});

test("F14 what was not inside the encryption is labelled; an authenticated receipt for the same state takes the label off", async () => {
  const world = await openLog();
  await append(world, sent("a"));
  const label = async (): Promise<unknown> => (await world.log.page())[0]?.delivery;
  await evidence(world, romeo, false, encodeReceipt("a"));
  expect(await label()).toEqual({ state: "delivered", archived: false, authenticated: false });
  await evidence(world, romeo, true, encodeReceipt("a"));
  expect(await label()).toEqual({ state: "delivered", archived: false, authenticated: true });
  await evidence(world, romeo, false, encodeReceipt("a"));
  expect(await label()).toEqual({ state: "delivered", archived: false, authenticated: true });
  await evidence(world, romeo, false, encodeDisplayed("a"));
  expect(await label()).toEqual({ state: "displayed", archived: false, authenticated: false });
});

test("F14 a marker is about the messages before it as well, not about those of others or those after it", async () => {
  const world = await openLog();
  await append(world, sent("a"), sent("b", romeo, "stored"), sent("m", mercutio), received("r"), sent("c", romeo, "delivered"), sent("d"), sent("e"));
  await evidence(world, romeo, true, encodeDisplayed("d"));
  expect(await states(world)).toEqual(["displayed", "stored", "sent", undefined, "displayed", "displayed", "sent"]);
});
