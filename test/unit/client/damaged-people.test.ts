/** D13: rows about people that cannot be read - roster, requests, rules, strangers, gateways - cost what stands in them, and nothing else. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { createClientWith } from "../../../src/client/create-client.js";
import { Engine } from "../../../src/client/contact-policy/engine.js";
import { GatewayMemory } from "../../../src/client/gateways/gateway-memory.js";
import { storeKey, type Store, type StoreKey } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../../src/storage/memory.js";
import { openLog, received, textsOf } from "../../support/log-world.js";
import { FakeClock, juliet, romeo } from "../../support/omemo-world.js";

const damaged = utf8("{damaged");
const rowsOf = (disk: MemoryDisk, kind: "place" | "message"): StoreKey[] => ([...disk.rows.keys()] as StoreKey[]).filter((key) => key.startsWith(`client/strangers/${kind}/`)).sort();

/** A store that finds `bad` damaged, as those do that keep a checksum with each row: whatever is read together with it fails. */
function corrupt(inner: Store, bad: StoreKey | undefined): Store {
  const check = (keys: readonly StoreKey[]): void => { if (keys.some((key) => key === bad)) throw new StorageError("ERR_STORE_CORRUPT", "damaged"); };
  const [get, getMany, list] = [inner.get.bind(inner), inner.getMany.bind(inner), inner.list.bind(inner)];
  inner.get = async (key) => { check([key]); return get(key); };
  inner.getMany = async (keys) => { check(keys); return getMany(keys); };
  inner.list = async (range) => {
    const rows = await list(range);
    check(rows.map(({ key }) => key));
    return rows;
  };
  return inner;
}

/** An engine with what romeo, juliet and romeo again wrote, from the store that `wrap` gives. */
async function filled(disk: MemoryDisk) {
  const world = await openLog(disk);
  const engine = await Engine.load({ ...world, clock: new FakeClock(), emit: () => undefined, onError: () => undefined });
  for (const [text, from] of [["one", romeo], ["two", juliet], ["three", romeo]] as const) await world.ledger.run((tx) => { engine.putAside(tx, received(text, from)); });
}

async function again(disk: MemoryDisk, wrap?: (inner: Store) => Store) {
  const errors: unknown[] = [];
  const world = await openLog(disk, wrap);
  const engine = await Engine.load({ ...world, clock: new FakeClock(), emit: () => undefined, onError: (error) => { errors.push(error); } });
  return { ...world, engine, errors };
}

test("D13 a message of a stranger that cannot be read is told and dropped; the others are read, and accepted with him", async () => {
  const disk = memoryDisk();
  await filled(disk);
  disk.rows.set(rowsOf(disk, "message")[0] as StoreKey, damaged);
  const { engine, errors } = await again(disk);
  expect((await engine.read(romeo)).map(({ text }) => text)).toEqual(["three"]);
  expect(textsOf(await engine.accept(romeo))).toBe("three");
  expect(errors).toMatchObject([{ code: "ERR_RECORD_INVALID" }, { code: "ERR_RECORD_INVALID" }]);
  expect([rowsOf(disk, "message").length, engine.strangers.getSnapshot().map(({ jid }) => jid)]).toEqual([1, [juliet]]);
});

test("D13 the same where the store itself says that the row is not what was written", async () => {
  const disk = memoryDisk();
  await filled(disk);
  const [bad] = rowsOf(disk, "message");
  const { engine, errors } = await again(disk, (inner) => corrupt(inner, bad));
  expect(textsOf(await engine.accept(romeo))).toBe("three");
  expect(errors).toMatchObject([{ code: "ERR_STORE_CORRUPT" }]);
});

test("D13 a place in the box that cannot be read is told and given up, its rows with the next message; it is not told again", async () => {
  const disk = memoryDisk();
  await filled(disk);
  disk.rows.set(rowsOf(disk, "place")[1] as StoreKey, damaged);
  const world = await again(disk);
  expect([world.errors, world.engine.strangers.getSnapshot().map(({ jid, messages }) => [jid, messages])]).toMatchObject([[{ code: "ERR_RECORD_INVALID" }], [[romeo, 2]]]);
  await world.ledger.run((tx) => { world.engine.putAside(tx, received("four", romeo)); });
  expect([rowsOf(disk, "message").length, rowsOf(disk, "place").length]).toEqual([3, 3]);
  const later = await again(disk);
  expect([later.errors, (await later.engine.read(romeo)).map(({ text }) => text)]).toEqual([[], ["one", "three", "four"]]);
});

test("D13 the same where the store itself says so, which then shows no row beside it: the places around it are found", async () => {
  const disk = memoryDisk();
  await filled(disk);
  const bad = rowsOf(disk, "place")[1];
  const world = await again(disk, (inner) => corrupt(inner, bad));
  expect([world.errors, world.engine.strangers.getSnapshot().map(({ jid, messages }) => [jid, messages])]).toMatchObject([[{ code: "ERR_STORE_CORRUPT" }], [[romeo, 2]]]);
  await world.ledger.run((tx) => { world.engine.putAside(tx, received("four", romeo)); });
  const later = await again(disk);
  expect([later.errors, (await later.engine.read(romeo)).map(({ text }) => text)]).toEqual([[], ["one", "three", "four"]]);
});

test.each(["its words", "its checksum"])("D13 V03 rules that cannot be read by %s are told, and closed ones hold; a store that fails is no damage", async (by) => {
  const disk = memoryDisk();
  await filled(disk);
  const key = storeKey("client/contact-policy");
  disk.rows.set(key, damaged);
  const { engine, errors } = await again(disk, (inner) => corrupt(inner, by === "its checksum" ? key : undefined));
  expect(errors).toMatchObject([{ code: by === "its checksum" ? "ERR_STORE_CORRUPT" : "ERR_RECORD_INVALID" }]);
  expect(engine.reach({ jid: romeo, relation: "stranger", groups: [] }).message).toBe("separate");
  await expect(again(disk, (inner) => {
    inner.get = () => Promise.reject(new StorageError("ERR_STORE_FAILED", "failed"));
    return inner;
  })).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
});

test("D13 gateways that cannot be read are told and forgotten, and the next that is learnt is remembered", async () => {
  const disk = memoryDisk();
  disk.rows.set(storeKey("client/gateways"), damaged);
  const { store, ledger } = await openLog(disk);
  const errors: unknown[] = [];
  const memory = await GatewayMemory.load(store, ledger, (error) => { errors.push(error); });
  expect([memory.types.size, errors]).toMatchObject([0, [{ code: "ERR_RECORD_INVALID" }]]);
  await memory.learn([[romeo, "sms"]]);
  expect((await GatewayMemory.load(store, ledger)).types.size).toBe(1);
});

const people = ["client/gateways", "client/strangers/place/10000000000001", "client/strangers/message/10000000000001", "client/contact-policy", "client/policy", "client/roster/head", "client/roster/contacts/3", "client/requests/3"];

test.each(people.flatMap((key) => [[key, "its words"], [key, "its checksum"]] as const))("D13 a client starts although %s cannot be read by %s", async (key, by) => {
  const disk = memoryDisk();
  const open = (bad?: StoreKey) => createClientWith({
    account: "romeo@verona.example", password: "secret", service: "wss://verona.example/ws", store: corrupt(memoryStore(disk), bad), autoConnect: false,
  });
  await (await open()).close();
  disk.rows.set(storeKey(key), damaged);
  await (await open(by === "its checksum" ? storeKey(key) : undefined)).close();
});

test.each(["its words", "its checksum"])("D13 V01 a presence policy that cannot be read by %s keeps the client from showing itself, and can be replaced or taken away", async (by) => {
  const key = storeKey("client/policy");
  for (const rules of [{ others: "busy" } as const, undefined]) {
    const disk = memoryDisk();
    const open = (bad?: StoreKey) => createClientWith({
      account: "romeo@verona.example", password: "secret", service: "wss://verona.example/ws", store: corrupt(memoryStore(disk), bad), autoConnect: false,
    });
    await (await open()).close();
    disk.rows.set(key, damaged);
    const client = await open(by === "its checksum" ? key : undefined);
    const errors: unknown[] = [];
    client.onEvent((event) => { if (event.kind === "error") errors.push(event.error); });
    const code = by === "its checksum" ? "ERR_STORE_CORRUPT" : "ERR_RECORD_INVALID";
    await expect(client.presence.openPolicy()).rejects.toMatchObject({ code }); // so does each connection
    await expect(client.presence.policy({ others: "visible" as never })).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    expect([client.presence.currentPolicy.getSnapshot()?.rules, client.presence.hides(juliet), errors]).toMatchObject([{ others: "offline" }, true, [{ code }]]);
    await client.presence.policy(rules);
    await client.close();
    const later = await open();
    expect(later.presence.currentPolicy.getSnapshot()?.rules).toEqual(rules);
    await later.close();
  }
});
