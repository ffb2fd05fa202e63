/** Receipts and markers, which others cause: gathered while they wait, and bounded apart from what the user writes. */
import { expect, test } from "vitest";
import { bareJid, type BareJid } from "../../../src/base/jid.js";
import type { XmlElement } from "../../../src/base/xml.js";
import { automaticMax, AutomaticRoom, automaticPerPeerMax, gatheredCharsMax } from "../../../src/client/outbox/automatic.js";
import { contentText, decodeEntry, joinedContent, outboxKey } from "../../../src/client/outbox/entry.js";
import { outboxEntriesMax } from "../../../src/client/outbox/slots.js";
import { windowEntriesMax } from "../../../src/client/outbox/window.js";
import { encodeReceipt } from "../../../src/transport/xep/xep0184.js";
import { encodeDisplayed } from "../../../src/transport/xep/xep0333.js";
import { body, juliet, mercutio, type OutboxRun, OutboxWorld, quiet } from "../../support/outbox-world.js";

const unreachable = { kind: "no-device", retryable: true, report: [] } as const;

const notify = (run: OutboxRun, content: XmlElement, purpose: "receipt" | "marker" = "receipt", to: BareJid = juliet, protection: "omemo" | "none" = "omemo"): Promise<void> =>
  run.ledger.run((tx) => run.sender.intake.notify(tx, to, [content], { purpose, protection }));

/** What waits for its turn, as stored. */
const stored = (world: OutboxWorld): string[] =>
  [...world.disk.rows].filter(([key]) => key.startsWith("client/outbox/")).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => decodeEntry(row).content ?? "sealed");

const idsIn = (text: string): string[] => [...text.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id ?? "");

test("Q15 L02 ten thousand messages of a contact who can get no receipts take nothing of the room for what the user writes, also after a restart", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  world.omemo.outcome = unreachable;
  run.sender.attach(world.fresh().connection);
  for (let i = 0; i < outboxEntriesMax; i += 500) await Promise.all(Array.from({ length: 500 }, (_, j) => notify(run, encodeReceipt(`message-${i + j}`))));
  const rows = stored(world);
  expect(rows.length).toBeLessThan(outboxEntriesMax / 50);
  expect(rows.flatMap(idsIn)).toEqual(Array.from({ length: outboxEntriesMax }, (_, i) => `message-${i}`));
  expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(gatheredCharsMax);
  expect(run.sender.waiting).toBe(rows.length);
  await run.sender.intake.accept(mercutio, [body("x")]).reached("stored");
  const again = await world.run();
  const handles = Array.from({ length: outboxEntriesMax - 1 }, () => again.sender.intake.accept(mercutio, [body("x")]));
  await handles.at(-1)?.reached("stored");
  const more = again.sender.intake.accept(mercutio, [body("x")]);
  await expect(more.reached("stored")).rejects.toMatchObject({ code: "ERR_OUTBOX_FULL", details: { waiting: outboxEntriesMax } });
  await notify(again, encodeReceipt("also now"), "receipt", mercutio);
  expect(again.sender.waiting).toBe(rows.length + outboxEntriesMax + 1);
});

test("Q15 an outbox that an earlier version has filled with receipts has room for the user's messages", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  for (let i = 0; i < 100; i++) await notify(run, encodeReceipt(`${i}`));
  const row = world.disk.rows.get(outboxKey(1));
  for (let seq = 2; seq <= outboxEntriesMax; seq++) {
    const text = new TextDecoder().decode(row).replace('"seq":1', `"seq":${seq}`).replace(/"id":"[^"]*"/, `"id":"old-${seq}"`);
    world.disk.rows.set(outboxKey(seq), new TextEncoder().encode(text));
  }
  const again = await world.run();
  expect(again.sender.waiting).toBe(outboxEntriesMax);
  await again.sender.intake.accept(mercutio, [body("words")]).reached("stored");
  await notify(again, encodeReceipt("one more")); // goes into the last one, or nowhere
  expect(again.sender.waiting).toBe(outboxEntriesMax + 1);
});

test("receipts that wait are one message when they leave, those of one commit too; what was sealed is left as it is", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  await Promise.all(["a", "b", "c"].map((id) => notify(run, encodeReceipt(id))));
  await notify(run, encodeReceipt("open"), "receipt", juliet, "none");
  await notify(run, encodeReceipt("other"), "receipt", mercutio);
  expect(stored(world).map(idsIn)).toEqual([["a", "b", "c"], ["open"], ["other"]]);
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet();
  expect(world.omemo.used.map(({ text }) => text).sort()).toEqual(["<received>", "<received><received><received>"]);
  expect(link.stream.sent.length).toBe(3);
  link.stream.cut();
  run.sender.detach();
  world.omemo.outcome = unreachable;
  await notify(run, encodeReceipt("later"));
  expect(stored(world).filter((row) => row !== "sealed").map(idsIn)).toEqual([["later"]]);
});

test("XEP-0333: a marker takes the place of one that waits, for it is about all before it", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  for (const id of ["first", "second", "a longer third"]) await notify(run, encodeDisplayed(id), "marker");
  await notify(run, encodeDisplayed("open"), "marker", juliet, "none");
  await notify(run, encodeReceipt("r"));
  expect(stored(world).map(idsIn)).toEqual([["a longer third"], ["open"], ["r"]]);
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet();
  link.stream.acknowledge();
  await quiet();
  expect([run.sender.waiting, stored(world)]).toEqual([0, []]);
});

test("Q17 a receipt that is gathered in a commit that fails is not in the outbox, and its room is free again", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  await notify(run, encodeReceipt("kept"));
  for (let i = 0; i < 300; i++) { // more than there is room for, would it stay taken
    const failing = run.ledger.run(async (tx) => {
      await run.sender.intake.notify(tx, juliet, [encodeReceipt("gathered".padEnd(4_000, "x"))], { purpose: "receipt", protection: "omemo" });
      await run.sender.intake.notify(tx, juliet, [encodeReceipt("alone".padEnd(4_000, "x"))], { purpose: "receipt", protection: "none" });
      throw new RangeError("the work after it");
    });
    await expect(failing).rejects.toThrow(RangeError);
  }
  expect([stored(world).map(idsIn), run.sender.waiting]).toEqual([[["kept"]], 1]);
  const next = "next".padEnd(4_000, "x");
  await notify(run, encodeReceipt(next));
  await notify(run, encodeReceipt("alone"), "receipt", juliet, "none");
  expect([stored(world).map(idsIn), run.sender.waiting]).toEqual([[["kept", next], ["alone"]], 2]);
});

test("receipts of a lively conversation leave one by one; with a full window they are gathered until there is room, and none is lost", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  for (let i = 0; i < 2_000; i++) {
    await notify(run, encodeReceipt(`r${i}`), "receipt", juliet, "none");
    if (i % 50 === 0) await quiet(2);
  }
  await quiet();
  expect(link.stream.sent.length).toBe(windowEntriesMax);
  expect(run.sender.waiting).toBeLessThan(windowEntriesMax + 100);
  for (let i = 0; i < 3; i++) {
    link.stream.acknowledge();
    await quiet(20);
  }
  expect(link.stream.sent.flatMap(({ text }) => [...text.matchAll(/<received [^>]*id="([^"]*)"/g)].map(([, id]) => id))).toEqual(Array.from({ length: 2_000 }, (_, i) => `r${i}`));
  expect(run.sender.waiting).toBe(0);
});

test("Q15 beyond the bounds no receipt is made, which is told once; the message that it was for is taken in", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const long = (n: number): XmlElement => encodeReceipt(`${n}`.padEnd(9_000, "x")); // one entry each
  for (let i = 0; i < 300; i++) await run.ledger.run(async (tx) => { for (let j = 0; j < 4; j++) await run.sender.intake.notify(tx, juliet, [long(i * 4 + j)], { purpose: "receipt", protection: "omemo" }); });
  const waiting = run.sender.waiting;
  expect(waiting).toBe(Math.floor(automaticPerPeerMax.bytes / contentText([long(0)]).length));
  expect(run.errors).toMatchObject([{ code: "ERR_OUTBOX_FULL", retryable: true }]);
  await notify(run, encodeReceipt("of somebody else"), "receipt", mercutio);
  expect([run.sender.waiting, run.errors.length]).toEqual([waiting + 1, 1]);
});

test("Q15 H06 the room for receipts: n-1, n, n+1, by number and bytes, for one addressee and for all", () => {
  const room = new AutomaticRoom();
  room.add(juliet, automaticPerPeerMax.entries - 1, 0);
  expect([room.take(juliet, 1, 0), room.take(juliet, 1, 0), room.take(juliet, 0, 1)]).toEqual([true, false, true]);
  room.add(juliet, 0, automaticPerPeerMax.bytes - 2);
  expect([room.take(juliet, 0, 1), room.take(juliet, 0, 1)]).toEqual([true, false]);
  for (let i = 1; i < automaticMax.entries / automaticPerPeerMax.entries; i++) room.add(bareJid(`friend${i}@example.org`), automaticPerPeerMax.entries, 0);
  expect(room.entries).toBe(automaticMax.entries);
  expect(room.take(mercutio, 1, 0)).toBe(false);
  room.add(juliet, -1, 0);
  expect([room.take(mercutio, 1, 0), room.take(mercutio, 1, 0)]).toEqual([true, false]);
  room.add(juliet, 1 - automaticPerPeerMax.entries, -automaticPerPeerMax.bytes);
  expect(room.take(mercutio, 1, automaticMax.bytes)).toBe(false);
  expect([room.waitingFor(juliet), room.waitingFor(mercutio)]).toEqual([0, 1]);
});

test("two contents are joined by their text only if they are contents", () => {
  const [a, b] = [contentText([encodeReceipt("<&\"")]), contentText([encodeReceipt("b")])];
  expect(joinedContent(a, b)).toBe(contentText([encodeReceipt("<&\""), encodeReceipt("b")]));
  expect([joinedContent(a, contentText([])), joinedContent(contentText([]), b), joinedContent("", b)]).toEqual([undefined, undefined, undefined]);
});

test("Q15 what is put into an entry that waits counts for the room as well: where there is none left it is left out", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const bytes = 8_004; // 52 are left behind 131 of them, and there is room for nothing else in an entry of this length
  const padding = bytes + 1 - contentText([body("x")]).length;
  const count = Math.floor(automaticPerPeerMax.bytes / bytes);
  for (let i = 0; i < count; i++) await notify(run, body("x".repeat(padding)));
  expect([run.sender.waiting, run.errors]).toEqual([count, []]);
  await notify(run, body("z".repeat(automaticPerPeerMax.bytes - count * bytes)));
  expect([run.sender.waiting, stored(world).some((row) => row.includes("z"))]).toEqual([count, false]);
  expect(run.errors).toMatchObject([{ code: "ERR_OUTBOX_FULL" }]);
});

test("R21 nothing is put into an entry that a lost state may have sent: what the archive has of it would not have that", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  await notify(run, encodeReceipt("1"));
  await run.sender.suspect();
  await notify(run, encodeReceipt("2"));
  expect(stored(world).map(idsIn)).toEqual([["1"], ["2"]]);
});

test("Q17 nothing is put into an entry that work of the same commit has sealed", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  run.sender.intake.accept(juliet, [body("hello")]);
  await quiet(); // from now on what is for her is sealed at once
  for (const purpose of ["receipt", "marker"] as const) {
    const encode = purpose === "receipt" ? encodeReceipt : encodeDisplayed;
    const before = link.stream.sent.length;
    await Promise.all([notify(run, encode("1"), purpose), notify(run, encode("2"), purpose)]);
    await quiet();
    expect([link.stream.sent.length - before, stored(world).every((row) => row === "sealed")]).toEqual([2, true]);
  }
});
