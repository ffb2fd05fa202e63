/** D13: a client starts whatever row of its store cannot be read, but for its identity; what each of them means for what follows. */
import { expect, onTestFinished, test } from "vitest";
import { utf8, utf8Decode } from "../../../src/base/bytes.js";
import type { SottoClient } from "../../../src/client/client.js";
import { createClientWith } from "../../../src/client/create-client.js";
import type { ClientEvent } from "../../../src/client/events.js";
import type { ClientOptions } from "../../../src/client/options.js";
import type { StoreKey } from "../../../src/session/ports.js";
import { decodeOwnBundle, type OwnBundleRecord } from "../../../src/session/records/own-records.js";
import { Life } from "../../simulation/life.js";
import { damagedStore } from "../../support/damaged-store.js";
import { type FacadeWorld, juliet, nurse, romeo, testWorld, when } from "../../support/facade-world.js";

const ways = ["store", "record"] as const;
type Way = (typeof ways)[number];

/** What a client says from its start on. */
interface Run {
  readonly client: SottoClient;
  readonly events: ClientEvent[];
}

/** Romeo's client on the disk of `world`, on which rows cannot be read. */
async function run(world: FacadeWorld, bad: readonly string[] = [], way: Way = "store", options: Partial<ClientOptions> = {}): Promise<Run> {
  if (way === "record") for (const key of bad) world.disk.rows.set(key as StoreKey, utf8("?"));
  const store = damagedStore(world.disk, new Set(way === "store" ? bad : []));
  const client = await createClientWith({ account: romeo, password: "secret", service: "wss://verona.example/ws", store, autoConnect: false, ...options }, world.network(romeo, new Life()));
  onTestFinished(() => client.close());
  const events: ClientEvent[] = [];
  client.onEvent((event) => { events.push(event); });
  return { client, events };
}

const online = async ({ client }: Run): Promise<void> => {
  client.connect();
  await client.ready();
};

/** A device that has published its keys, and has sent and received. @returns Juliet's client */
async function lived(world: FacadeWorld, options: Partial<ClientOptions> = {}): Promise<SottoClient> {
  const first = await run(world, [], "store", options);
  await online(first);
  const other = await world.other(juliet);
  await first.client.conversation(juliet).send({ text: "to juliet" }).reached("delivered");
  await other.conversation(romeo).send({ text: "to romeo" }).reached("delivered");
  await first.client.disconnect();
  await first.client.conversation(juliet).send({ text: "later" }).reached("stored");
  await first.client.close();
  return other;
}

const kinds = ({ events }: Run): readonly string[] => events.map(({ kind }) => kind);
const texts = async ({ client }: Run): Promise<readonly string[]> => (await client.history()).map(({ text }) => text).sort();

test.each(ways)("a client starts, and says what is wrong, whatever row cannot be read; only without its identity it does not (%s)", async (way) => {
  const world = testWorld();
  await lived(world);
  const whole = new Map(world.disk.rows);
  const refused: string[] = [];
  for (const key of whole.keys()) {
    if (/prekey\/0*([2-9]|[1-8][0-9])$/.test(key)) continue; // one is like the other
    world.disk.rows.clear();
    for (const [each, value] of whole) world.disk.rows.set(each, value);
    try {
      await (await run(world, [key], way)).client.close();
    } catch (error) {
      refused.push(`${key} ${(error as { readonly code: string }).code}`);
    }
  }
  expect(refused).toEqual(["omemo/own ERR_RECORD_INVALID"]);
});

test.each(ways)("a client that cannot read where it was in the archive reads on from there: nothing is missed or doubled, and no lost state is suspected (%s)", async (way) => {
  const world = testWorld();
  const other = await lived(world);
  await other.conversation(romeo).send({ text: "missed" }).reached("sent");
  const again = await run(world, ["client/archive"], way);
  await online(again);
  expect(await texts(again)).toEqual(["later", "missed", "to juliet", "to romeo"]);
  expect(kinds(again)).toContain("error");
  for (const kind of ["gap", "rolled-back", "history-unreadable"]) expect(kinds(again)).not.toContain(kind);
});

test("a client that has lost where it was in the archive for good says that something may be missing", async () => {
  const world = testWorld();
  await lived(world);
  const again = await run(world, ["client/archive", "client/where-archive"]);
  await online(again);
  expect(kinds(again)).toContain("gap");
  expect(kinds(again)).not.toContain("history-unreadable"); // as a new device would say
});

test.each(ways)("N14 whose store it is, is said by its identity where the row cannot be read, and by nobody's guess (%s)", async (way) => {
  const world = testWorld();
  await lived(world);
  await expect(run(world, ["client/account"], way, { account: nurse })).rejects.toMatchObject({ code: "ERR_STORE_FOREIGN_ACCOUNT" });
  await run(world, ["client/account"], way);
  expect(utf8Decode(world.disk.rows.get("client/account" as StoreKey)!)).toBe(romeo);
  await expect(run(world, ["client/account", "omemo/own"], way)).rejects.toMatchObject({ code: way === "store" ? "ERR_STORE_CORRUPT" : "ERR_RECORD_INVALID" });
  world.disk.rows.delete("omemo/own" as StoreKey);
  await expect(run(world, ["client/account"], way)).rejects.toMatchObject({ code: way === "store" ? "ERR_RECORD_INVALID" : "ERR_STORE_FOREIGN_ACCOUNT" });
});

test.each(["omemo/2/bundle", "omemo/2/prekey/0000000007"].flatMap((key) => ways.map((way) => [key, way] as const)))("R23 a device that cannot read %s is the same device with new keys, to which others write (%s)", async (key, way) => {
  const world = testWorld();
  await lived(world);
  const idsOf = (): readonly string[] => [...world.disk.rows.keys()].filter((each) => each.startsWith("omemo/2/prekey/"));
  const before = new Set(idsOf());
  const bundle = (): OwnBundleRecord => decodeOwnBundle(world.disk.rows.get("omemo/2/bundle" as StoreKey)!);
  const former = bundle();
  const again = await run(world, [key], way);
  expect(kinds(again)).toEqual(["error"]);
  await online(again);
  const writer = await world.other(juliet); // another device, which has no session yet
  await writer.conversation(romeo).send({ text: "by the new keys" }).reached("delivered");
  expect(await texts(again)).toContain("by the new keys");
  expect(kinds(again)).not.toContain("rolled-back");
  const { current, nextPreKeyId, nextSignedPreKeyId, revision } = bundle();
  if (key === "omemo/2/bundle") {
    expect(Math.min(current.id, nextPreKeyId, nextSignedPreKeyId)).toBeGreaterThanOrEqual(2 ** 29); // no id names two keys
    expect(Math.max(current.id, nextPreKeyId, nextSignedPreKeyId)).toBeLessThan(2 ** 31);
    expect(revision).toBeGreaterThan(former.revision + 1_000_000);
  } else expect(idsOf().filter((each) => before.has(each)).length).toBeLessThan(before.size);
});

test.each([["renew", "rolled-back"], ["stop", "ERR_STORE_ROLLED_BACK"]] as const)("R21 a store whose note of its commits cannot be read is no proof that nothing is missing (%s)", async (onRollback, outcome) => {
  const world = testWorld();
  await lived(world);
  world.disk.rows.set("client/store-history" as StoreKey, utf8("?"));
  const store = damagedStore(world.disk, new Set(["client/store-history"]));
  store.history = () => Promise.resolve("a name");
  const again = await run(world, [], "store", { onRollback, store });
  again.client.connect();
  await when(again.client.status, () => ["online", "stopped"].includes(again.client.status.getSnapshot().kind));
  const status = again.client.status.getSnapshot();
  expect([...kinds(again), ...(status.kind === "stopped" ? [status.error.code] : [])]).toContain(outcome);
});

test.each(["client/witness", "client/stream", "client/rolled-back"].flatMap((key) => ways.map((way) => [key, way] as const)))("R21 a client that cannot read %s gets online; what it cannot prove counts as lost (%s)", async (key, way) => {
  const world = testWorld();
  await lived(world);
  if (key === "client/rolled-back") world.disk.rows.set(key as StoreKey, utf8("?"));
  const again = await run(world, [key], way);
  await online(again);
  expect(kinds(again).includes("rolled-back")).toBe(key !== "client/stream");
  await again.client.conversation(juliet).send({ text: "goes on" }).reached("delivered");
});
