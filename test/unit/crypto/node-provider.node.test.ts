import { describe, expect, test } from "vitest";
import { nodeGcm } from "../../../src/crypto/node-gcm.js";
import { NodeKeyCache } from "../../../src/crypto/node-key-cache.js";
import { nodeProvider } from "../../../src/crypto/node-provider.js";
import { gcmContract } from "../../../src/testing/gcm-contract.js";
import { providerContract } from "../../../src/testing/provider-contract.js";
import { gcmVectorCases, providerVectorCases } from "./provider-vectors.js";

describe("the Node provider", () => {
  for (const { name, run } of [...providerContract, ...providerVectorCases]) test(name, () => run(nodeProvider));
  for (const { name, run } of [...gcmContract, ...gcmVectorCases]) test(name, () => { run(nodeGcm); });

  test("C12 private keys are kept as native objects only, and only the last 32", () => {
    const cache = new NodeKeyCache("X25519");
    const first = new Uint8Array(32).fill(200);
    const kept = cache.get(first);
    expect(cache.get(first)).toBe(kept);
    for (let i = 0; i < 40; i++) cache.get(new Uint8Array(32).fill(i));
    expect(cache.size).toBe(32);
    expect(cache.get(first)).not.toBe(kept);
  });
});
