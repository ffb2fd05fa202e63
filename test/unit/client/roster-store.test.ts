/** The roster between two runs: the cache and its version (RFC 6121 section 2.6), crashes, rows that cannot be read. */
import { describe, expect, test } from "vitest";
import { utf8, utf8Decode } from "../../../src/base/bytes.js";
import type { XmlElement } from "../../../src/base/xml.js";
import { storeKey, type StoreKey } from "../../../src/session/ports.js";
import { memoryDisk, type MemoryDisk } from "../../../src/storage/memory.js";
import { faultyStore, type FaultKind } from "../../../src/testing/faulty-store.js";
import { item, juliet, nurse, presence, push, query, result, RosterWorld, settle } from "../../support/roster-world.js";

const both = item(juliet, { name: "Juliet", subscription: "both" }, "B", "A");
const versionAsked = (world: RosterWorld): string | undefined => (world.stream.asked().children[0] as XmlElement).attrs["ver"];
const rows = (disk: MemoryDisk): readonly string[] => [...disk.rows.keys()].filter((key) => key.startsWith("client/roster/")).sort();

test("the cache is there before any stream, names its version, and an empty answer makes it the truth", async () => {
  const disk = memoryDisk();
  await (await RosterWorld.open({ disk })).online(query("v1", both, item(nurse, { ask: "subscribe", approved: "1" })));
  const world = await RosterWorld.open({ disk });
  expect(world.view).toEqual(["juliet Juliet [A,B] both", "nurse - [] none out approved"]);
  expect(world.roster.getSnapshot().freshness).toBe("cached");
  await world.online(undefined);
  expect(versionAsked(world)).toBe("v1");
  expect(world.roster.getSnapshot().freshness).toBe("synchronized");
  expect(world.view).toHaveLength(2);
  expect(world.changes).toEqual([]);
});

test("what has changed while nobody was there is told as changes; a first roster is not told contact by contact", async () => {
  const disk = memoryDisk();
  const first = await RosterWorld.open({ disk });
  await first.online(query("v1", both, item(nurse, { subscription: "none", ask: "subscribe" })));
  await settle();
  expect(first.events).toEqual([]);
  expect(first.changes.map(({ jid, by }) => `${by} ${jid}`)).toEqual([`server ${juliet}`, `server ${nurse}`]);
  const world = await RosterWorld.open({ disk });
  await world.online(query("v2", item(nurse), item("tybalt@capulet.example", { subscription: "from" })));
  expect(world.changes.map(({ jid, before, after }) => `${jid} ${before?.subscription ?? "absent"} ${after?.subscription ?? "absent"}`)).toEqual([
    `${nurse} none none`, "tybalt@capulet.example absent from", `${juliet} both absent`]);
  expect(world.events).toEqual([
    { kind: "subscription-changed", jid: nurse, subscription: "none" }, { kind: "subscription-changed", jid: "tybalt@capulet.example", subscription: "from" },
    { kind: "subscription-changed", jid: juliet, subscription: "none" }]);
});

test("pushes move the version on, and one without a version leaves none", async () => {
  const disk = memoryDisk();
  const world = await RosterWorld.open({ disk });
  const stream = await world.online(query("v1", both));
  stream.arrive(push("v2", item(nurse)), push("v3", item(nurse, { subscription: "to" })));
  await settle();
  const second = await RosterWorld.open({ disk });
  await second.online(undefined);
  expect(versionAsked(second)).toBe("v3");
  expect(second.view).toEqual(["juliet Juliet [A,B] both", "nurse - [] to"]);
  second.stream.arrive(push(undefined, item(nurse, { subscription: "remove" })));
  await settle();
  const third = await RosterWorld.open({ disk });
  await third.online(query("v9", both));
  expect(versionAsked(third)).toBe("");
});

test.each([
  ["a list", async (world: RosterWorld) => { await world.online(query("v2", both, item("a@b@c"))); }],
  ["a push, and another one behind it", async (world: RosterWorld) => {
    (await world.online(query("v1", both))).arrive(push("v2", item(nurse, { subscription: "??" })), push("v3", item("t@e.example")));
  }],
  ["a push beside the answer", async (world: RosterWorld) => {
    const stream = world.attach();
    const prepared = world.roster.prepare(stream.connection);
    stream.arrive(push("v2", item("a@b@c")), result(stream.asked(), query("v2", both)));
    await settle();
    stream.arrive(push("v2", item("a@b@c")), result(stream.asked(), query("v2", both)));
    await settle();
    stream.arrive(push("v2", item("a@b@c")), result(stream.asked(), query("v2", both)));
    await prepared;
  }],
])("a state of which something was left out has no version: %s", async (_title, happen) => {
  const disk = memoryDisk();
  const world = await RosterWorld.open({ disk });
  await happen(world);
  await settle();
  const later = await RosterWorld.open({ disk });
  expect(later.view.length).toBeGreaterThan(0);
  await later.online(query("v3", both));
  expect(versionAsked(later)).toBe("");
});

test("between our own change and its push the state has no version", async () => {
  const disk = memoryDisk();
  const world = await RosterWorld.open({ disk });
  await world.online(query("v1", both));
  const done = world.roster.rename(juliet, "Sun");
  await settle();
  world.stream.arrive(result(world.stream.asked()));
  await done;
  await settle();
  const between = await RosterWorld.open({ disk });
  await between.online(query("v2", item(juliet, { name: "Sun" })));
  expect(versionAsked(between)).toBe("");
  between.stream.arrive(push("v3", item(juliet, { name: "Sun", subscription: "to" })));
  await settle();
  const after = await RosterWorld.open({ disk });
  await after.online(undefined);
  expect([versionAsked(after), after.view]).toEqual(["v3", ["juliet Sun [] to"]]);
});

test("contacts share rows, and a change writes one of them", async () => {
  const disk = memoryDisk();
  const world = await RosterWorld.open({ disk });
  const stream = await world.online(query("v1", ...Array.from({ length: 1_000 }, (_, i) => item(`c${String(i)}@e.example`))));
  expect(rows(disk).length).toBeLessThanOrEqual(65);
  const before = new Map(disk.rows);
  stream.arrive(push("v2", item("c7@e.example", { name: "Seven" })));
  await settle();
  expect([...disk.rows].filter(([key, value]) => before.get(key)?.join() !== value.join()).map(([key]) => key)).toHaveLength(2); // its row and the head
  const removed = push("v3", item("c7@e.example", { subscription: "remove" }));
  stream.arrive(removed);
  await settle();
  expect((await RosterWorld.open({ disk })).roster.getSnapshot().contacts.size).toBe(999);
});

/** A life of the roster; what the server has after each step. */
const truths: ReadonlyMap<string, readonly string[]> = new Map([
  ["v1", ["juliet Juliet [A,B] both", "nurse - [] none"]],
  ["v2", ["juliet Juliet [A,B] both", "nurse - [] to"]],
  ["v3", ["nurse - [] to"]],
  ["v4", ["nurse - [] to", "tybalt - [] none"]],
]);
async function live(world: RosterWorld): Promise<void> {
  const stream = world.attach();
  const prepared = world.roster.prepare(stream.connection).catch((error: unknown) => { world.errors.push(error); }); // as whoever sets a stream up
  stream.arrive(result(stream.asked(), query("v1", both, item(nurse))));
  await prepared;
  for (const each of [push("v2", item(nurse, { subscription: "to" })), push("v3", item(juliet, { subscription: "remove" })), push("v4", item("tybalt@capulet.example"))]) {
    stream.arrive(each);
    await settle();
  }
}

describe("D01 V05 a crash at each commit", () => {
  test.each((["die-before", "die-after", "fail"] as const).flatMap((kind) => [1, 2, 3, 4].map((at) => [kind, at] as [FaultKind, number])))(
    "%s at commit %i: what is stored under a version is the state of that version", async (kind, at) => {
      const disk = memoryDisk();
      const world = await RosterWorld.open({ disk, store: (inner) => faultyStore(inner, { at, kind }) });
      await live(world);
      expect(world.errors.length).toBeGreaterThan(0);
      expect(world.view).toEqual(truths.get("v4")); // memory goes on with the truth
      const later = await RosterWorld.open({ disk });
      const stream = later.attach();
      void later.roster.prepare(stream.connection).catch(() => undefined);
      const version = versionAsked(later) ?? "";
      expect(later.view).toEqual(version === "" ? [] : truths.get(version));
      if (kind === "fail" && at < 4) expect(version).toBe("v4"); // the next commit has brought everything
    });

  test("changes are told even if the disk does not take them, for rules hang on them", async () => {
    const world = await RosterWorld.open({ store: (inner) => faultyStore(inner, { at: 2, kind: "die-before" }) });
    await live(world);
    expect(world.changes.map(({ jid }) => jid)).toEqual([juliet, nurse, nurse, juliet, "tybalt@capulet.example"]);
    expect(world.errors).toMatchObject([{ code: "ERR_STORE_FAILED" }, { code: "ERR_STORE_FAILED" }, { code: "ERR_STORE_FAILED" }]);
  });

});

test("a roster that cannot be stored is told once: by whoever asked for it; what nobody waits for tells itself", async () => {
  for (const at of [1, 2]) {
    const world = await RosterWorld.open({ store: (inner) => faultyStore(inner, { at, kind: "fail" }) });
    await live(world);
    expect(world.errors).toMatchObject([{ code: "ERR_STORE_FAILED" }]);
  }
});

test("a roster that cannot be stored is no beginning of a stream", async () => {
  const world = await RosterWorld.open({ store: (inner) => faultyStore(inner, { at: 1, kind: "fail" }) });
  await expect(world.online(query("v1", both))).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
});

describe("rows that do not make one state", () => {
  const rowOf = (disk: MemoryDisk): StoreKey => storeKey(rows(disk).find((key) => key.includes("contacts")) ?? "");
  const change = (disk: MemoryDisk, key: StoreKey, amend: (text: string) => string): void => { disk.rows.set(key, utf8(amend(utf8Decode(disk.rows.get(key) ?? new Uint8Array()) ?? ""))); };
  const head = storeKey("client/roster/head");

  test.each<readonly [string, (disk: MemoryDisk) => void]>([
    ["a row that is no JSON", (disk) => { disk.rows.set(rowOf(disk), utf8("{")); }],
    ["a row without entries", (disk) => { change(disk, rowOf(disk), () => '{"v":1}'); }],
    ["a row of another version", (disk) => { change(disk, rowOf(disk), (text) => text.replace('"v":1', '"v":2')); }],
    ["an unknown subscription", (disk) => { change(disk, rowOf(disk), (text) => text.replace('"both"', '"all"')); }],
    ["a malformed address", (disk) => { change(disk, rowOf(disk), (text) => text.replace(juliet, "a@b@c")); }],
    ["groups that are none", (disk) => { change(disk, rowOf(disk), (text) => text.replace('["A","B"]', "[1]")); }],
    ["a mark that is none", (disk) => { change(disk, rowOf(disk), (text) => text.replace('"groups"', '"approved":0,"groups"')); }],
    ["another address than the row is for", (disk) => { change(disk, rowOf(disk), (text) => text.replace(juliet, "julia@capulet.example")); }],
    ["a row that is missing", (disk) => { disk.rows.delete(rowOf(disk)); }],
    ["a row too many", (disk) => { disk.rows.set(storeKey("client/roster/contacts/999"), disk.rows.get(rowOf(disk)) ?? new Uint8Array()); }],
    ["no head", (disk) => { disk.rows.delete(head); }],
    ["a head that is none", (disk) => { disk.rows.set(head, utf8('{"v":1}')); }],
    ["a head that counts otherwise", (disk) => { change(disk, head, (text) => text.replace('"contacts":1', '"contacts":2')); }],
    ["a request that is none", (disk) => { disk.rows.set(storeKey("client/requests/1"), utf8('{"v":1,"entries":[{}]}')); }],
  ])("D13 %s: told with its code, fetched anew, and whole again", async (_title, damage) => {
    const disk = memoryDisk();
    await (await RosterWorld.open({ disk })).online(query("v1", both));
    damage(disk);
    const world = await RosterWorld.open({ disk });
    expect([world.view, world.errors]).toEqual([[], []]);
    await world.online(query("v1", both));
    expect(versionAsked(world)).toBe("");
    expect(world.errors).toMatchObject([{ code: "ERR_RECORD_INVALID" }]);
    expect(world.view).toEqual(["juliet Juliet [A,B] both"]);
    const later = await RosterWorld.open({ disk });
    await later.online(undefined);
    expect([versionAsked(later), later.errors, later.view]).toEqual(["v1", [], ["juliet Juliet [A,B] both"]]);
  });

  test("a store that cannot be read is no damage: nothing is thrown away", async () => {
    await expect(RosterWorld.open({ store: (inner) => faultyStore(inner, { at: 1, kind: "fail", operations: ["list"] }) })).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  });

  test("an empty roster is kept, and asked for as a whole: Prosody gives the first contact the version that the empty roster had", async () => {
    const disk = memoryDisk();
    const first = await RosterWorld.open({ disk });
    (await first.online(query("v1", both))).arrive(push("v2", item(juliet, { subscription: "remove" })));
    await settle();
    const world = await RosterWorld.open({ disk });
    expect([world.view, rows(disk)]).toEqual([[], [head]]);
    await world.online(query("v2", both));
    expect([versionAsked(world), world.view.length]).toEqual(["", 1]);
  });

  test("requests outlive the process with what was written", async () => {
    const disk = memoryDisk();
    const first = await RosterWorld.open({ disk });
    (await first.online(query("v1"))).arrive(presence("subscribe", nurse), presence("subscribe", juliet));
    await settle();
    const world = await RosterWorld.open({ disk });
    expect(world.roster.getSnapshot().requests.map(({ jid }) => jid).sort()).toEqual([juliet, nurse]);
  });
});
