/** A client that was closed: what it is asked for is rejected, with one typed error, and never thrown before there is a promise. */
import { expect, test } from "vitest";
import type { SottoClient } from "../../../src/client/client.js";
import { createClient } from "../../../src/client/create-client.js";
import type { Store } from "../../../src/session/ports.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { quiet } from "../../support/outbox-world.js";

const open = (store: Store = memoryStore()): Promise<SottoClient> =>
  createClient({ account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store, autoConnect: false });

test("Q21 every call that promises something is rejected with ERR_CLOSED, and every other one throws it", async () => {
  const client = await open();
  const conversation = client.conversation("juliet@example.org");
  await client.close();
  const calls: readonly (() => Promise<unknown>)[] = [
    () => client.blocking(), () => client.privacyLists(), () => client.contactPolicy(), () => client.strangers(), () => client.personalEvents(),
    () => client.queries(), () => client.gateways(), () => client.inbox(), () => client.history(), () => client.deleteHistory({ before: 0 }),
    () => client.devices("juliet@example.org"), () => client.setTrust("juliet@example.org", new Uint8Array(32), "distrusted"), () => client.resetSession("juliet@example.org", 1), () => client.disconnect(),
    () => client.ready(), () => conversation.history(), () => conversation.readUpTo(), () => conversation.prepare(), () => conversation.deleteHistory(),
    () => conversation.markDisplayed({ position: 1 }), () => conversation.deleteMessage({ position: 1 }), () => conversation.sendHandle("x"),
  ];
  for (const call of calls) {
    const promised = call(); // must not throw
    await expect(promised).rejects.toMatchObject({ code: "ERR_CLOSED" });
  }
  for (const call of [() => { client.connect(); }, () => client.conversation("a@b"), () => client.messages(), () => conversation.send({ text: "x" })]) {
    expect(call).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }) as Error);
  }
});

test("an address that is none is rejected, too, where there is a promise", async () => {
  const client = await open();
  for (const call of [() => client.devices("@"), () => client.setTrust("@", new Uint8Array(32), "distrusted")]) await expect(call()).rejects.toMatchObject({ code: "ERR_INVALID_JID" });
  await client.close();
});

test("Q21 whoever waits for a message hears that the client has closed; the message is still stored, and the next run has it", async () => {
  const disk = memoryDisk();
  const client = await open(memoryStore(disk));
  const handle = client.conversation("juliet@example.org").send({ text: "x" });
  await handle.reached("stored");
  let news = 0;
  handle.subscribe(() => { news += 1; });
  const waiting = handle.reached("sent");
  const late = client.conversation("juliet@example.org").send({ text: "in the last moment" });
  const stored = late.reached("stored");
  const closing = client.close();
  await expect(waiting).rejects.toMatchObject({ code: "ERR_CLOSED" });
  await closing;
  expect([handle.getSnapshot(), (await stored).state, news]).toMatchObject([{ state: "stored" }, "stored", 1]);
  expect(handle.getSnapshot()).not.toHaveProperty("error");
  await expect(handle.reached("sealed")).rejects.toMatchObject({ code: "ERR_CLOSED" });
  expect((await handle.reached("stored")).state).toBe("stored");
  const next = await open(memoryStore(disk));
  expect(next.waiting).toBe(2);
  await next.close();
});

test("Q21 the readers of an open inbox end with the client, also one that is only being opened", async () => {
  const client = await open();
  const inbox = await client.inbox();
  const ends = [inbox.process(() => Promise.resolve()), inbox[Symbol.asyncIterator]().next()];
  await quiet();
  await client.close();
  expect(await Promise.all(ends)).toEqual([undefined, { done: true, value: undefined }]);

  const other = await open();
  const first = other.inbox();
  await other.close();
  await expect(first).rejects.toMatchObject({ code: "ERR_CLOSED" });
});
