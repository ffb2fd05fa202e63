/** Numbers of a session that are given out anew when it is taken up: what they prove about messages that had them before. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { xml } from "../../../src/base/xml.js";
import { encodeJson } from "../../../src/client/json-record.js";
import { Blame } from "../../../src/client/outbox/blame.js";
import { outboxKey, outboxRange, suspectKey, writtenKey } from "../../../src/client/outbox/entry.js";
import type { Rows } from "../../../src/client/outbox/rows.js";
import { type Slot, Slots } from "../../../src/client/outbox/slots.js";
import { Window } from "../../../src/client/outbox/window.js";
import { Writer } from "../../../src/client/outbox/writer.js";
import type { Transaction } from "../../../src/session/transaction.js";
import { StorageError } from "../../../src/storage/errors.js";
import { allFive as all, body, fiveWritten, juliet, mercutio, OutboxWorld, quiet, romeo, textsOn } from "../../support/outbox-world.js";

test("Q02 numbers that a connection gave out anew, which the outbox never saw, prove nothing about messages that had them before", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  link.stream.cut();
  run.sender.detach();
  const queue = link.stream.session?.queue;
  queue?.acknowledge(2); // taken up with h = 2; a presence became number 3, was handled, and the connection was over
  queue?.resume();
  queue?.push(body("a presence"));
  queue?.acknowledge(3);
  queue?.resume();
  const next = world.resumed(link, 3);
  run.sender.begin(next.connection);
  await quiet();
  expect(await run.states()).toEqual(all((n) => (n <= "2" ? "sent" : "sealed")));
});

test("Q03 such numbers prove nothing either where the session is refused in the end: its h counts as far as the old numbers went", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  link.stream.cut();
  run.sender.detach();
  const queue = link.stream.session?.queue;
  queue?.acknowledge(2); // taken up with h = 2; then a presence was number 3, and the connection was over before the outbox saw it
  queue?.resume();
  queue?.push(body("a presence"));
  const next = world.fresh(3);
  run.sender.begin(next.connection);
  await quiet();
  expect(await run.states()).toEqual(all((n) => (n <= "2" ? "sent" : "sealed")));
});

test("Q17 a stream of which the store cannot note that it begins is closed before anything is written on it", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  await run.sender.intake.accept(mercutio, [body("x")], { protection: "none" }).reached("sealed"); // the sequences are in the store now
  link.stream.cut();
  run.sender.detach();
  run.store.commit = () => Promise.reject(new StorageError("ERR_STORE_FAILED", "not now", { retryable: true }));
  const next = world.resumed(link, 2);
  run.sender.begin(next.connection);
  await quiet();
  expect([next.stream.isOpen, next.stream.sent]).toEqual([false, []]);
});

test.each([["a sequence", writtenKey, encodeJson({ epoch: 1, written: [[7, 9]] })], ["a suspicion", suspectKey, utf8("7")]] as const)("Q03 R21 a place is not given out again while %s of it is stored: it would be said of another message", async (_, key, row) => {
  const world = new OutboxWorld();
  world.disk.rows.set(key, row);
  await (await world.run()).sender.intake.accept(juliet, [body("x")]).reached("stored");
  expect([...world.disk.rows.keys()].filter((each) => each.startsWith(outboxRange.prefix))).toEqual([outboxKey(8)]);
});

test("Q03 sequences that a commit could not take go with the next one", () => {
  const window = new Window();
  window.restart(1);
  window.push({ seq: 1 } as Slot, 1, 1);
  const puts = [false, true].map((works) => {
    let puts = 0;
    let undo = (): void => undefined;
    window.save({ put: () => { puts += 1; }, onUndone: (task: () => void) => { undo = task; }, afterCommit: (task: () => void) => { if (works) task(); } } as unknown as Transaction);
    if (!works) undo();
    return puts;
  });
  expect(puts).toEqual([1, 1]);
});

test("Q02 what was acknowledged between two connections counts, also if nobody was told", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  link.stream.cut();
  run.sender.detach();
  link.stream.session?.queue.acknowledge(4); // a connection that came up and ended before the outbox saw it
  const next = world.resumed(link, 3);
  run.sender.begin(next.connection);
  await quiet();
  expect(await run.states()).toEqual(all((n) => (n <= "4" ? "sent" : "sealed")));
});

test("Q03 stored sequences do not outlive the numbering they are of", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  await run.sender.intake.accept(mercutio, [body("x")], { protection: "none" }).reached("sealed"); // the sequences are in the store now
  await quiet();
  link.stream.cut();
  // A second process takes the session up with h = 3, and dies before it has written any of ours; its presence became number 4, 5, 6.
  const second = await world.run();
  const taken = world.resumed(link, 3, { restarted: true });
  second.sender.begin(taken.connection);
  await quiet();
  taken.stream.cut();
  // A third one finds h = 6: that says nothing about messages 4 and 5.
  const third = await world.run();
  const next = world.resumed(link, 6, { restarted: true });
  third.sender.attach(next.connection);
  await world.looks();
  expect(textsOn(next).filter((text) => /^\d$/.test(text))).toEqual(["4", "5"]);
});

test("Q17 a process that dies before it could note that a session was taken up: its h says nothing about numbers that were given out before", async () => {
  for (const restarted of [false, true]) {
    const world = new OutboxWorld();
    const { run, link } = await fiveWritten(world);
    await run.sender.intake.accept(mercutio, [body("x")], { protection: "none" }).reached("sealed"); // the sequences are in the store now
    await quiet();
    link.stream.cut();
    run.sender.detach();
    const asking = restarted ? await world.run() : run;
    await asking.sender.beforeResume();
    // The server goes on with h = 3, what was asked of us at once was answered with 4, 5 and 6, and the process is gone.
    const next = world.resumed(link, 6, { restarted: true });
    const third = await world.run();
    third.sender.attach(next.connection);
    await world.looks();
    expect(textsOn(next).filter((text) => /^\d$/.test(text))).toEqual(["1", "2", "3", "4", "5"]); // the archive of this world has none of them
  }
});

test("Q02 what is taken out of the store before a session is asked for is known to memory: h settles what it covers, and nothing to take out costs no commit", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  link.stream.cut();
  run.sender.detach();
  await run.sender.beforeResume();
  const rows = new Map(world.disk.rows);
  await run.sender.beforeResume();
  expect([...world.disk.rows].every(([key, value]) => rows.get(key) === value)).toBe(true);
  const next = world.resumed(link, 5);
  run.sender.attach(next.connection);
  await quiet();
  expect(await run.states()).toEqual(all(() => "sent"));
  expect(world.archive.queries).toEqual([]);
});

test.each([
  ["before it, of numbers that the store never had", false, false], ["behind it, of numbers that the store never had", true, false], ["behind it, of numbers that the store has", true, true],
])("Q17 what is settled while a session is being asked for puts no sequence back into the store (%s)", async (_, behind, isStored) => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  if (isStored) await run.sender.intake.accept(mercutio, [body("x")], { protection: "none" }).reached("sealed");
  link.stream.acknowledge(2); // and the line breaks before the store has noted it
  if (!behind) await Promise.resolve();
  link.stream.cut();
  run.sender.detach();
  await run.sender.beforeResume();
  await quiet();
  // The server goes on with h = 2, what was asked of us at once was answered with 3 to 6, and the process is gone.
  const next = world.resumed(link, 6, { restarted: true });
  const second = await world.run();
  second.sender.attach(next.connection);
  await world.looks();
  expect(textsOn(next).filter((text) => text !== "clear x")).toEqual(["3", "4", "5"]); // the archive of this world has none of them
});

test("Q03 a letter whose message turned out to be with the server, or perhaps to be there, or was refused, on its way to the stream is not written", async () => {
  for (const what of ["confirmed", "unclear", "gone", "here"] as const) {
    const kind = what === "gone" ? "here" : what;
    const world = new OutboxWorld();
    const { ledger } = await world.run();
    const link = world.fresh();
    const slots = new Slots();
    const entry = { seq: 1, id: "one", to: juliet, purpose: "message", bytes: 1, whereabouts: { kind } } as unknown as Slot;
    const slot = what === "gone" ? entry : slots.stage(entry);
    const rows = { isBarred: () => false } as unknown as Rows;
    const writer = new Writer({ account: romeo, ledger, slots, window: new Window(), rows, blame: new Blame() });
    await writer.write([{ slot, stanza: xml("jabber:client", "message", { id: "one" }), bytes: 1 }], link.connection, () => true);
    expect([what, link.stream.sent.length]).toEqual([what, what === "here" ? 1 : 0]);
  }
});
