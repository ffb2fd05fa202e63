/** Cut links, refused resumptions, restarts and crashes: every message once, in order, or an honest state. */
import { expect, test } from "vitest";
import type { XmlElement } from "../../../src/base/xml.js";
import { secondLookMs } from "../../../src/client/outbox/clearing.js";
import { anchorMarginMs } from "../../../src/client/outbox/recovery.js";
import { faultyStore, type FaultKind, type StoreFault } from "../../../src/testing/faulty-store.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";
import { allFive as all, body, fiveWritten, juliet, keyOfStanza, mercutio, OutboxWorld, quiet, textOfStanza, textsOn, type Link } from "../../support/outbox-world.js";

test("Q02 a resumption in the same process: h settles what it covers, for the rest the archive decides, and newer messages wait for it", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  link.stream.cut();
  run.sender.detach();
  run.sender.intake.accept(juliet, [body("6")]);
  const next = world.resumed(link, 2);
  world.archive.store(link.stream.sent[2]?.text ?? "", 500); // handled, and not counted
  run.sender.begin(next.connection);
  await quiet();
  expect(await run.states()).toEqual({ ...all((n) => (n <= "2" ? "sent" : "sealed")), 6: "stored" });
  run.sender.attach(next.connection);
  await world.looks();
  expect(textsOn(next)).toEqual(["4", "5", "6"]);
  expect(next.stream.sent.map(({ sequence, text }) => [sequence, text])).toMatchObject([[3, link.stream.sent[3]?.text], [4, link.stream.sent[4]?.text], [5, expect.anything()]]);
  next.stream.acknowledge(5);
  await quiet();
  expect(await run.states()).toEqual({ ...all((n) => (n === "3" ? "sent+archived" : "sent")), 6: "sent" });
});

test("Q02 a resumption whose h covers everything asks nobody", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  link.stream.cut();
  run.sender.detach();
  run.sender.intake.accept(juliet, [body("6")]);
  const next = world.resumed(link, 5);
  run.sender.attach(next.connection);
  await quiet();
  expect(textsOn(next)).toEqual(["6"]);
  expect([world.archive.queries, world.clock.timers]).toEqual([[], 0]);
});

test("Q03 a server that still works off what it had read: the archive is asked until an answer brings nothing new, and nothing is sent twice", async () => {
  for (const start of ["resumed", "new"] as const) {
    const world = new OutboxWorld();
    const { run, link } = await fiveWritten(world);
    const texts = link.stream.sent.map(({ text }) => text);
    link.stream.cut();
    run.sender.detach();
    const next = start === "resumed" ? world.resumed(link, 1) : world.fresh(1);
    run.sender.attach(next.connection);
    const elsewhere = run.sender.intake.accept(mercutio, [body("elsewhere")]);
    await elsewhere.reached("sealed");
    await quiet();
    for (const text of texts.slice(1, 4)) { // after the first answer, and then one by one
      expect(textsOn(next)).toEqual(["elsewhere"]);
      world.archive.store(text, 500);
      await world.clock.pass(secondLookMs);
    }
    expect(textsOn(next)).toEqual(["elsewhere"]);
    await world.clock.pass(secondLookMs);
    expect(textsOn(next)).toEqual(["elsewhere", "5"]);
    expect(world.archive.queries.length).toBe(5);
    expect(await run.states()).toMatchObject({ 1: "sent", 2: "sent+archived", 3: "sent+archived", 4: "sent+archived", 5: "sealed" });
  }
});

test("Q03 a connection that ends between two looks leaves nothing behind; the next one looks twice again", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  link.stream.cut();
  run.sender.detach();
  const between = world.fresh();
  run.sender.attach(between.connection);
  await quiet();
  between.stream.cut();
  run.sender.detach();
  await run.sender.settled();
  expect(world.clock.timers).toBe(0);
  const next = world.fresh();
  run.sender.attach(next.connection);
  await quiet();
  expect(textsOn(next)).toEqual([]);
  for (const { text } of link.stream.sent.slice(0, 4)) world.archive.store(text, 500);
  await world.clock.pass(secondLookMs);
  await world.clock.pass(secondLookMs);
  expect([textsOn(between), textsOn(next)]).toEqual([[], ["5"]]);
});

test("R21 what was never sealed is looked for once: nobody can have it on the way", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  await run.sender.intake.accept(juliet, [body("1")]).reached("stored");
  await run.sender.suspect();
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet();
  expect(textsOn(link)).toEqual(["1"]);
  expect(world.archive.queries.length).toBe(1);
});

test("Q02 a resumption after a restart: h settles the stored sequences, what the archive does not have is sent again as identical bytes", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  await run.sender.intake.accept(mercutio, [body("carries the sequences into the store")]).reached("sealed");
  await quiet();
  link.stream.cut();
  const again = await world.run();
  const next = world.resumed(link, 3, { restarted: true });
  again.sender.attach(next.connection);
  await world.looks();
  expect(textsOn(next).filter((text) => /^\d$/.test(text))).toEqual(["4", "5"]);
  const former = new Map(link.stream.sent.map(({ text, stanza }) => [stanza.attrs["id"], text]));
  for (const { text, stanza } of next.stream.sent) {
    if (/^\d/.test(textOfStanza(stanza))) expect(text).toBe(former.get(stanza.attrs["id"]));
  }
  expect(await again.states()).toMatchObject(all((n) => (n <= "3" ? "sent" : "sealed")));
});

test("Q03 a refused resumption with h: what it covers is sent, for the rest the archive decides, and newer messages wait for it", async () => {
  const world = new OutboxWorld();
  world.archiveStamp = 1_000_000_000;
  const { run, link } = await fiveWritten(world);
  for (const { text } of link.stream.sent.slice(0, 4)) world.archive.store(text, 1_000_000_500);
  link.stream.cut();
  run.sender.detach();
  run.sender.intake.accept(juliet, [body("6")]);
  const next = world.fresh(2);
  run.sender.attach(next.connection);
  await world.looks();
  expect(textsOn(next)).toEqual(["5", "6"]);
  expect(next.stream.sent[0]?.text).toBe(link.stream.sent[4]?.text);
  expect(await run.states()).toEqual({ 1: "sent", 2: "sent", 3: "sent+archived", 4: "sent+archived", 5: "sealed", 6: "sealed" });
  const query = { with: juliet, start: 1_000_000_000 - anchorMarginMs };
  expect(world.archive.queries).toMatchObject([query, query]); // for 3, 4 and 5, then for 5
  expect(world.omemo.used.map(({ key }) => key)).toEqual([1, 2, 3, 4, 5, 6]);
});

test("Q03 h of another session than the last one settles nothing", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  link.stream.cut();
  run.sender.detach();
  const between = world.fresh(0); // nothing of it gets anywhere
  between.stream.cut();
  const next = world.fresh(5); // of the session between
  run.sender.attach(next.connection);
  await world.looks();
  expect(textsOn(next)).toEqual(["1", "2", "3", "4", "5"]);
});

test("Q03 a search goes through all pages, and without an anchor through the whole archive", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  for (let i = 0; i < 250; i++) world.archive.store(`<message xmlns="jabber:client" to="${juliet}"/>`, i);
  for (const { text } of link.stream.sent) world.archive.store(text, 500);
  link.stream.cut();
  run.sender.detach();
  const next = world.fresh();
  run.sender.attach(next.connection);
  await quiet();
  expect(textsOn(next)).toEqual([]);
  expect(world.archive.queries.map(({ start }) => start)).toEqual([undefined, undefined, undefined]);
  expect(await run.states()).toEqual(all(() => "sent+archived"));
});

test.each([
  ["an error", () => { throw new TransportError("ERR_IQ_TIMEOUT", "late", { retryable: true }); }],
  ["an error that is no refusal", () => { throw new TransportError("ERR_STANZA_ERROR", "no", { details: { condition: "internal-server-error", type: "cancel" } }); }],
  ["a refusal that passes", () => { throw new TransportError("ERR_STANZA_ERROR", "no", { details: { condition: "service-unavailable", type: "wait" }, retryable: true }); }],
  ["a page that leads nowhere", () => ({ messages: [], complete: false, last: undefined })],
  ["a page that may still change", () => ({ stable: false })],
  ["results that could not be read", () => ({ refused: 1 })],
])("Q03 %s from the archive means unknown: nothing is sent again, also nothing newer, until it answers", async (_name, answer) => {
  const world = new OutboxWorld();
  const { run, link, first } = await fiveWritten(world);
  for (const { text } of link.stream.sent.slice(0, 3)) world.archive.store(text, 500);
  link.stream.cut();
  run.sender.detach();
  world.archive.onQuery = answer as unknown as () => undefined;
  run.sender.intake.accept(juliet, [body("newer")]);
  const elsewhere = run.sender.intake.accept(mercutio, [body("elsewhere")]);
  const next = world.fresh();
  run.sender.attach(next.connection);
  await elsewhere.reached("sealed");
  await quiet();
  for (let i = 0; i < 4; i++) await world.clock.pass(300_000);
  expect(textsOn(next)).toEqual(["elsewhere"]);
  expect(first.getSnapshot()).toMatchObject({ state: "sealed", obstacle: { code: expect.any(String) as string } });
  expect(world.archive.queries.length).toBe(5);
  world.archive.onQuery = () => undefined;
  await world.clock.pass(300_000);
  await world.clock.pass(secondLookMs);
  expect(textsOn(next)).toEqual(["elsewhere", "4", "5", "newer"]);
});

test("Q03 an archive that leads in circles has not answered: it is asked again later, and other conversations go on", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  run.sender.intake.accept(mercutio, [body("lost too")]);
  await quiet();
  link.stream.cut();
  run.sender.detach();
  world.archive.onQuery = ({ with: peer, after }) => (peer === juliet ? { messages: [], complete: false, last: after === "one" ? "two" : "one" } : undefined);
  const next = world.fresh();
  run.sender.attach(next.connection);
  await world.looks();
  expect(textsOn(next)).toEqual(["lost too"]);
  expect(world.archive.queries.filter(({ with: peer }) => peer === juliet).length).toBeLessThan(10);
});

test.each([["from before the first of them", 1_000_000_000], ["from the beginning, where nothing was known of the archive when the first was sealed", undefined]] as const)("Q03 several messages are looked for %s", async (_, known) => {
  const world = new OutboxWorld();
  world.archiveStamp = known;
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  run.sender.intake.accept(juliet, [body("old")]);
  await quiet();
  world.archiveStamp = 2_000_000_000;
  run.sender.intake.accept(juliet, [body("new")]);
  await quiet();
  world.archive.store(link.stream.sent[0]?.text ?? "", known ?? 500);
  link.stream.cut();
  run.sender.detach();
  const next = world.fresh();
  run.sender.attach(next.connection);
  await world.looks();
  expect(textsOn(next)).toEqual(["new"]);
});

test("F15 a message from somebody else with our origin-id proves nothing", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  const [first, second] = link.stream.sent;
  const stanza = (element: XmlElement | undefined, attrs: Record<string, string>): XmlElement => ({ ...(element as XmlElement), attrs: { ...element?.attrs, ...attrs } });
  world.archive.messages.push({ id: "f1", stamp: 1, stanza: stanza(first?.stanza, { from: `${juliet}/phone`, to: "romeo@example.org" }) });
  world.archive.messages.push({ id: "f2", stamp: 1, stanza: stanza(second?.stanza, { from: "romeo@example.org/x", to: mercutio }) });
  world.archive.messages.push({ id: "f3", stamp: 1, stanza: stanza(first?.stanza, { from: `${mercutio}/phone`, to: juliet }) });
  world.archive.onQuery = () => ({ messages: world.archive.messages, complete: true });
  link.stream.cut();
  run.sender.detach();
  const next = world.fresh();
  run.sender.attach(next.connection);
  await world.looks();
  expect(textsOn(next)).toEqual(["1", "2", "3", "4", "5"]);
});

test("Q04 the server has everything and only the acknowledgements were lost: no copy, no failure, also after a restart", async () => {
  for (const restart of [false, true]) {
    const world = new OutboxWorld();
    const { run, link } = await fiveWritten(world);
    for (const { text } of link.stream.sent) world.archive.store(text, 500);
    link.stream.cut();
    run.sender.detach();
    const again = restart ? await world.run() : run;
    const next = world.fresh();
    again.sender.attach(next.connection);
    await quiet();
    expect(textsOn(next)).toEqual([]);
    expect(await again.states()).toEqual(all(() => "sent+archived"));
    expect(again.sender.waiting).toBe(0);
  }
});

test("Q03 a server without an archive gets the identical bytes again: the recipient's ratchet drops a copy", async () => {
  const world = new OutboxWorld();
  world.archive.present = false;
  const { run, link } = await fiveWritten(world);
  link.stream.cut();
  run.sender.detach();
  const next = world.fresh(undefined, { resumable: false });
  run.sender.attach(next.connection);
  await quiet();
  expect(next.stream.sent.map(({ text }) => text)).toEqual(link.stream.sent.map(({ text }) => text));
});

test("what the catch-up finds in the archive is sent and archived, and is not looked for again", async () => {
  const world = new OutboxWorld();
  const { run, link } = await fiveWritten(world);
  const ids = link.stream.sent.map(({ stanza }) => stanza.attrs["id"] ?? "");
  link.stream.cut();
  run.sender.detach();
  const next = world.fresh();
  run.sender.begin(next.connection);
  const told = await run.ledger.run(async (tx) => {
    const known: string[] = [];
    for (const [i, id] of [...ids, "never ours"].entries()) known.push(await run.sender.archived(tx, id, `sid${i}`));
    return known;
  });
  expect(told).toEqual(["known", "known", "known", "known", "known", "unknown"]);
  run.sender.attach(next.connection);
  await quiet();
  expect(world.archive.queries).toEqual([]);
  expect(textsOn(next)).toEqual([]);
  expect(await run.states()).toEqual(all(() => "sent+archived"));
  expect(await run.ledger.run((tx) => run.sender.archived(tx, ids[0] ?? "", "sid0"))).toBe("known"); // seen before, known still
});

test("R21 the archive has what still waits here as plaintext: that tells of a lost state, once", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const [first, second] = [run.sender.intake.accept(juliet, [body("1")]), run.sender.intake.accept(juliet, [body("2")])];
  await second.reached("stored");
  expect(await run.ledger.run((tx) => run.sender.archived(tx, first.id, "s1"))).toBe("lost");
  await run.sender.suspect();
  expect(await run.ledger.run((tx) => run.sender.archived(tx, second.id, "s2"))).toBe("known"); // we have heard of it
  expect(await run.states()).toEqual({ 1: "sent+archived", 2: "sent+archived" });
  expect(run.sender.waiting).toBe(0);
});

test("R21 an error that comes back for what waits here as plaintext does not hide that a lost state has sent it", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const handle = run.sender.intake.accept(juliet, [body("1")]);
  await handle.reached("stored");
  await run.sender.refused(handle.id, juliet, "service-unavailable");
  expect(await run.ledger.run((tx) => run.sender.archived(tx, handle.id, "s1"))).toBe("lost"); // the same page of the archive has it
  expect(await run.states()).toEqual({ 1: "sent+archived" });
});

/** One life of a client: everything but `texts` handed in before is handed in, the server takes what is written and confirms it. */
async function live(world: OutboxWorld, fault: Partial<StoreFault> | undefined, texts: readonly string[]): Promise<number> {
  let link: Link | undefined;
  const operations = ["acquire", "owns", "get", "getMany", "list", "commit"] as const;
  const store = faultyStore(memoryStore(world.disk), { at: 0, kind: "fail", operations, ...fault, onDeath: () => { link?.stream.cut(); } });
  try {
    const run = await world.run(store);
    const known = Object.keys(await run.states());
    const { stream, connection } = link = world.fresh();
    run.sender.begin(connection);
    await quiet(5);
    run.sender.attach(connection);
    let taken = 0;
    for (const text of [...texts, undefined, undefined, undefined]) {
      if (text !== undefined && !known.includes(text)) run.sender.intake.accept(juliet, [body(text)]);
      await quiet(5);
      for (; taken < stream.sent.length; taken++) world.archive.store(stream.sent[taken]?.text ?? "", 1_000 + world.archive.messages.length);
      if (text === undefined && stream.isOpen) stream.acknowledge();
      await world.clock.pass(300_000);
    }
    run.sender.detach();
    await run.sender.settled();
  } catch (error) {
    if (!(error instanceof StorageError)) throw error; // opening met the fault
  }
  return store.counted;
}

test("Q17 a crash or failure at any operation of the store: after a restart each message is with the server once, in order, and what was sent used no key twice", async () => {
  const texts = ["a", "b", "c"];
  const total = await live(new OutboxWorld(), undefined, texts);
  let points = 0;
  for (const kind of ["die-before", "die-after", "fail"] satisfies FaultKind[]) {
    for (let at = 1; at <= total; at++) {
      const world = new OutboxWorld();
      world.archiveStamp = 900;
      await live(world, { at, kind }, texts);
      await live(world, undefined, texts); // restart: hands in again what was never accepted
      const there = world.archive.messages.map(({ stanza }) => textOfStanza(stanza).replace(/<.*$/, ""));
      expect([...there].sort(), `${kind} at operation ${at}`).toEqual(texts);
      const keys = world.archive.messages.map(({ stanza }) => keyOfStanza(stanza));
      expect(new Set(keys).size, `${kind} at operation ${at}`).toBe(texts.length);
      const states = await (await world.run()).states();
      expect(states, `${kind} at operation ${at}`).toEqual(Object.fromEntries(texts.map((text) => [text, expect.stringMatching(/^sent/)])));
      points += 1;
    }
  }
  expect(points).toBeGreaterThan(50);
}, 300_000);
