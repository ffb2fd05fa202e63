/**
 * Arguments that TypeScript would not have let through, as programs in JavaScript hand them in, and numbers that are none: typed errors at
 * the call, and nothing has happened.
 */
import { describe, expect, test } from "vitest";
import { type ClientOptions, createClient, memoryStore, type SottoClient, verifiedOnly } from "../../../src/index.js";

const options = (): ClientOptions => ({
  account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store: memoryStore(), autoConnect: false,
});
const invalid = { code: "ERR_INVALID_ARGUMENT" };
/** What JavaScript hands in where a type says something else. */
const handedIn = <T>(value: unknown): T => value as T;

async function withClient(use: (client: SottoClient) => Promise<void>): Promise<void> {
  const client = await createClient(options());
  try {
    await use(client);
    expect(client.status.getSnapshot().kind).toBe("offline"); // it lives on
  } finally {
    await client.close();
  }
}

describe("options", () => {
  test.each<[keyof ClientOptions, readonly unknown[]]>([
    ["trust", [{}, "verifiedOnly", null]],
    ["resource", ["", "\u0000", "x".repeat(1_024), 5]],
    ["onRollback", ["Stop", true]],
    ["clock", [{}, null, Date]],
    ["rng", [{}, null, "random"]],
    ["provider", [{}, null, "noble", { curve: {} }]],
    ["password", ["", undefined, 5]],
    ["tls", [{ ca: "/etc/ca.pem" }, { ca: null }, { ca: new TextEncoder().encode("-----BEGIN CERTIFICATE-----") }]],
  ])("%s is checked before the store is opened, and the error names it", async (name, values) => {
    for (const value of values) {
      const store = memoryStore();
      const opening = createClient(handedIn({ ...options(), store, [name]: value }));
      await expect(opening).rejects.toMatchObject(invalid);
      await expect(opening).rejects.toThrow(new RegExp(`^${name}`));
      await store.acquire(); // nobody has taken it and closed it
    }
  });

  test("those that are left out, or undefined, have their defaults", async () => {
    const client = await createClient({
      ...options(), trust: undefined, resource: undefined, mechanismFloor: undefined, resumeSeconds: undefined, onRollback: undefined, logger: undefined,
      provider: undefined, clock: undefined, rng: undefined, tls: { ca: undefined }, autoConnect: false,
    });
    await client.close();
    await (await createClient({ ...options(), trust: verifiedOnly, resource: "balcony", mechanismFloor: "SCRAM-SHA-256", resumeSeconds: 60, onRollback: "stop" })).close();
  });
});

test("D20 a page of no number of messages is one of the usual length, and the store goes on", async () => {
  await withClient(async (client) => {
    const conversation = client.conversation("juliet@example.org");
    await conversation.send({ text: "Art thou there?" }).reached("stored");
    for (const limit of [Number.NaN, handedIn<number>("some"), Infinity, -Infinity, 0.5]) {
      expect(await conversation.history({ limit })).toHaveLength(1);
      expect(await conversation.history({ limit, reverse: true })).toHaveLength(1);
      expect(await client.history({ limit })).toHaveLength(1);
    }
  });
});

test("another password is checked like the first", async () => {
  await withClient((client) => {
    for (const credentials of [{ password: "" }, { password: undefined }, "secret", undefined]) {
      expect(() => { client.setCredentials(handedIn(credentials)); }).toThrow(expect.objectContaining(invalid) as Error);
    }
    return Promise.resolve();
  });
});

test("T08 only what a user can decide is recorded about a key, and a fingerprint is no key", async () => {
  await withClient(async (client) => {
    const key = new Uint8Array(32);
    await expect(client.setTrust("juliet@example.org", key, handedIn("trusted"))).rejects.toMatchObject(invalid);
    await expect(client.setTrust("juliet@example.org", handedIn(client.device.fingerprint), "authenticated")).rejects.toMatchObject(invalid);
    await expect(client.setTrust("juliet@example.org", key, "authenticated")).rejects.toMatchObject({ code: "ERR_DEVICE_UNKNOWN" });
  });
});

test("a state that there is not is never reached, not even at once", async () => {
  await withClient(async (client) => {
    const handle = client.conversation("juliet@example.org").send({ text: "Art thou there?" });
    await expect(handle.reached(handedIn("store"))).rejects.toMatchObject(invalid);
    await handle.reached("stored");
  });
});

test("without a handler nothing is taken from the inbox", async () => {
  await withClient(async (client) => {
    const inbox = await client.inbox();
    for (const handler of [undefined, {}]) await expect(inbox.process(handedIn(handler))).rejects.toMatchObject(invalid);
    inbox.close();
  });
});

test("a message that is not there can be neither displayed nor deleted", async () => {
  await withClient(async (client) => {
    const conversation = client.conversation("juliet@example.org");
    const none = (await conversation.history()).at(-1);
    for (const message of [none, {}, { position: Number.NaN }, { position: "1" }]) {
      await expect(conversation.markDisplayed(handedIn(message))).rejects.toMatchObject(invalid);
      await expect(conversation.deleteMessage(handedIn(message))).rejects.toMatchObject(invalid);
    }
  });
});
