import { describe, test } from "vitest";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { providerContract } from "../../../src/testing/provider-contract.js";
import { providerVectorCases } from "./provider-vectors.js";

describe("the noble provider", () => {
  for (const { name, run } of [...providerContract, ...providerVectorCases]) test(name, () => run(nobleProvider));
});
