/** The checker of the simulation is checked itself: what it is there to find, it finds. @module */
import { rmSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { toBase64 } from "../../src/base/base64.js";
import { xml } from "../../src/base/xml.js";
import type { StoreKey } from "../../src/session/ports.js";
import { clientNamespace, omemo2Namespace } from "../../src/transport/xep/namespaces.js";
import type { Archived } from "./account.js";
import { bundle } from "./bundle.js";
import type * as Harness from "./harness.js";
import type { World } from "./world.js";

const file = bundle("harness.ts");
const { base, defaultProvider, juliet, Recorder, romeo, usualServer, Verifier, World: SimulatedWorld } = await import(/* @vite-ignore */ pathToFileURL(file).href) as typeof Harness;
afterAll(() => { rmSync(file, { force: true }); });

/** A world in which two messages have gone over. */
async function talked(): Promise<{ readonly world: World; readonly look: () => Promise<readonly string[]> }> {
  const from = await base("acquainted", "usual");
  const world = new SimulatedWorld(7, usualServer, from);
  const verifier = new Verifier(world, from);
  for (const person of world.people) person.start();
  await world.rest();
  world.romeo.send(juliet, "first");
  world.romeo.send(juliet, "second");
  await world.rest();
  return { world, look: () => verifier.look({ receipts: true }) };
}

const logRows = (world: World, person: "romeo" | "juliet", text: string): StoreKey[] =>
  [...world[person].disk.rows].filter(([key, value]) => key.startsWith("client/log/") && Buffer.from(value).includes(text)).map(([key]) => key);

test("Q17 in a world where nothing goes wrong the checker has nothing to say", async () => {
  const { world, look } = await talked();
  expect(await look()).toEqual([]);
  expect(world.wrongs).toEqual([]);
  expect(world.romeo.intents.map(({ told }) => told.at(-1))).toEqual(["delivered", "delivered"]);
});

test("Q17 a message that the addressee's log does not have is found", async () => {
  const { world, look } = await talked();
  for (const key of logRows(world, "juliet", "first")) world.juliet.disk.rows.delete(key);
  expect(await look()).toEqual([`${romeo} sent [first, second], the other side has [second]`]);
});

test("Q01 a message that was told to be stored and is not in the own log is found", async () => {
  const { world, look } = await talked();
  await world.romeo.log(); // the guard of the store compares the last commit with what is read of it first
  for (const key of logRows(world, "romeo", "first")) world.romeo.disk.rows.delete(key);
  expect(await look()).toContain(`${romeo}: "first" was stored, and is lost`);
});

test("Q14 messages that change places are found", async () => {
  const { world, look } = await talked();
  const { rows } = world.juliet.disk;
  const [one, other] = ["first", "second"].flatMap((text) => logRows(world, "juliet", text));
  const swap = (key: StoreKey | undefined, from: string, to: string): void => {
    if (key !== undefined) rows.set(key, new Uint8Array(Buffer.from(Buffer.from(rows.get(key) ?? []).toString("latin1").replace(from, to), "latin1")));
  };
  swap(one, "first", "second");
  swap(other, "second", "first");
  expect(await look()).toEqual([`${romeo} sent [first, second], the other side has [second, first]`]);
});

test("Q03 Q04 a message that an archive has twice is found, by its origin-id and by its payload", async () => {
  const { world, look } = await talked();
  const archive: Archived[] = world.server.accounts.get(juliet)?.archive ?? [];
  archive.push({ ...(archive.at(-1) as Archived), id: "999999" });
  const found = await look();
  expect(found.filter((wrong) => wrong.startsWith(`the archive of ${juliet} has a message`))).toHaveLength(2);
});

test("C09 a key that encrypts two plaintexts is found once both have left, and not before", () => {
  const recorder = new Recorder();
  const { symmetric } = recorder.provider(defaultProvider);
  const seal = (text: string): Uint8Array => symmetric.aesCbcEncrypt(new Uint8Array(32), new Uint8Array(16), Buffer.from(text));
  const leave = (ciphertext: Uint8Array): void => {
    recorder.leaving(xml(clientNamespace, "message", {}, xml(omemo2Namespace, "encrypted", {}, xml(omemo2Namespace, "payload", {}, toBase64(ciphertext)))));
  };
  const [one, other] = [seal("one"), seal("other")];
  leave(one);
  leave(one);
  expect(recorder.reused).toBe(0);
  leave(other);
  expect(recorder.reused).toBe(1);
});
