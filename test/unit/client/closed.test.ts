/** A client that was closed: what it is asked for is rejected, with one typed error, and never thrown before there is a promise. */
import { expect, test } from "vitest";
import { createClient, type SottoClient } from "../../../src/client/client.js";
import { memoryStore } from "../../../src/storage/memory.js";

const open = (): Promise<SottoClient> => createClient({ account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store: memoryStore(), autoConnect: false });

test("Q21 every call that promises something is rejected with ERR_CLOSED, and every other one throws it", async () => {
  const client = await open();
  const conversation = client.conversation("juliet@example.org");
  await client.close();
  const calls: readonly (() => Promise<unknown>)[] = [
    () => client.blocking(), () => client.privacyLists(), () => client.contactPolicy(), () => client.strangers(), () => client.personalEvents(),
    () => client.queries(), () => client.gateways(), () => client.inbox(), () => client.history(), () => client.deleteHistory({ before: 0 }),
    () => client.devices("juliet@example.org"), () => client.setTrust("juliet@example.org", new Uint8Array(32), "distrusted"), () => client.disconnect(),
    () => client.ready(), () => conversation.history(), () => conversation.readUpTo(), () => conversation.prepare(), () => conversation.deleteHistory(),
    () => conversation.markDisplayed({ position: 1 }),
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
