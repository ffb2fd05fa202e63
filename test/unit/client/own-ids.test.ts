/** How long the ids of what this device has sealed are remembered: threats R21. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { createClientWith } from "../../../src/client/create-client.js";
import { decodeJson, stringField } from "../../../src/client/json-record.js";
import { ownKey, ownRange } from "../../../src/client/outbox/entry.js";
import { pruneOwnIds } from "../../../src/client/outbox/own-ids.js";
import { storeKey } from "../../../src/session/ports.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { establishSession } from "../../../src/transport/stream/establish.js";
import { encodeReceipt } from "../../../src/transport/xep/xep0184.js";
import { Life } from "../../simulation/life.js";
import { Wire } from "../../simulation/wire.js";
import { romeo, testWorld } from "../../support/facade-world.js";
import { juliet, type OutboxRun, OutboxWorld, quiet } from "../../support/outbox-world.js";
import { PeopleServer } from "../../support/people-server.js";

const day = 86_400_000;
const nobody = (): readonly never[] => [];

interface Scene {
  readonly world: OutboxWorld;
  readonly run: OutboxRun;
  /** Of the receipt. */
  readonly id: string;
  readonly known: (id: string) => Promise<boolean>;
  /** What a catch-up does that has read the archive to its end. */
  readonly prune: (waiting: () => Iterable<{ readonly id: string }>) => Promise<void>;
}

/** A receipt that was sealed and written, and that nobody has confirmed for eight days. */
async function scene(): Promise<Scene> {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  await run.ledger.run((tx) => run.sender.intake.notify(tx, juliet, [encodeReceipt("x")], { protection: "omemo", purpose: "receipt" }));
  await expect.poll(() => link.stream.sent.length).toBe(1);
  const [row] = await run.store.list({ prefix: "client/outbox/" });
  const id = row === undefined ? "" : stringField(decodeJson(row.value), "id");
  link.stream.cut();
  run.sender.detach();
  world.clock.time += 8 * day;
  return {
    world, run, id,
    known: (each) => run.ledger.run((tx) => run.sender.knows(tx, each)),
    prune: (waiting) => pruneOwnIds(run.ledger, world.clock.now() - 7 * day, waiting),
  };
}

test("R21 the id of what waits is remembered however long it waits, and its age counts from when it left", async () => {
  const { world, run, id, known, prune } = await scene();
  await prune(() => [{ id }]);
  expect(await known(id)).toBe(true);
  const next = world.fresh();
  run.sender.attach(next.connection);
  await world.looks();
  next.stream.acknowledge();
  await quiet();
  expect(run.sender.waiting).toBe(0);
  await prune(nobody);
  expect(await run.ledger.run((tx) => run.sender.archived(tx, id, "s1"))).toBe("known");
  world.clock.time += 8 * day;
  await prune(nobody);
  expect(await known(id)).toBe(false);
});

test("R21 so does that of what the archive turns out to have", async () => {
  const { world, run, id, known, prune } = await scene();
  expect(await run.ledger.run((tx) => run.sender.archived(tx, id, "s1"))).toBe("known");
  expect(run.sender.waiting).toBe(0);
  await prune(nobody);
  expect(await known(id)).toBe(true);
  world.clock.time += 8 * day;
  await prune(nobody);
  expect(await known(id)).toBe(false);
});

test("R21 an id that is noted anew while old ones are looked for stays", async () => {
  const { run, id, known, prune } = await scene();
  const list = run.store.list.bind(run.store);
  let looked = 0;
  run.store.list = async (range) => {
    const rows = await list(range);
    if (range.prefix === ownRange.prefix && looked++ === 0) await run.ledger.run((tx) => { run.sender.noteOwn(tx, id); });
    return rows;
  };
  await prune(nobody);
  expect([looked, await known(id)]).toEqual([1, true]);
});

test.each([[true, ["client/own/gone"]], [false, []]])("R21 a client forgets old ids when it has read its archive, and none of what waits (archive: %s)", async (archived, expected) => {
  const { scheduler } = testWorld();
  const server = new PeopleServer(scheduler, { domain: "verona.example", resumeSeconds: 60, tellsHandled: true, managed: true, archived });
  server.register(romeo);
  const disk = memoryDisk();
  const store = memoryStore(disk);
  const commit = store.commit.bind(store);
  const forgotten: string[] = [];
  store.commit = (changes, fence) => {
    forgotten.push(...changes.flatMap(({ kind, key }) => (kind === "delete" && key.startsWith(ownRange.prefix) ? [key] : [])));
    return commit(changes, fence);
  };
  const client = await createClientWith({ account: romeo, password: "secret", service: "wss://verona.example/ws", store, autoConnect: false }, {
    connector: (options) => {
      const wire = new Wire({ scheduler, random: () => 0, life: new Life(), features: server.features, onLeaving: () => undefined });
      server.accept(romeo, wire);
      return establishSession(wire, options);
    },
  });
  const waiting = client.conversation("nurse@verona.example").send({ text: "waits" });
  await waiting.reached("stored");
  for (const key of [ownKey(waiting.id), storeKey("client/own/gone")]) if (key !== undefined) disk.rows.set(key, utf8("1"));
  client.connect();
  await client.ready();
  await client.close();
  expect(forgotten).toEqual(expected);
});
