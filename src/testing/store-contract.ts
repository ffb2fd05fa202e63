/**
 * The conformance suite of the Store port: a list of named cases that any test runner can run.
 * An adapter that passes keeps the commit rule; one that does not must not hold a ratchet.
 * Spec: docs/architecture.md, The commit rule; threats D01-D03, D10, D20. Guide: docs/guides/02-storage-adapters.md.
 * Not here: the cases themselves (store-contract/), crash and power-cut tests (they belong to each adapter).
 * @module
 */
import { committingCases } from "./store-contract/committing.js";
import { lifecycleCases } from "./store-contract/lifecycle.js";
import { ownershipCases } from "./store-contract/ownership.js";
import { runCase, type ContractCase, type StoreFactory } from "./store-contract/harness.js";
import { readingCases } from "./store-contract/reading.js";

/** One test: `run` rejects with a message that says what was expected. */
export interface StoreContractCase {
  /** A sentence, unique in the suite. */
  readonly name: string;
  /** Rejects with a ContractViolation if the adapter breaks the promise. */
  readonly run: () => Promise<void>;
}

/**
 * All cases for one adapter. They share the factory's data, so run them one after the other.
 * @example
 * for (const { name, run } of storeContract(factory)) test(name, run);
 */
export function storeContract(factory: StoreFactory): readonly StoreContractCase[] {
  const cases: readonly ContractCase[] = [...committingCases, ...readingCases, ...ownershipCases, ...lifecycleCases];
  return cases.map((each) => ({ name: each.name, run: () => runCase(each, factory) }));
}
