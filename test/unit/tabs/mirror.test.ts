/** States on their way to other tabs: what travels, and what stays the same object; errors and values on the wire. */
import { expect, test } from "vitest";
import { InternalError, UsageError } from "../../../src/base/errors.js";
import { Emitter } from "../../../src/base/events.js";
import { ClientError } from "../../../src/client/errors.js";
import { CryptoError } from "../../../src/crypto/errors.js";
import { SessionError } from "../../../src/session/errors.js";
import { StorageError } from "../../../src/storage/errors.js";
import { TransportError } from "../../../src/transport/errors.js";
import { Mirror } from "../../../src/tabs/mirror.js";
import { sameData } from "../../../src/base/same-data.js";
import { type StateNews, type StateParts, StateSource } from "../../../src/tabs/state-source.js";
import { fromWire, pack, toWire, unpack } from "../../../src/tabs/wire.js";

interface Scene {
  readonly mirror: Mirror<{ readonly head: readonly unknown[]; readonly entries: ReadonlyMap<string | number, unknown> }>;
  readonly news: StateNews[];
  readonly set: (parts: StateParts) => void;
  readonly told: () => number;
  readonly source: StateSource;
  readonly stop: () => void;
}

function scene(first: StateParts): Scene {
  let parts = first;
  const changes = new Emitter<undefined>();
  const source = new StateSource(() => parts, (listener) => changes.subscribe(listener));
  const mirror = new Mirror((head, entries) => ({ head, entries }));
  const news: StateNews[] = [];
  let told = 0;
  mirror.subscribe(() => { told++; });
  const stop = source.watch((each) => {
    news.push(each);
    mirror.take({ kind: "state", id: 1, ...structuredClone(each) });
  }, () => { source.flush(); });
  return { mirror, news, source, stop, told: () => told, set: (next) => {
    parts = next;
    changes.emit(undefined);
  } };
}

test("of 5,000 contacts one change travels alone, and all the others stay the objects that they were", () => {
  const contacts = new Map(Array.from({ length: 5_000 }, (_, i) => [`c${String(i)}@example.org`, { name: String(i) }]));
  const { mirror, news, set } = scene({ head: ["x"], entries: contacts });
  expect(news).toHaveLength(1);
  const before = mirror.getSnapshot();
  expect(before.entries.size).toBe(5_000);
  set({ head: ["x"], entries: new Map([...contacts, ["c7@example.org", { name: "seven" }]]) });
  expect(news[1]).toEqual({ full: false, entries: [["c7@example.org", { name: "seven" }]] });
  const after = mirror.getSnapshot();
  expect(after).not.toBe(before);
  expect([...after.entries].filter(([jid, contact]) => contact !== before.entries.get(jid)).map(([jid]) => jid)).toEqual(["c7@example.org"]);
  expect(before.entries.get("c7@example.org")).toEqual({ name: "7" }); // what was given out does not change
  set({ head: ["x"], entries: new Map([...contacts].slice(1)) });
  expect(news[2]).toEqual({ full: false, entries: [["c7@example.org", { name: "7" }]], removed: ["c0@example.org"] });
  expect([...mirror.getSnapshot().entries.keys()]).toEqual([...contacts.keys()].slice(1));
});

test("what says the same does not travel, and is the same snapshot; also when another leader tells all of it", () => {
  const { mirror, news, told, set } = scene({ head: [{ a: [1, new Set([2])] }], entries: new Map([["k", { v: new Uint8Array([1, 2]) }]]) });
  const before = mirror.getSnapshot();
  expect(mirror.getSnapshot()).toBe(before);
  set({ head: [{ a: [1, new Set([2])] }], entries: new Map([["k", { v: new Uint8Array([1, 2]) }]]) });
  expect([news.length, told()]).toEqual([1, 1]);
  mirror.take({ kind: "state", id: 1, full: true, head: pack([{ a: [1, new Set([2])] }]), entries: [["k", { v: new Uint8Array([1, 2]) }]] });
  expect(mirror.getSnapshot()).toBe(before);
  expect(told()).toBe(1);
  mirror.take({ kind: "state", id: 1, full: true, head: pack(["other"]), entries: [["l", 1], ["k", { v: new Uint8Array([1, 2]) }]] });
  expect(mirror.getSnapshot().entries.get("k")).toBe(before.entries.get("k"));
  expect([...mirror.getSnapshot().entries.keys()]).toEqual(["l", "k"]); // in the leader's order
});

test("whoever begins to watch later gets all of it, and a source that nobody watches is not read", () => {
  const { source, set, stop, news } = scene({ head: [1] });
  set({ head: [2] });
  const late: StateNews[] = [];
  const stopLate = source.watch((each) => { late.push(each); }, () => undefined);
  expect(late).toEqual([{ full: true, head: { value: [2] } }]);
  stop();
  stopLate();
  expect(source.size).toBe(0);
  const count = news.length;
  set({ head: [3] });
  source.flush();
  expect(news).toHaveLength(count);
});

test("data is the same if it says the same", () => {
  const values: readonly unknown[] = [
    undefined, null, 0, Number.NaN, "", "0", false, [], {}, [undefined], { a: undefined }, { a: 1 }, { b: 1 }, [1], new Map(), new Map([["a", 1]]),
    new Map([["a", undefined]]), new Set(), new Set([1]), new Uint8Array(1), new Uint8Array([1]), new Date(0), new UsageError("ERR_CLOSED", "x"),
  ];
  for (const [i, a] of values.entries()) for (const [j, b] of values.entries()) expect(sameData(a, b), `${String(i)} ${String(j)}`).toBe(i === j);
  expect(sameData({ a: [{ b: new Map([["c", { d: 1 }]]) }] }, { a: [{ b: new Map([["c", { d: 1 }]]) }] })).toBe(true);
});

test("every class of error arrives as the same class, with code, details, causes and whether it may be tried again", () => {
  const cause = new TransportError("ERR_STANZA_ERROR", "refused", { details: { condition: "forbidden" } });
  for (const error of [
    new UsageError("ERR_ABORTED", "a", { cause }), new InternalError("b"), new CryptoError("ERR_CRYPTO_DECRYPT", "c"), new SessionError("ERR_DEVICE_UNKNOWN", "d"),
    new StorageError("ERR_STORE_FULL", "e", { retryable: true }), new TransportError("ERR_IQ_TIMEOUT", "f", { retryable: true, details: { ms: 1 } }),
    new ClientError("ERR_OFFLINE", "g", { retryable: true, cause }),
  ]) {
    const back = fromWire(structuredClone(toWire(error)));
    expect(back.constructor).toBe(error.constructor);
    expect([back.name, back.code, back.message, back.retryable, back.details]).toEqual([error.name, error.code, error.message, error.retryable, error.details]);
    expect(back.cause === undefined).toBe(error.cause === undefined);
    if (error.cause !== undefined) expect(back.cause).toMatchObject({ name: "TransportError", code: "ERR_STANZA_ERROR", details: { condition: "forbidden" } });
  }
});

test("H01 the text of an error that is not ours does not travel, nor does its cause", () => {
  const wire = toWire(new TypeError("password=secret", { cause: "secret" }));
  expect(JSON.stringify(wire)).not.toContain("secret");
  expect(fromWire(wire)).toMatchObject({ name: "InternalError", code: "ERR_INTERNAL" });
  const endless = new UsageError("ERR_ABORTED", "x");
  Object.defineProperty(endless, "cause", { value: endless });
  expect(JSON.stringify(toWire(endless)).length).toBeLessThan(1_000);
});

test("errors in results, states and events travel in their places, and nothing else of the value is touched", () => {
  const error = new ClientError("ERR_OFFLINE", "x");
  const plain = { a: 1, b: [new Map([["k", 1]]), new Uint8Array([1])], "0": { "1": "x" } };
  expect(pack(plain).value).toBe(plain);
  for (const value of [error, { kind: "stopped", error }, { state: { error, other: 1 } }, [error, { left: error }]]) {
    expect(unpack(structuredClone(pack(value)))).toEqual(value);
  }
  expect((unpack(structuredClone(pack({ error }))) as { error: unknown }).error).toBeInstanceOf(ClientError);
});
