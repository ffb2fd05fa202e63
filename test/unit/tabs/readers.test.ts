/** Readers of messages whose tab has no leader any more, and will have none. */
import { expect, test } from "vitest";
import { StorageError } from "../../../src/storage/errors.js";
import { testWorld } from "../../support/facade-world.js";

const gone = new StorageError("ERR_STORE_UNAVAILABLE", "planned");

test("a reader that nobody was waiting at when its tab lost its last leader says why when it is asked, and is at its end then", async () => {
  const { client, link } = await testWorld().open();
  const [reader, left] = [client.messages(), client.messages()];
  link.ends.emit(gone);
  await expect(reader.next()).rejects.toBe(gone);
  expect(await reader.next()).toEqual({ done: true, value: undefined });
  await left.return?.();
  expect(await left.next()).toEqual({ done: true, value: undefined });
});

test("a reader of a tab that has lost its last leader does not wait for ever", async () => {
  const { client, link } = await testWorld().open();
  link.ends.emit(gone);
  const next = client.messages().next();
  await expect(Promise.race([next, client.close().then(() => "waits")])).rejects.toBe(gone);
  const abort = new AbortController();
  abort.abort();
  const { client: other, link: its } = await testWorld().open();
  its.ends.emit(gone);
  expect(await other.messages({ signal: abort.signal }).next()).toEqual({ done: true, value: undefined });
});
