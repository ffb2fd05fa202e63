/** One signal for many calls: Node takes more than ten listeners for a leak, and says so to the user of whoever embeds this. */
import { expect, test } from "vitest";
import type { SottoClient } from "../../../src/client/client.js";
import { createClient } from "../../../src/client/create-client.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { warningsDuring } from "../../support/warnings.js";

const many = Array.from({ length: 12 });

const open = (): Promise<SottoClient> => createClient({ account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store: memoryStore(), autoConnect: false });

test("many messages and connections that are waited for with one signal are no leak, and all waits end with it", async () => {
  const client = await open();
  const stop = new AbortController();
  const { signal } = stop;
  expect(await warningsDuring(async () => {
    const waits = many.flatMap(() => [client.ready({ signal }), client.conversation("juliet@example.org").send({ text: "x" }).reached("sent", { signal })]);
    stop.abort();
    for (const wait of waits) await expect(wait).rejects.toMatchObject({ code: "ERR_ABORTED" });
  })).toEqual([]);
  await client.close();
});

test("many readers that one signal ends are no leak, and all end", async () => {
  const client = await open();
  const stop = new AbortController();
  expect(await warningsDuring(async () => {
    const reading = many.map(() => client.messages({ signal: stop.signal }).next());
    stop.abort();
    expect(await Promise.all(reading)).toEqual(many.map(() => ({ done: true, value: undefined })));
  })).toEqual([]);
  await client.close();
});
