/**
 * What the cases of the store contract are made of: the factory, a tiny set of expectations, short ways to build
 * changes. No test runner, no platform.
 * @module
 */
import { toHex, utf8, utf8Decode, type Bytes } from "../../base/bytes.js";
import { SottoError } from "../../base/errors.js";
import { storeKey, type Change, type Fence, type Store, type StoreRow } from "../../session/ports.js";

/** What an adapter's author hands to the suite. */
export interface StoreFactory {
  /** A new handle on the same data, as a second tab or a restarted process would get it. */
  readonly open: () => Promise<Store> | Store;
  /** Forgets all data. Called before each case, when all handles of the case before are closed. */
  readonly reset: () => Promise<void> | void;
}

/** Opens a handle that is closed after the case. */
export type OpenStore = () => Promise<Store>;

/** A case before it is bound to a factory. */
export interface ContractCase {
  readonly name: string;
  readonly run: (open: OpenStore) => Promise<void>;
}

/** An expectation of the contract that was not met. */
export class ContractViolation extends SottoError {
  readonly code = "ERR_STORE_CONTRACT";
}

/** Runs one case on empty data, and closes what it opened. */
export async function runCase(each: ContractCase, factory: StoreFactory): Promise<void> {
  await factory.reset();
  const opened: Store[] = [];
  try {
    await each.run(async () => {
      const store = await factory.open();
      opened.push(store);
      return store;
    });
  } finally {
    for (const store of opened) await store.close();
  }
}

/** Fails the case unless `condition` holds. */
export function expectThat(condition: boolean, what: string): asserts condition {
  if (!condition) throw new ContractViolation(`expected: ${what}`);
}

/** Fails the case unless `value` is exactly the bytes of `expected`, or missing with `undefined`. */
export function expectValue(value: Bytes | undefined, expected: Uint8Array | string | undefined, what: string): void {
  const bytes = typeof expected === "string" ? utf8(expected) : expected;
  if (value !== undefined) expectThat(value instanceof Uint8Array, `${what} is a Uint8Array`);
  const [got, wanted] = [value, bytes].map((each) => (each === undefined ? "nothing" : brief(each)));
  expectThat(got === wanted, `${what} is ${String(wanted)}, not ${String(got)}`);
}

/** Fails the case unless the rows are exactly these, in this order. Written as `key=value`. */
export function expectRows(rows: readonly StoreRow[], expected: readonly string[], what: string): void {
  const got = rows.map((row) => `${row.key}=${utf8Decode(row.value) ?? toHex(row.value)}`);
  expectThat(got.join("\n") === expected.join("\n"), `${what} gives [${expected.join(", ")}], not [${got.join(", ")}]`);
}

/** Fails the case unless `work` rejects with `code`. A throw in the caller's turn is a failure, too (threats D04). */
export async function expectRefusal(work: () => Promise<unknown>, code: string | undefined, what: string): Promise<void> {
  let promise: Promise<unknown>;
  try {
    promise = work();
  } catch {
    throw new ContractViolation(`expected: ${what} rejects; it threw before it returned a promise`);
  }
  const outcome = await promise.then(() => ({ refused: false, code: undefined }), (error: unknown) => ({ refused: true, code: codeOf(error) }));
  expectThat(outcome.refused, `${what} is refused`);
  if (code !== undefined) expectThat(outcome.code === code, `${what} is refused with ${code}, not ${outcome.code ?? "an error without a code"}`);
}

/** The stable code of an error; `undefined` if it has none. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** A put; text is stored as UTF-8. */
export function put(key: string, value: Uint8Array | string): Change {
  return { kind: "put", key: storeKey(key), value: typeof value === "string" ? utf8(value) : value };
}

/** A delete. */
export function del(key: string): Change {
  return { kind: "delete", key: storeKey(key) };
}

/** A store with these rows (`key=value`), and its fence. */
export async function filled(open: OpenStore, rows: readonly string[]): Promise<{ readonly store: Store; readonly fence: Fence }> {
  const store = await open();
  const fence = await store.acquire();
  await store.commit(rows.map((row) => put(row.slice(0, row.indexOf("=")), row.slice(row.indexOf("=") + 1))), fence);
  return { store, fence };
}

function brief(bytes: Uint8Array): string {
  return bytes.length <= 32 ? `0x${toHex(bytes)}` : `${bytes.length} bytes 0x${toHex(bytes.subarray(0, 8))}… sum ${sum(bytes)}`;
}

/** Position-dependent, so that swapped pieces are noticed. */
function sum(bytes: Uint8Array): number {
  let total = 7;
  for (const byte of bytes) total = (Math.imul(total, 31) + byte) >>> 0;
  return total;
}
