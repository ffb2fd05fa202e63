/** Two crypto providers, asked the same. Not here: which inputs (the tests in unit/crypto). @module */
import { expect } from "vitest";
import type { CryptoProvider } from "../../src/crypto/provider.js";

/** What a call gives, or the code with which it fails. */
export async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return { result: await call() };
  } catch (error) {
    return { code: (error as { code?: unknown }).code };
  }
}

/** An assertion that a call has the same outcome with both. */
export const agreementOf = (one: CryptoProvider, other: CryptoProvider) => async (call: (provider: CryptoProvider) => unknown): Promise<void> => {
  expect(await outcome(() => call(one))).toEqual(await outcome(() => call(other)));
};
