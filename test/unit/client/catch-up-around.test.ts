/** What is read while the reader goes around a place that the archive says nothing of, or only seems not to: nothing else may be lost (docs/decisions/0015-spoilt-stanzas.md). */
import { expect, test } from "vitest";
import type { ArchiveQuery } from "../../../src/transport/features/archive.js";
import { ArchiveScene, gaps, hourMs, secondMs } from "../../support/archive-scene.js";
import { juliet, romeo } from "../../support/omemo-world.js";
import { sealedLetter, silence } from "../../support/reception.js";

class Scene extends ArchiveScene {
  /** The archive says nothing to whoever does not wait for long, where `when` says so. */
  busy(when: (query: ArchiveQuery, quietMs: number | undefined) => boolean): void {
    this.archive.beforeAnswer = (query, quietMs) => { if (quietMs !== undefined && when(query, quietMs)) throw silence(quietMs); };
  }
  /** A full archive has let go of all that was read. */
  trim(): void { this.archive.messages.length = 0; }
}

test("Q16 an archive that no longer has our place, and is slow with everything, is read on from the time of it", async () => {
  const s = new Scene();
  const b = await s.reader();
  const from = s.world.clock.now();
  s.trim();
  s.wait(hourMs);
  s.write("1");
  s.busy(() => true);
  await b.catchUp.run(b.connect(s.archive));
  expect([await b.texts(), gaps(b)]).toEqual([["first", "1"], [{ kind: "gap", from }]]);
  expect(s.archive.queries).toHaveLength(6); // nothing is sought in it
});

test.each([["on the same page", 100], ["on a later page", 1]])("P08 Q16 a place that was lost, and %s one that cannot be read: both gaps are told once, and what a server with another clock wrote is read", async (_, pageMax) => {
  const s = new Scene();
  s.archive.pageMax = pageMax;
  const b = await s.reader();
  const place = s.world.clock.now();
  s.trim();
  s.write("other clock", place - 2 * secondMs);
  s.write("0", place + 2 * secondMs);
  s.wait(hourMs + 456);
  s.poison();
  s.wait(hourMs);
  s.write("1");
  await b.catchUp.run(b.connect(s.archive));
  const from = place + hourMs;
  expect([await b.texts(), gaps(b)]).toEqual([["first", "other clock", "0", "1"], [{ kind: "gap", from: place, ...(pageMax === 1 ? { until: place } : {}) }, { kind: "gap", from, until: from + secondMs }]]);
});

test("Q16 a place that is let go of while the reader goes around is no end: it is read on from the time of it", async () => {
  const s = new Scene();
  const b = await s.reader();
  for (const text of ["1", "2", "3"]) s.write(text, s.wait(hourMs));
  s.archive.pageMax = 1;
  s.busy((query) => query.after !== undefined && query.end === undefined);
  const { beforeAnswer } = s.archive;
  s.archive.beforeAnswer = (query, quietMs) => {
    const { after, end } = query;
    if (after !== undefined && end !== undefined) s.archive.messages.splice(0, s.archive.messages.findIndex(({ id }) => id === after) + 1);
    return beforeAnswer(query, quietMs);
  };
  await b.catchUp.run(b.connect(s.archive));
  expect(await b.texts()).toEqual(["first", "1", "2", "3"]);
});

test.each([["with one that cannot be read", (s: Scene) => { s.poison(); }], ["that is slow", (s: Scene) => { s.busy((query) => query.end === undefined); }]] as const)(
  "Q16 what a server whose clock was set back wrote is read, in an archive %s",
  async (_, spoil) => {
    const s = new Scene();
    const b = await s.reader();
    s.write("set back", s.world.clock.now() - 2 * secondMs);
    s.wait(hourMs);
    s.write("1");
    s.wait(hourMs);
    spoil(s);
    await b.catchUp.run(b.connect(s.archive));
    expect(await b.texts()).toEqual(["first", "set back", "1"]);
  },
);

test("P08 one that cannot be read is found where its server's clock was set back", async () => {
  const s = new Scene();
  const b = await s.reader();
  const from = s.world.clock.now() - 2 * secondMs;
  s.poison(from);
  s.write("set back too", from + 1_500);
  s.wait(hourMs);
  s.write("1");
  await b.catchUp.run(b.connect(s.archive));
  expect([await b.texts(), gaps(b)]).toEqual([["first", "set back too", "1"], [{ kind: "gap", from, until: from + secondMs }]]);
});

test("Q16 times are finer than ours: nothing falls between two windows", async () => {
  const s = new Scene();
  const b = await s.reader();
  const second = Math.ceil(s.world.clock.now() / secondMs) * secondMs;
  const texts = Array.from({ length: 400 }, (_, i) => String(i));
  for (const text of texts) s.write(text, second + (Number(text) + 1) * secondMs - 0.3);
  s.wait(hourMs);
  s.busy((query) => query.end === undefined);
  await b.catchUp.run(b.connect(s.archive));
  expect([await b.texts(), gaps(b)]).toEqual([["first", ...texts], []]);
  expect(b.events.findLast(({ kind }) => kind === "catch-up")).toMatchObject({ received: expect.toSatisfy((count: number) => count < 420) as number }); // few are read twice
});

test("Q03 an archive that stands still for a minute while the reader goes around loses nothing", async () => {
  for (let quiet = 2; quiet < 8; quiet++) {
    const s = new Scene();
    const b = await s.reader();
    s.wait(hourMs);
    s.write("1");
    let asked = 0;
    let silentMs = 0;
    s.busy((query, quietMs = 0) => { // slow with the page, then with anything for a while
      if (++asked !== 1 && (asked <= quiet || silentMs > 60_000)) return false;
      silentMs += 2 * quietMs;
      return true;
    });
    await b.catchUp.run(b.connect(s.archive));
    expect([await b.texts(), gaps(b)]).toEqual([["first", "1"], []]);
  }
});

test("P08 progress ends where it was to end, whatever is gone around", async () => {
  const s = new Scene();
  const b = await s.reader();
  s.archive.pageMax = 2;
  for (const text of ["1", "2", "3", "4"]) { s.wait(hourMs); s.write(text); }
  s.wait(hourMs);
  s.poison();
  s.wait(hourMs);
  s.write("5");
  await b.catchUp.run(b.connect(s.archive));
  expect(b.events.findLast(({ kind }) => kind === "catch-up")).toEqual({ kind: "catch-up", received: 6, total: 6, done: true }); // one was read twice
});

test.each([
  ["that cannot read two", 2, (s: Scene) => { for (const at of [0, 2]) s.archive.unreadable.add(s.archive.messages.at(at - 6)?.id ?? ""); }],
  ["that is slow", 0, (s: Scene) => { s.busy((query) => query.end === undefined); }],
] as const)("P08 Q17 whoever ends anywhere while going around in an archive %s begins where nothing is lost, and passes no place twice", async (_, places, spoil) => {
  for (let commits = 1, died = true; died; commits++) {
    const s = new Scene();
    await s.reader();
    s.write("a", s.wait(hourMs));
    for (const text of ["1", "b", "2"]) s.write(text, s.wait(2 * secondMs));
    s.write("3", s.world.clock.now() - 3 * secondMs); // its clock was set back
    s.write("4", s.wait(hourMs));
    s.archive.pageMax = 1;
    spoil(s);
    const b = await s.open();
    let left = commits;
    const run = b.ledger.run.bind(b.ledger);
    b.ledger.run = async (work) => {
      if (left-- <= 0) throw new Error("dies");
      return run(work);
    };
    died = await b.catchUp.run(b.connect(s.archive)).then(() => false, () => true);
    const c = await s.open();
    s.write("5", s.wait(hourMs));
    await c.catchUp.run(c.connect(s.archive));
    expect([...await c.texts()].sort(), `${commits} commits`).toEqual(["1", "2", "3", "4", "5", ...(places === 0 ? ["a", "b"] : []), "first"]);
    expect([...gaps(b), ...gaps(c)]).toHaveLength(places);
  }
});

test("P08 a place that was passed is not looked for again, though what was read since is not far behind it", async () => {
  const s = new Scene();
  const b = await s.reader();
  let silences = 0;
  const { query } = s.archive;
  s.archive.query = (...asked) => query(...asked).catch((error: unknown) => { silences++; throw error; });
  for (const text of ["1", "2"]) {
    s.wait(10 * secondMs);
    s.poison();
    s.wait(10 * secondMs);
    s.write(text);
    await b.catchUp.run(b.connect(s.archive));
  }
  expect([await b.texts(), gaps(b).length]).toEqual([["first", "1", "2"], 2]);
  expect(silences).toBeLessThanOrEqual(10); // each takes seconds
});

test("R21 what this device sent at the very time from which on nothing was read, and does not know, shows that its store is an old copy", async () => {
  const s = new Scene();
  const b = await s.reader();
  await s.world.device(romeo);
  s.wait(hourMs);
  s.poison();
  await b.catchUp.run(b.connect(s.archive));
  s.world.clock.time = b.cursor.place?.stamp ?? 0;
  const plan = await b.omemo.prepare([romeo]);
  const outcome = await b.ledger.run((tx) => b.omemo.seal(tx, plan, [], { to: romeo }));
  if (outcome.kind === "sealed") s.archive.store(sealedLetter(`${juliet}/balcony`, romeo, "lost", outcome.message));
  await b.catchUp.run(b.connect(s.archive));
  expect(b.rollbacks).toBe(1);
});

test.each([[100, 2], [101, 3]])("Q16 behind a lost place what was written up to five minutes earlier is read, a hundred at a time: %i messages with %i questions", async (count, questions) => {
  const s = new Scene();
  const b = await s.reader();
  const place = s.world.clock.now();
  s.trim();
  const texts = Array.from({ length: count }, (_, i) => String(i));
  s.write("too early", place - 300_001);
  for (const text of texts) s.write(text, place - 300_000);
  await b.catchUp.run(b.connect(s.archive));
  expect([await b.texts(), s.archive.queries.length]).toEqual([["first", ...texts], questions]);
});
