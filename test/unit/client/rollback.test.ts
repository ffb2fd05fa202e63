/** What follows from a store that has gone back in time, whatever breaks off in between: threats R21, D01. */
import { describe, expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { systemRng } from "../../../src/base/rng.js";
import type { ClientEvent } from "../../../src/client/events.js";
import type { Connection } from "../../../src/client/link.js";
import { CatchUp } from "../../../src/client/receive/catch-up.js";
import { liveUnreadMax } from "../../../src/client/receive/receiver.js";
import { Rollback } from "../../../src/client/rollback/rollback.js";
import { StoreHistory } from "../../../src/client/rollback/store-history.js";
import { Witness } from "../../../src/client/rollback/witness.js";
import { StreamSetup, type StreamSetupDeps } from "../../../src/client/stream-setup.js";
import { storeKey } from "../../../src/session/ports.js";
import type { MemoryDisk } from "../../../src/storage/memory.js";
import { type FaultKind, type FaultyStore, faultyStore } from "../../../src/testing/faulty-store.js";
import { juliet, romeo, World } from "../../support/omemo-world.js";
import { plainLetter, Reception, type ReceptionOptions, sealedLetter, ServerArchive } from "../../support/reception.js";

const orchard = `${romeo}/orchard`;
const mark = storeKey("client/rolled-back");
const copyOf = (disk: MemoryDisk): MemoryDisk => ({ ...disk, rows: new Map(disk.rows) });

/** One run of a client of Juliet, as far as rollbacks are concerned. */
interface Life {
  readonly b: Reception;
  readonly told: Extract<ClientEvent, { kind: "rolled-back" }>[];
  readonly rollback: Rollback;
  /** A stream until it would be online. */
  readonly stream: () => Promise<void>;
  readonly deviceId: () => number;
}

async function live(world: World, archive: ServerArchive, onRollback: "renew" | "stop", options: ReceptionOptions): Promise<Life> {
  const b = await Reception.open(world, juliet, options);
  const { ledger, omemo, receiver, cursor, clock, store } = b;
  const told: Life["told"][number][] = [];
  const emit = (event: ClientEvent): void => { if (event.kind === "rolled-back") told.push(event); };
  const rollback = new Rollback({
    ledger, omemo, emit, onRollback,
    witness: new Witness({ account: juliet, ledger, rng: systemRng(), deviceId: () => omemo.self.address.deviceId }),
    history: await StoreHistory.load(store, ledger),
    suspectOutbox: () => ledger.run((tx) => { tx.put(storeKey("client/outbox-suspect"), utf8("1")); }),
  });
  const catchUp = new CatchUp({ ledger, omemo, receiver, cursor, clock, emit, onRollback: () => rollback.detected() });
  const stream = async (): Promise<void> => {
    await rollback.begin();
    await catchUp.run(b.connect(archive));
  };
  return { b, told, rollback, stream, deviceId: () => omemo.self.address.deviceId };
}

/** Juliet's disk as it was before her device sent what the archive has of it. */
async function story(): Promise<{ world: World; archive: ServerArchive; backup: MemoryDisk; former: number; send: (id: string) => Promise<void> }> {
  const world = new World();
  await world.device(romeo);
  const b = await Reception.open(world, juliet);
  await b.omemo.announce();
  const archive = new ServerArchive(juliet, world.clock);
  await b.catchUp.run(b.connect(archive));
  await StoreHistory.load(b.store, b.ledger);
  const backup = copyOf(b.disk);
  const send = async (id: string): Promise<void> => {
    const plan = await b.omemo.prepare([romeo]);
    const outcome = await b.ledger.run((tx) => b.omemo.seal(tx, plan, [], { to: romeo }));
    if (outcome.kind === "sealed") archive.store(sealedLetter(`${juliet}/balcony`, romeo, id, outcome.message));
  };
  await send("lost");
  return { world, archive, backup, former: b.omemo.self.address.deviceId, send };
}

describe("R21 D01 a copy that only the archive can tell", () => {
  test.each(["die-before", "die-after"] as const satisfies readonly FaultKind[])("is replaced and told about, at whichever commit the process dies (%s)", async (kind) => {
    const { world, archive, backup, former } = await story();
    let died = 0;
    for (let at = 1; ; at++) {
      const disk = copyOf(backup);
      let store: FaultyStore | undefined;
      const first = await live(world, archive, "renew", { disk, store: (inner) => (store = faultyStore(inner, { at, kind })) }).catch(() => undefined);
      await first?.stream().catch(() => undefined);
      if (store?.dead !== true) break;
      died += 1;
      const second = await live(world, archive, "renew", { disk });
      await second.stream();
      expect(second.deviceId()).not.toBe(former);
      const told = [...first?.told ?? [], ...second.told];
      expect(told.length).toBeGreaterThan(0);
      for (const event of told) expect(event).toEqual({ kind: "rolled-back", formerDeviceId: former, deviceId: second.deviceId() });
      expect(disk.rows.has(mark)).toBe(false);
    }
    expect(died).toBeGreaterThanOrEqual(6); // the page, the history, the outbox, the device, the witness, the mark at least
  });

  test("stays refused, in this run and in others, until it is opened with renew", async () => {
    const { world, archive, backup: disk, former } = await story();
    for (let run = 0; run < 2; run++) {
      const { stream, deviceId, told } = await live(world, archive, "stop", { disk });
      for (let attempt = 0; attempt < 2; attempt++) await expect(stream()).rejects.toMatchObject({ code: "ERR_STORE_ROLLED_BACK", retryable: false });
      expect([deviceId(), told]).toEqual([former, []]);
    }
    const { stream, deviceId, told } = await live(world, archive, "renew", { disk });
    await stream();
    await stream();
    expect(told).toEqual([{ kind: "rolled-back", formerDeviceId: former, deviceId: deviceId() }]);
    expect(deviceId()).not.toBe(former);
  });

  test("D11 is one rollback for a store that says so as well, also if the process dies before it could follow", async () => {
    const { world, archive, backup, former } = await story();
    const ids = new Set<number>();
    for (let at = 1; ; at++) {
      const disk = copyOf(backup);
      disk.history = "another line of commits";
      let store: FaultyStore | undefined;
      const first = await live(world, archive, "renew", { disk, store: (inner) => (store = faultyStore(inner, { at, kind: "die-after" })) }).catch(() => undefined);
      await first?.stream().catch(() => undefined);
      const second = await live(world, archive, "renew", { disk });
      await second.stream();
      for (const { deviceId } of [...first?.told ?? [], ...second.told]) ids.add(deviceId);
      expect([...ids]).toEqual([second.deviceId()]);
      expect(second.deviceId()).not.toBe(former);
      ids.clear();
      if (store?.dead !== true) break;
    }
  });
});

test("R21 what is noticed in passing ends the stream: the device is neither replaced nor refused where nobody would announce or hear it", async () => {
  const { world, archive, backup: disk, former, send } = await story();
  archive.messages.length = 0; // nothing shows it yet
  const { b, told, rollback, stream, deviceId } = await live(world, archive, "renew", { disk });
  await stream();
  const online = b.connect(archive);
  b.receiver.open(online);
  await send("lost by now");
  for (let i = 1; i <= liveUnreadMax; i++) await b.take(archive.store(plainLetter(orchard, juliet, String(i), String(i))), online);
  await expect.poll(() => b.closed).toBe(1);
  expect([deviceId(), told, await rollback.isDue(), disk.rows.has(mark)]).toEqual([former, [], true, true]);
  expect(b.followUps).toEqual([]);
  await stream();
  expect(told).toEqual([{ kind: "rolled-back", formerDeviceId: former, deviceId: deviceId() }]);
  expect(deviceId()).not.toBe(former);
  expect(await rollback.isDue()).toBe(false);
});

test("R21 a session that goes on behind such a stream ends as well, until the device is replaced", async () => {
  const { world, archive, backup: disk } = await story();
  // A session that goes on asks for nothing else.
  const goOn = ({ rollback }: Life): Promise<void> => new StreamSetup({ rollback } as unknown as StreamSetupDeps).prepare({ continued: true } as Connection);
  const stopped = await live(world, archive, "stop", { disk });
  await goOn(stopped);
  await expect(stopped.stream()).rejects.toMatchObject({ code: "ERR_STORE_ROLLED_BACK" });
  await expect(goOn(stopped)).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED", retryable: true });
  const renewed = await live(world, archive, "renew", { disk });
  await renewed.stream();
  await goOn(renewed);
});
