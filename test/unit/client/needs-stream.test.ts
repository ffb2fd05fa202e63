/** What calls say that need a stream, where there is none: whether trying again may help follows from what the client is doing. */
import { afterEach, expect, test } from "vitest";
import type { SottoClient } from "../../../src/client/client.js";
import { createClientWith } from "../../../src/client/create-client.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";

const clients: SottoClient[] = [];
afterEach(async () => { for (const client of clients.splice(0)) await client.close(); });

/** A client that the server lets nobody in with, and everything of it that asks the server. */
async function opened(): Promise<{ readonly client: SottoClient; readonly refusals: () => Promise<readonly unknown[]> }> {
  const client = await createClientWith(
    { account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store: memoryStore(), autoConnect: false },
    { connector: () => Promise.reject(new TransportError("ERR_AUTH_REJECTED", "wrong password")) },
  );
  clients.push(client);
  const { roster, presence } = client;
  const [blocking, lists, events, gateways] = await Promise.all([client.blocking(), client.privacyLists(), client.personalEvents(), client.gateways()]);
  const juliet = "juliet@example.org";
  const calls: readonly (() => Promise<unknown>)[] = [
    () => roster.set(juliet, { name: "J" }), () => roster.remove(juliet), () => roster.subscribeTo(juliet), () => roster.cancel(juliet), () => roster.deny(juliet),
    () => roster.approve(juliet), () => roster.revoke(juliet), () => roster.preApprove(juliet), () => roster.import({ version: 1, contacts: [] }),
    () => presence.direct(juliet, { show: "available" }), () => presence.capabilities(`${juliet}/balcony`),
    () => blocking.refresh(), () => blocking.block([juliet]), () => blocking.unblock("all"),
    () => lists.refresh(), () => lists.get("a"), () => lists.put("a", [{ action: "deny", match: { kind: "all" } }]), () => lists.remove("a"), () => lists.activate("a"), () => lists.setDefault(undefined),
    () => events.publish("nickname", "R"), () => events.retract("mood"), () => events.read(juliet, "tune"), () => events.publishAvatar({ data: new Uint8Array(1) }),
    () => gateways.discover(), () => gateways.inspect("icq.example.org"),
  ];
  const refusals = (): Promise<readonly unknown[]> => Promise.all(calls.map((call) => call().then(() => "done", (error: unknown) => error)));
  return { client, refusals };
}

test("Q21 without a stream, which may come, it is ERR_OFFLINE and retryable; once the client is closed it is ERR_CLOSED, and not", async () => {
  const { client, refusals } = await opened();
  for (const refusal of await refusals()) expect(refusal).toMatchObject({ code: "ERR_OFFLINE", retryable: true });
  await client.close();
  for (const refusal of await refusals()) expect(refusal).toMatchObject({ code: "ERR_CLOSED", retryable: false });
});

test("Q21 what the link will not try again by itself, a wrong password for one, is named, and trying again alone does not help", async () => {
  const { client, refusals } = await opened();
  client.connect();
  await expect(client.ready()).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED" });
  for (const refusal of await refusals()) expect(refusal).toMatchObject({ code: "ERR_OFFLINE", retryable: false, cause: { code: "ERR_AUTH_REJECTED" } });
  await client.disconnect();
  for (const refusal of await refusals()) expect(refusal).toMatchObject({ code: "ERR_OFFLINE", retryable: true });
});

test("D07 Q21 nor does it once the store has ended", async () => {
  const { client, refusals } = await opened();
  client.core.link.end(new StorageError("ERR_STORE_FENCED", "scripted"));
  for (const refusal of await refusals()) expect(refusal).toMatchObject({ code: "ERR_OFFLINE", retryable: false, cause: { code: "ERR_STORE_FENCED" } });
});
