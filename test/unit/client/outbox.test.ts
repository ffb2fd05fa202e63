/** The way of a message from send() to `sent`, with every state on its evidence. */
import { expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { pruneOwnIds } from "../../../src/client/outbox/own-ids.js";
import type { DeviceId } from "../../../src/session/ports.js";
import { faultyStore } from "../../../src/testing/faulty-store.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";
import { body, juliet, mercutio, OutboxWorld, quiet, romeo, textsOn, textOfStanza } from "../../support/outbox-world.js";

const unreachable = { kind: "no-device", retryable: true, report: [] } as const;

test("Q01 each state is told on its evidence: nothing leaves before its bytes and its ratchet state are durable", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  const durable: boolean[] = [];
  link.stream.onSend = (stanza) => {
    const rows = [...world.disk.rows].filter(([key]) => key.startsWith("client/outbox/")).map(([, value]) => new TextDecoder().decode(value));
    durable.push(rows.some((row) => row.includes(`\\"${stanza.attrs["id"] ?? ""}\\"`)) && world.disk.rows.has("test/ratchet" as never));
  };
  const handle = run.sender.intake.accept(juliet, [body("hello")]);
  expect(handle.getSnapshot().state).toBe("accepted");
  expect((await handle.reached("stored")).state).toBe("stored");
  expect(await run.states()).toEqual({ hello: "stored" });
  expect(world.omemo.used).toEqual([]);
  run.sender.begin(link.connection);
  await quiet();
  expect(link.stream.sent).toEqual([]);
  run.sender.attach(link.connection);
  await handle.reached("sealed");
  await quiet();
  expect(durable).toEqual([true]);
  expect(await run.states()).toEqual({ hello: "sealed" });
  link.stream.acknowledge();
  expect(handle.getSnapshot().state).toBe("sent"); // in the turn in which the server said so
  await quiet();
  expect(await run.states()).toEqual({ hello: "sent" });
  expect([...world.disk.rows.keys()].filter((key) => key.startsWith("client/outbox/"))).toEqual([]);
  expect(run.sender.waiting).toBe(0);
});

test("Q01 in a busy conversation a message is stored and sealed in one commit, before it leaves", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  await run.sender.intake.accept(juliet, [body("first")]).reached("sealed");
  await quiet();
  const prepared = world.omemo.prepared;
  const durable: boolean[] = [];
  link.stream.onSend = (stanza) => {
    const rows = [...world.disk.rows].filter(([key]) => key.startsWith("client/outbox/")).map(([, value]) => new TextDecoder().decode(value));
    durable.push(rows.some((row) => row.includes(`\\"${stanza.attrs["id"] ?? ""}\\"`)));
  };
  const states: string[] = [];
  const handle = run.sender.intake.accept(juliet, [body("second")]);
  handle.subscribe(() => { states.push(handle.getSnapshot().state); });
  await handle.reached("sealed");
  await quiet();
  expect(states.slice(0, 2)).toEqual(["stored", "sealed"]);
  expect(durable).toEqual([true]);
  expect(world.omemo.prepared).toBe(prepared);
  // A device that was added is not overlooked: what was planned is planned anew.
  run.sender.forgetPlans();
  await run.sender.intake.accept(juliet, [body("third")]).reached("sealed");
  expect(world.omemo.prepared).toBe(prepared + 1);
  // Nor one that was added while it was planned: what was found out before it is used, and not again.
  run.sender.forgetPlans();
  world.omemo.onPrepare = () => { run.sender.forgetPlans(); };
  await run.sender.intake.accept(juliet, [body("fourth")]).reached("sealed");
  world.omemo.onPrepare = () => undefined;
  await run.sender.intake.accept(juliet, [body("fifth")]).reached("sealed");
  expect(world.omemo.prepared).toBe(prepared + 3);
});

test("Q01 a commit that fails leaves nothing behind: not stored is told as failed, not sealed does not leave and is tried again", async () => {
  const world = new OutboxWorld();
  const store = faultyStore(memoryStore(world.disk), { at: 1, kind: "fail" });
  const run = await world.run(store);
  const lost = run.sender.intake.accept(juliet, [body("lost")]);
  await expect(lost.reached("stored")).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  expect(run.sender.waiting).toBe(0);
  expect(await run.states()).toEqual({});

  const second = new OutboxWorld();
  const failing = faultyStore(memoryStore(second.disk), { at: 3, kind: "fail" }); // stored, begun, then sealing
  const run2 = await second.run(failing);
  const handle = run2.sender.intake.accept(juliet, [body("later")]);
  await handle.reached("stored");
  const link = second.fresh();
  run2.sender.begin(link.connection);
  await quiet();
  run2.sender.attach(link.connection);
  await quiet();
  expect(link.stream.sent).toEqual([]);
  expect(handle.getSnapshot().state).toBe("stored");
  expect(run2.errors.map(({ code }) => code)).toEqual(["ERR_STORE_FAILED"]);
  await second.clock.pass(1_000);
  expect(textsOn(link)).toEqual(["later"]);
  expect(second.omemo.used.map(({ key }) => key)).toEqual([1, 1]); // the first one never left
});

test("Q09 what is sent while there is no stream waits in the outbox, also across a restart, and leaves in order", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  for (const text of ["one", "two", "three"]) await run.sender.intake.accept(juliet, [body(text)]).reached("stored");
  const next = await world.run();
  next.sender.intake.accept(juliet, [body("four")]);
  const link = world.fresh();
  next.sender.begin(link.connection);
  await quiet();
  expect(link.stream.sent).toEqual([]);
  next.sender.attach(link.connection);
  await quiet();
  expect(textsOn(link)).toEqual(["one", "two", "three", "four"]);
});

test("R21 nothing is sealed before the stream is attached, which is when the witness and the catch-up have had their say", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  run.sender.intake.accept(juliet, [body("waits")]);
  const link = world.fresh();
  run.sender.begin(link.connection);
  run.sender.intake.accept(juliet, [body("waits as well")]);
  await quiet();
  expect(world.omemo.used).toEqual([]);
  run.sender.attach(link.connection);
  await quiet();
  expect(textsOn(link)).toEqual(["waits", "waits as well"]);
});

test("Q14 the order of send() is the order on the wire per conversation, however the commits fall", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  const expected: string[] = [];
  for (let i = 0; i < 200; i++) {
    run.sender.intake.accept(juliet, [body(`j${i}`)]);
    run.sender.intake.accept(mercutio, [body(`m${i}`)]);
    if (i % 7 === 0) await run.ledger.run(async (tx) => { await run.sender.intake.acceptIn(tx, juliet, [body(`reply${i}`)]); });
    expected.push(`j${i}`, ...(i % 7 === 0 ? [`reply${i}`] : []));
    if (i % 13 === 0) await quiet();
  }
  await quiet();
  expect(textsOn(link).filter((text) => !text.startsWith("m"))).toEqual(expected);
  expect(textsOn(link).filter((text) => text.startsWith("m"))).toEqual(Array.from({ length: 200 }, (_, i) => `m${i}`));
});

test("every encrypted message asks for a receipt and may be marked, inside the encryption; receipts do neither", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  run.sender.intake.accept(juliet, [body("hi")]);
  await run.ledger.run((tx) => run.sender.intake.notify(tx, juliet, [body("receipt")], { protection: "omemo", purpose: "receipt" }));
  await quiet();
  expect(world.omemo.used.map(({ text }) => text)).toEqual(["hi<request><markable>", "receipt"]);
  expect(link.stream.sent.every(({ text }) => !text.includes("urn:xmpp:receipts") && !text.includes("chat-markers"))).toBe(true);
  expect(await run.states()).toEqual({ hi: "sealed" }); // the receipt is not in the log
});

test("T05 clear text leaves only where it was asked for, in its place in the order", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  run.sender.intake.accept(juliet, [body("secret")]);
  run.sender.intake.accept(juliet, [body("open")], { protection: "none" });
  run.sender.intake.accept(juliet, [body("secret too")]);
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet();
  expect(textsOn(link)).toEqual(["secret", "clear open", "secret too"]);
  expect(link.stream.sent.map(({ text }) => text.includes("<body"))).toEqual([false, true, false]);
  const [log] = (await run.log.page()).filter((message) => message.text === "open");
  expect(log?.security).toEqual({ level: "none" });
});

test("Q13 a message that cannot be sealed fails alone with its reason; the rest flows", async () => {
  const world = new OutboxWorld();
  world.omemo.poison = { text: "bad", error: new RangeError("a bug in the encryption") };
  const run = await world.run();
  const handles = ["one", "bad", "two"].map((text) => run.sender.intake.accept(juliet, [body(text)]));
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet();
  expect(textsOn(link)).toEqual(["one", "two"]);
  await expect(handles[1]?.reached("sealed")).rejects.toMatchObject({ code: "ERR_INTERNAL" });
  expect(await run.states()).toEqual({ one: "sealed", bad: "failed", two: "sealed" });
  expect(run.sender.waiting).toBe(2);
});

test("what is merely unavailable is tried again with backoff, the handle says what it waits for, and other conversations go on", async () => {
  const world = new OutboxWorld();
  world.omemo.outcome = unreachable;
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  const handle = run.sender.intake.accept(juliet, [body("one")]);
  run.sender.intake.accept(juliet, [body("two")]);
  await quiet();
  expect(handle.getSnapshot()).toMatchObject({ state: "stored", obstacle: { code: "ERR_NO_TRUSTED_DEVICE", retryable: true } });
  const prepared = world.omemo.prepared;
  run.sender.intake.accept(juliet, [body("three")]); // does not hurry the others
  await quiet();
  expect(world.omemo.prepared).toBe(prepared);
  for (let i = 0; i < 5; i++) await world.clock.pass(300_000);
  expect(world.omemo.prepared).toBe(prepared + 5);
  run.sender.intake.accept(mercutio, [body("elsewhere")], { protection: "none" });
  await quiet();
  expect(textsOn(link)).toEqual(["clear elsewhere"]);
  world.omemo.outcome = undefined;
  await world.clock.pass(300_000);
  expect(textsOn(link)).toEqual(["clear elsewhere", "one", "two", "three"]);
  expect(handle.getSnapshot().obstacle).toBeUndefined();
});

test("what can never be sealed fails at once, with the report", async () => {
  const world = new OutboxWorld();
  world.omemo.outcome = { kind: "no-omemo", report: [{ device: { jid: romeo, deviceId: 2 as DeviceId }, result: "encrypted" }] };
  const run = await world.run();
  const handle = run.sender.intake.accept(juliet, [body("one")]);
  run.sender.attach(world.fresh().connection);
  await expect(handle.reached("sealed")).rejects.toMatchObject({ code: "ERR_NO_OMEMO", retryable: false, details: { devices: 0 } }); // our own do not count
  expect(await run.states()).toEqual({ one: "failed" });
  expect(run.sender.waiting).toBe(0);
});

test("a message can be taken back until it is sealed, also in the moment it was handed in", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const gone = run.sender.intake.accept(juliet, [body("gone")]);
  const kept = run.sender.intake.accept(juliet, [body("kept")]);
  expect(await gone.cancel()).toBe(true);
  await expect(gone.reached("sealed")).rejects.toMatchObject({ code: "ERR_MESSAGE_CANCELLED" });
  const link = world.fresh();
  run.sender.attach(link.connection);
  await kept.reached("sealed");
  expect(await kept.cancel()).toBe(false);
  expect(await gone.cancel()).toBe(false);
  await quiet();
  expect(textsOn(link)).toEqual(["kept"]);
  expect(await run.states()).toEqual({ gone: "failed", kept: "sealed" });
});

test("a message taken back while its conversation is being sealed either leaves or is gone, never both", async () => {
  for (let turns = 0; turns < 60; turns++) {
    const world = new OutboxWorld();
    const run = await world.run();
    const link = world.fresh();
    run.sender.attach(link.connection);
    await run.ledger.run(() => undefined);
    const handle = run.sender.intake.accept(juliet, [body("perhaps")]);
    for (let i = 0; i < turns; i++) await Promise.resolve();
    const cancelled = await handle.cancel();
    for (let i = 0; i < 300; i++) await Promise.resolve();
    expect(textsOn(link).length === 0 || !cancelled).toBe(true);
    expect(handle.getSnapshot().state === "failed").toBe(cancelled);
  }
});

test("messages accepted in a foreign commit are sent if, and only if, that commits", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  let failed: ReturnType<typeof run.sender.intake.accept> | undefined;
  await expect(run.ledger.run(async (tx) => {
    failed = await run.sender.intake.acceptIn(tx, juliet, [body("never")]);
    throw new RangeError("the handler");
  })).rejects.toThrow("the handler");
  const handle = await run.ledger.run((tx) => run.sender.intake.acceptIn(tx, juliet, [body("reply")]));
  await handle.reached("sealed");
  await quiet();
  expect(textsOn(link)).toEqual(["reply"]);
  await expect(failed?.reached("stored")).rejects.toBeInstanceOf(Error);
  expect(run.sender.waiting).toBe(1);
});

test("F15 only the addressee, our account and our server can say that a message was refused", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  const waiting = run.sender.intake.accept(juliet, [body("waiting")]);
  await waiting.reached("sealed");
  await run.sender.refused(waiting.id, mercutio, "item-not-found");
  await run.sender.refused(waiting.id, bareJid("elsewhere.example"), "item-not-found");
  expect(waiting.getSnapshot().state).toBe("sealed");
  await quiet();
  link.stream.acknowledge();
  await waiting.reached("sent");
  await run.sender.refused(waiting.id, mercutio, "item-not-found");
  expect(await run.states()).toEqual({ waiting: "sent" });
  await run.sender.refused(waiting.id, juliet, "service-unavailable", "wait");
  await expect(waiting.reached("sent")).rejects.toMatchObject({ code: "ERR_MESSAGE_REFUSED", retryable: true, details: { condition: "service-unavailable" } });
  expect(await run.states()).toEqual({ waiting: "failed" });

  for (const from of [romeo, bareJid("example.org")]) {
    const handle = run.sender.intake.accept(juliet, [body(`by ${from}`)]);
    await handle.reached("sealed");
    await run.sender.refused(handle.id, from, "not-allowed", "cancel");
    await expect(handle.reached("sent")).rejects.toMatchObject({ retryable: false });
  }
});

test.each(["delivered", "displayed"] as const)("Q01 F15 a message that is known to be %s stays so, whatever the server, the archive and an error stanza say later", async (state) => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  const handle = run.sender.intake.accept(juliet, [body("there")]);
  await handle.reached("sealed");
  await run.ledger.run((tx) => run.log.updateSent(tx, handle.id, (message) => ({ ...message, delivery: { state, archived: false, authenticated: true } })));
  expect(handle.getSnapshot()).toMatchObject({ state, authenticated: true });
  link.stream.acknowledge(); // the receipt was faster
  await quiet();
  expect([await run.states(), run.sender.waiting]).toEqual([{ there: state }, 0]);
  await run.ledger.run((tx) => run.sender.archived(tx, handle.id, "a1"));
  await run.sender.refused(handle.id, juliet, "service-unavailable");
  expect(handle.getSnapshot()).toMatchObject({ state, archived: true });
  expect(await run.states()).toEqual({ there: `${state}+archived` });
});

test("Q13 a stanza that the stream will not take fails alone; the rest flows", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const handles = ["one", "huge", "two"].map((text) => run.sender.intake.accept(juliet, [body(text)]));
  const link = world.fresh();
  link.stream.onSend = (stanza) => {
    if (textOfStanza(stanza).startsWith("huge")) throw new TransportError("ERR_STANZA_TOO_LARGE", "too large");
  };
  run.sender.attach(link.connection);
  await quiet();
  expect(textsOn(link)).toEqual(["one", "two"]);
  await expect(handles[1]?.reached("sent")).rejects.toMatchObject({ code: "ERR_STANZA_TOO_LARGE" });
  expect(link.stream.isOpen).toBe(true);
});

test("D10 nothing is written once another owner has taken the store over, also what was sealed before", async () => {
  const world = new OutboxWorld();
  world.archive.present = false;
  const run = await world.run();
  await run.sender.intake.accept(juliet, [body("mine no more")]).reached("stored");
  const first = world.fresh();
  run.sender.attach(first.connection);
  await quiet();
  expect(textsOn(first)).toEqual(["mine no more"]);
  first.stream.cut();
  run.sender.detach();
  const link = world.fresh();
  run.sender.begin(link.connection);
  await quiet();
  await memoryStore(world.disk).acquire();
  run.sender.attach(link.connection);
  await quiet();
  expect(link.stream.sent).toEqual([]);
  expect(run.errors.map(({ code }) => code)).toEqual(["ERR_STORE_FENCED"]);
});

test("the ids of everything sealed here are known until a catch-up has passed them, and no others", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const handle = run.sender.intake.accept(juliet, [body("one")]);
  const known = (id: string): Promise<boolean> => run.ledger.run((tx) => run.sender.knows(tx, id));
  await handle.reached("stored");
  expect(await known(handle.id)).toBe(false);
  run.sender.attach(world.fresh().connection);
  await handle.reached("sealed");
  await run.ledger.run((tx) => { run.sender.noteOwn(tx, "empty"); });
  expect([await known(handle.id), await known("empty"), await known("other"), await known("x".repeat(5_000))]).toEqual([true, true, false, false]);
  await pruneOwnIds(run.ledger, world.clock.now(), () => []);
  expect(await known("empty")).toBe(true);
  await pruneOwnIds(run.ledger, world.clock.now() + 1, () => []);
  expect([await known(handle.id), await known("empty")]).toEqual([false, false]);
});

test("R21 after a rollback the archive is asked for everything that waits before it is encrypted, also after a restart", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const sent = run.sender.intake.accept(juliet, [body("was sent by the lost state")]);
  await run.sender.intake.accept(juliet, [body("was not")]).reached("stored");
  await run.sender.suspect();
  world.archive.store(`<message xmlns="jabber:client" to="${juliet}"><origin-id xmlns="urn:xmpp:sid:0" id="${sent.id}"/></message>`, 5);
  const next = await world.run();
  const link = world.fresh();
  next.sender.attach(link.connection);
  await quiet();
  expect(textsOn(link)).toEqual(["was not"]);
  expect(world.omemo.used.map(({ text }) => text)).toEqual(["was not<request><markable>"]);
  expect(await next.states()).toEqual({ "was sent by the lost state": "sent+archived", "was not": "sealed" });
});
