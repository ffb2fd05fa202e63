/** The process dies at every commit and at every read of the store while messages are taken in; another one goes on from the disk. */
import { expect, test } from "vitest";
import type { XmlElement } from "../../../src/base/xml.js";
import type { StoreKey } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import type { MemoryDisk } from "../../../src/storage/memory.js";
import { type FaultKind, type FaultyStore, faultyStore, type StoreOperation } from "../../../src/testing/faulty-store.js";
import { juliet, romeo, World } from "../../support/omemo-world.js";
import { Reception, sealedLetter, ServerArchive } from "../../support/reception.js";

const orchard = `${romeo}/orchard`;

interface Scene { readonly world: World; readonly disk: MemoryDisk; readonly archive: ServerArchive; readonly live: readonly XmlElement[]; readonly texts: readonly string[] }

/** Juliet is offline; some messages are in the archive, others come live while she catches up. */
async function scene(archived: number, live: number): Promise<Scene> {
  const world = new World();
  const a = await world.device(romeo);
  const b = await Reception.open(world, juliet);
  await b.omemo.announce();
  const archive = new ServerArchive(juliet, world.clock);
  await b.catchUp.run(b.connect(archive));
  const texts = Array.from({ length: archived + live }, (_, i) => `text ${i.toString()}`);
  const delivered: XmlElement[] = [];
  for (const text of texts) delivered.push(archive.store(sealedLetter(orchard, juliet, text, await a.send(juliet, text))));
  archive.pageMax = 2;
  return { world, disk: b.disk, archive, live: delivered.slice(archived), texts };
}

const copyOf = (disk: MemoryDisk): MemoryDisk => ({ ...disk, rows: new Map(disk.rows) });

/** One life of the process; ends early where the store dies. */
async function live({ world, archive, live: stanzas }: Scene, disk: MemoryDisk, fault?: Parameters<typeof faultyStore>[1]): Promise<{ b: Reception | undefined; store: FaultyStore }> {
  let store!: FaultyStore;
  try {
    const b = await Reception.open(world, juliet, { disk, store: (inner) => (store = faultyStore(inner, fault)) });
    const connection = b.connect(archive);
    // What comes live is not in the archive's answers yet.
    const total = archive.messages.length;
    const hidden = archive.messages.splice(total - stanzas.length);
    for (const stanza of stanzas) b.accept(stanza, connection);
    try {
      await b.catchUp.run(connection);
    } finally {
      archive.messages.push(...hidden);
      await b.receiver.settled();
    }
    return { b, store };
  } catch {
    return { b: undefined, store };
  }
}

async function survives(scenario: Scene, operations: readonly StoreOperation[], kind: FaultKind): Promise<number> {
  let points = 0;
  for (let at = 1; ; at++) {
    const disk = copyOf(scenario.disk);
    const first = await live(scenario, disk, { at, kind, operations });
    if (first.store.counted < at) return points;
    points += 1;
    const acknowledged = first.b?.released.length ?? 0;
    const { b } = await live(scenario, disk);
    expect(b, `${kind} at ${at.toString()}`).toBeDefined();
    // Once each, in the order of the conversation; and what was acknowledged is not asked of the server again.
    expect((await b!.texts()).join(), `${kind} at ${at.toString()}`).toBe(scenario.texts.join());
    if (acknowledged > 0) expect(acknowledged).toBeLessThanOrEqual(scenario.live.length);
    expect([...disk.rows.keys()].filter((key: StoreKey) => key.startsWith("client/sid/"))).toHaveLength(scenario.texts.length);
  }
}

test("Q17 D01 dying before, at or after any commit of a catch-up with live messages loses, doubles and spoils no message", { timeout: 300_000 }, async () => {
  const scenario = await scene(5, 2);
  for (const kind of ["fail", "die-before", "die-after"] as const) expect(await survives(scenario, ["commit"], kind)).toBeGreaterThanOrEqual(4);
});

test("Q17 dying at any read of the store loses, doubles and spoils no message", { timeout: 300_000 }, async () => {
  const scenario = await scene(2, 1);
  expect(await survives(scenario, ["get", "getMany", "list"], "die-before")).toBeGreaterThan(20);
});

test("Q17 a page that could not be committed is read again by the next connection of the same process", async () => {
  const { world, disk, archive, texts } = await scene(3, 0);
  const b = await Reception.open(world, juliet, { disk });
  const commit = b.store.commit.bind(b.store);
  let refused = 0;
  b.store.commit = (changes, fence) => {
    if (refused > 0 || !changes.some(({ key }) => key === "client/archive")) return commit(changes, fence);
    refused += 1;
    return Promise.reject(new StorageError("ERR_STORE_FAILED", "not now", { retryable: true }));
  };
  await expect(b.catchUp.run(b.connect(archive))).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  await b.catchUp.run(b.connect(archive));
  expect([refused, await b.texts()]).toEqual([1, texts]);
});
