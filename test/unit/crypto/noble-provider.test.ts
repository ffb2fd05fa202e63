import { describe, test } from "vitest";
import { nobleGcm } from "../../../src/crypto/noble-gcm.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { gcmContract } from "../../../src/testing/gcm-contract.js";
import { providerContract } from "../../../src/testing/provider-contract.js";
import { gcmVectorCases, providerVectorCases } from "./provider-vectors.js";

describe("the noble provider", () => {
  for (const { name, run } of [...providerContract, ...providerVectorCases]) test(name, () => run(nobleProvider));
  for (const { name, run } of [...gcmContract, ...gcmVectorCases]) test(name, () => { run(nobleGcm); });
});
