/** What a client finds again when it is opened anew: memory that outlives it, and the platform's durable store. */
import { describe, expect, test } from "vitest";
import { StorageError } from "../../src/index.js";
import { account, arrive, disks, open, soon, until } from "./support/stage.js";
import { take } from "../support/take.js";

describe.each(disks)("with $kind", ({ disk }) => {
  test("a client that is opened again is the same device with the same messages and contacts", async () => {
    const { open: store } = await disk();
    const juliet = await arrive("juliet");
    const address = await account("romeo");
    const before = await arrive(address, { store: store() });
    await before.roster.set(juliet.device.jid, { name: "Juliet", groups: ["Capulet"] });
    await before.conversation(juliet.device.jid).send({ text: "before" }).reached("sent", { signal: soon() });
    const { device } = before;
    await before.close();

    const after = await open(address, { store: store(), autoConnect: false });
    expect(after.device).toEqual(device);
    expect((await after.conversation(juliet.device.jid).history()).map(({ text, delivery }) => [text, delivery?.state === "failed"])).toEqual([["before", false]]);
    expect(after.roster.get(juliet.device.jid)).toMatchObject({ name: "Juliet", groups: ["Capulet"] });
    expect(after.roster.getSnapshot().freshness).toBe("cached");
  });

  test("a session goes on after a reload, in both directions", async () => {
    const { open: store } = await disk();
    const juliet = await arrive("juliet");
    const atJuliet = juliet.messages({ signal: soon() });
    const address = await account("romeo");
    for (const round of ["one", "two", "three"]) {
      const romeo = await arrive(address, { store: store() });
      const atRomeo = romeo.messages({ signal: soon() });
      romeo.conversation(juliet.device.jid).send({ text: `question ${round}` });
      expect((await take(atJuliet, 1)).map(({ text }) => text)).toEqual([`question ${round}`]);
      juliet.conversation(address).send({ text: `answer ${round}` });
      expect((await take(atRomeo, 1)).map(({ text }) => text)).toEqual([`answer ${round}`]);
      await romeo.close();
    }
    expect((await juliet.devices(address)).length).toBe(1);
  });

  test("what was stored before a reload leaves after it, once", async () => {
    const { open: store } = await disk();
    const juliet = await arrive("juliet");
    const address = await account("romeo");
    const before = await open(address, { store: store(), autoConnect: false });
    await before.conversation(juliet.device.jid).send({ text: "written before" }).reached("stored");
    await before.close();
    const messages = juliet.messages({ signal: soon() });
    const after = await open(address, { store: store() });
    expect(after.waiting).toBe(1);
    expect((await take(messages, 1))[0]?.text).toBe("written before");
    await after.conversation(juliet.device.jid).send({ text: "written after" }).reached("sent", { signal: soon() });
    expect((await take(messages, 1))[0]?.text).toBe("written after");
  });

  test("messages that nobody has read are there for the first reader after a reload", async () => {
    const { open: store } = await disk();
    const romeo = await arrive("romeo");
    const address = await account("juliet");
    const before = await arrive(address, { store: store() });
    for (const text of ["unheard", "unheard as well"]) await romeo.conversation(address).send({ text }).reached("sent", { signal: soon() });
    await expect.poll(() => before.history(), { timeout: 20_000 }).toHaveLength(2);
    await before.close();
    const after = await open(address, { store: store(), autoConnect: false });
    expect((await take(after.messages({ signal: soon() }), 2)).map(({ text }) => text)).toEqual(["unheard", "unheard as well"]);
  });

  test("a store is never opened for another account", async () => {
    const { open: store } = await disk();
    const romeo = await open(await account("romeo"), { store: store(), autoConnect: false });
    await romeo.close();
    await expect(open(await account("mercutio"), { store: store(), autoConnect: false })).rejects.toMatchObject({ code: "ERR_STORE_FOREIGN_ACCOUNT" });
  });

  test("the newest client has the store: the one before stops and writes nothing more", async () => {
    const { open: store } = await disk();
    const juliet = await arrive("juliet");
    const address = await account("romeo");
    const first = await arrive(address, { store: store() });
    const second = await arrive(address, { store: store() });
    const refused: unknown = await first.conversation(juliet.device.jid).send({ text: "too late" }).reached("stored", { signal: soon() }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StorageError);
    expect(refused).toMatchObject({ code: "ERR_STORE_FENCED" });
    expect(await until(first.status, ({ kind }) => kind === "stopped")).toMatchObject({ error: { code: "ERR_STORE_FENCED" } });
    await second.conversation(juliet.device.jid).send({ text: "in time" }).reached("sent", { signal: soon() });
    expect((await second.history()).map(({ text }) => text)).toEqual(["in time"]);
  });
});
