/** Messages that the archive has and cannot read back, so that it says nothing of a page with one of them (docs/decisions/0015-spoilt-stanzas.md). */
import { expect, test } from "vitest";
import { ArchiveScene, gaps, hourMs, secondMs } from "../../support/archive-scene.js";
import { type Reception, silence } from "../../support/reception.js";

class Scene extends ArchiveScene {
  /** How often the archive has said nothing. */
  silences = 0;
  constructor() {
    super();
    const { query } = this.archive;
    this.archive.query = (...asked) => query(...asked).catch((error: unknown) => { this.silences++; throw error; });
  }
  override reader(): Promise<Reception> { return super.reader(567); } // its place is no whole second
}

test("P08 Q16 a message that the archive cannot read back is passed: all before and behind it are read once, and a gap of a second is told", async () => {
  const s = new Scene();
  const b = await s.reader();
  for (const text of ["1", "2", "3"]) { s.wait(hourMs); s.write(text); }
  const at = s.wait(10 * hourMs + 1_234);
  s.poison();
  for (const text of ["4", "5"]) { s.wait(hourMs); s.write(text); }
  expect(await b.catchUp.run(b.connect(s.archive))).toBe(true);
  expect(await b.texts()).toEqual(["first", "1", "2", "3", "4", "5"]);
  const from = Math.floor(at / secondMs) * secondMs;
  expect(gaps(b)).toEqual([{ kind: "gap", from, until: from + secondMs }]);
  expect(s.silences).toBeLessThanOrEqual(8); // each takes seconds
  const progress = b.events.flatMap((event) => (event.kind === "catch-up" ? [event] : []));
  expect(progress.length).toBeLessThanOrEqual(8); // empty windows are no progress
  expect(Math.max(...progress.map(({ total = 0 }) => total))).toBeLessThanOrEqual(7);
  s.archive.queries.length = 0;
  s.write("6");
  await b.catchUp.run(b.connect(s.archive));
  expect([await b.texts(), s.archive.queries.length, gaps(b).length]).toEqual([["first", "1", "2", "3", "4", "5", "6"], 1, 1]);
});

test("P08 Q17 whoever ends right behind the place begins there again", async () => {
  const s = new Scene();
  const b = await s.reader();
  s.wait(hourMs);
  s.poison();
  await b.catchUp.run(b.connect(s.archive));
  s.wait(hourMs);
  s.write("after");
  s.archive.queries.length = 0;
  const again = await s.open();
  await again.catchUp.run(again.connect(s.archive));
  expect([await again.texts(), s.archive.queries.length, gaps(again)]).toEqual([["first", "after"], 1, []]);
  const unreadable = (s.archive.messages[1]?.stamp ?? 0) - 567 + secondMs;
  expect(again.cursor.place).toMatchObject({ id: s.archive.messages.at(-1)?.id, unreadable }); // the server's offline storage may hold it for ever
});

test("P08 between several such messages everything is read", async () => {
  const s = new Scene();
  const b = await s.reader();
  const texts = ["1", "2", "3", "4", "5", "6", "7", "8"];
  for (const text of texts) {
    s.wait(secondMs);
    s.poison();
    s.wait(secondMs);
    s.write(text);
  }
  await b.catchUp.run(b.connect(s.archive));
  expect([await b.texts(), gaps(b).length]).toEqual([["first", ...texts], texts.length]);
});

test("P08 L02 hundreds of them cost some twenty searches, and what is behind them is read", async () => {
  const s = new Scene();
  const b = await s.reader();
  for (let i = 0; i < 300; i++) { s.wait(40 * secondMs); s.poison(); }
  s.wait(hourMs);
  s.write("after");
  await b.catchUp.run(b.connect(s.archive));
  expect((await b.texts()).at(-1)).toBe("after");
  expect(gaps(b).length).toBeLessThanOrEqual(22);
  expect(s.silences).toBeLessThan(150);
});

test("what is given up never reaches beyond the present", async () => {
  const s = new Scene();
  const b = await s.reader();
  for (let i = 0; i < 100; i++) { s.wait(10 * secondMs); s.poison(); }
  await b.catchUp.run(b.connect(s.archive));
  expect(b.cursor.place?.stamp).toBeLessThanOrEqual(s.world.clock.now() + secondMs);
  s.wait(2 * secondMs);
  s.write("after");
  await b.catchUp.run(b.connect(s.archive));
  expect((await b.texts()).at(-1)).toBe("after");
});

test("Q03 an archive that says nothing of anything loses nothing: the connection fails, and the next one reads all", async () => {
  const s = new Scene();
  const b = await s.reader();
  Object.assign(b.clock, { schedule: (_: number, task: () => void) => { queueMicrotask(task); return () => undefined; } });
  const { place } = b.cursor;
  s.write("1");
  s.archive.beforeAnswer = (_, quietMs) => { throw silence(quietMs); };
  const quiet: (number | undefined)[] = [];
  const { query } = s.archive;
  s.archive.query = (...asked) => { quiet.push(asked[2]); return query(...asked); };
  await expect(b.catchUp.run(b.connect(s.archive))).rejects.toMatchObject({ code: "ERR_IQ_TIMEOUT", retryable: true });
  expect(quiet.at(-1)).toBeUndefined(); // all its time was given to it
  expect([b.cursor.place, gaps(b)]).toEqual([place, []]);
  s.archive.beforeAnswer = () => undefined;
  await b.catchUp.run(b.connect(s.archive));
  expect(await b.texts()).toEqual(["first", "1"]);
});

test("Q03 an archive that is only slow with something loses nothing", async () => {
  const s = new Scene();
  const b = await s.reader();
  s.wait(hourMs);
  s.poison();
  s.archive.slow = true;
  s.write("1");
  await b.catchUp.run(b.connect(s.archive));
  expect([await b.texts(), gaps(b)]).toEqual([["first", "poison", "1"], []]);
});

test("P08 a new device begins ahead of such a message, and reads what comes behind it", async () => {
  const s = new Scene();
  s.write("old");
  s.wait(hourMs);
  s.poison();
  s.wait(hourMs);
  s.write("new");
  const b = await s.open();
  await b.catchUp.run(b.connect(s.archive));
  expect((await b.texts()).at(-1)).toBe("new");
  expect(gaps(b)).toHaveLength(1);
});

test.each([
  ["before the place is sought", 1],
  ["while it is sought", 3],
  ["while it is sought closely", 5],
  ["before it is given up", 6],
])("Q03 an archive that is well again %s loses nothing", async (_when, silences) => {
  const s = new Scene();
  const b = await s.reader();
  s.wait(100 * hourMs);
  s.poison();
  s.write("1");
  s.archive.beforeAnswer = () => { if (s.silences >= silences) s.archive.unreadable.clear(); };
  await b.catchUp.run(b.connect(s.archive));
  expect([await b.texts(), gaps(b)]).toEqual([["first", "poison", "1"], []]);
});

test("Q03 a new device that finds nothing that can be read gives up, and comes again", async () => {
  const s = new Scene();
  s.write("old");
  const b = await s.open();
  s.archive.beforeAnswer = ({ before }, quietMs) => { if (before !== undefined) throw silence(quietMs); };
  await expect(b.catchUp.run(b.connect(s.archive))).rejects.toMatchObject({ code: "ERR_IQ_TIMEOUT", retryable: true });
  expect(b.cursor.place).toBeUndefined();
});

test("Q03 a new device gives all its time to an archive that is slow with everything", async () => {
  const s = new Scene();
  s.write("old");
  const b = await s.open();
  s.archive.beforeAnswer = (_, quietMs) => { if (quietMs !== undefined) throw silence(quietMs); };
  await b.catchUp.run(b.connect(s.archive));
  expect(b.cursor.place).toMatchObject({ id: s.archive.messages[0]?.id });
});
