import { expect, test, vi } from "vitest";
import { createClient, memoryStore } from "../../../src/index.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { createDefaultProvider, defaultProvider } from "#provider";

/** How many curve keys WebCrypto was given while `work` ran. */
async function nativeKeys(work: () => Promise<unknown>): Promise<number> {
  const importKey = vi.spyOn(globalThis.crypto.subtle, "importKey");
  try {
    await work();
    return importKey.mock.calls.filter(([, , algorithm]) => algorithm === "X25519" || algorithm === "Ed25519").length;
  } finally {
    importKey.mockRestore();
  }
}

const options = { account: "romeo@montague.lit", password: "wherefore", service: "wss://montague.lit/ws", autoConnect: false };

async function makeDevice(provider?: typeof nobleProvider): Promise<void> {
  const client = await createClient({ ...options, store: memoryStore(), ...(provider === undefined ? {} : { provider }) });
  await client.close();
}

test("C10 in browsers a client's device is made with the platform's curves", async () => {
  expect(defaultProvider.name).toBe("webcrypto");
  expect(createDefaultProvider()).not.toBe(createDefaultProvider()); // accounts share no cache of keys
  expect(await nativeKeys(() => makeDevice())).toBeGreaterThan(0);
});

test("C10 nobleProvider as option keeps the platform's curves out", async () => {
  expect(await nativeKeys(() => makeDevice(nobleProvider))).toBe(0);
});
