/** Two accounts in one process on a real server, busy at the same time: no record of one is with the other. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Store, StoreKey } from "../../src/session/ports.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../src/storage/memory.js";
import { type Stage, stage, take } from "../support/prosody.js";

let verona: Stage;
beforeAll(async () => { verona = await stage(); });
afterAll(async () => { await verona.end(); });

const soon = (): AbortSignal => AbortSignal.timeout(20_000);

interface Recorded {
  readonly disk: MemoryDisk;
  readonly store: Store;
  /** Everything that was ever read or written, keys and values. */
  readonly rows: Map<StoreKey, Uint8Array[]>;
}

/** A store that remembers all that went in and out, also what was deleted since. */
function recorded(): Recorded {
  const disk = memoryDisk();
  const inner = memoryStore(disk);
  const rows = new Map<StoreKey, Uint8Array[]>();
  const note = (key: StoreKey, value: Uint8Array | undefined): void => {
    rows.set(key, [...(rows.get(key) ?? []), ...(value === undefined ? [] : [value.slice()])]);
  };
  const [commit, get, getMany, list] = [inner.commit.bind(inner), inner.get.bind(inner), inner.getMany.bind(inner), inner.list.bind(inner)];
  inner.commit = async (changes, fence) => {
    for (const change of changes) note(change.key, change.kind === "put" ? change.value : undefined);
    await commit(changes, fence);
  };
  inner.get = async (key) => {
    const value = await get(key);
    note(key, value);
    return value;
  };
  inner.getMany = async (keys) => {
    const values = await getMany(keys);
    for (const [i, key] of keys.entries()) note(key, values[i]);
    return values;
  };
  inner.list = async (range) => {
    const found = await list(range);
    for (const { key, value } of found) note(key, value);
    return found;
  };
  return { disk, store: inner, rows };
}

/** Every 16 bytes of the secrets of a device, at every place. */
function pieces({ rows }: Recorded): Set<string> {
  const found = new Set<string>();
  for (const [key, values] of rows) {
    if (!/^omemo\/(own|2\/(prekey|bundle|device)|2$)|^client\/login/.test(key)) continue;
    for (const value of values) {
      for (let i = 0; i + 16 <= value.length; i++) {
        const piece = value.subarray(i, i + 16);
        // Random bytes: counters, times, zeros and names of fields are alike everywhere.
        if (new Set(piece).size > 12 && piece.some((byte) => byte < 32 || byte > 126)) found.add(piece.join());
      }
    }
  }
  return found;
}

test("two accounts that talk to different people at the same time share no row, no key and no message, and one goes on when the other closes", async () => {
  const [romeo, juliet, nurse, tybalt] = await Promise.all(["romeo", "juliet", "nurse", "tybalt"].map((name) => verona.account(name))) as [string, string, string, string];
  const stores = [recorded(), recorded()] as const;
  const a = await verona.client(romeo, { store: stores[0].store });
  const b = await verona.client(juliet, { store: stores[1].store });
  const peers = [await verona.client(nurse), await verona.client(tybalt)] as const;
  await Promise.all([a, b, ...peers].map((client) => client.ready({ signal: soon() })));
  const heard = [a, b, ...peers].map((client) => take(client.messages({ signal: soon() }), 5));
  for (let i = 0; i < 5; i++) {
    a.conversation(nurse).send({ text: `to the nurse ${String(i)}` });
    b.conversation(tybalt).send({ text: `to the cousin ${String(i)}` });
    peers[0].conversation(romeo).send({ text: `from the nurse ${String(i)}` });
    peers[1].conversation(juliet).send({ text: `from the cousin ${String(i)}` });
  }
  const told = (await Promise.all(heard)).map((messages) => new Set(messages.map(({ text }) => text.replace(/ \d$/, ""))));
  expect(told.map((texts) => [...texts])).toEqual([["from the nurse"], ["from the cousin"], ["to the nurse"], ["to the cousin"]]);

  const text = (store: Recorded): string => [...store.rows].map(([key, values]) => `${key} ${values.map((value) => new TextDecoder().decode(value)).join(" ")}`).join("\n");
  const names = (...jids: readonly string[]): readonly string[] => jids.flatMap((jid) => [jid, jid.slice(0, jid.indexOf("@"))]);
  for (const foreign of [...names(juliet, tybalt), "the cousin"]) expect(text(stores[0]).includes(foreign)).toBe(false);
  for (const foreign of [...names(romeo, nurse), "the nurse"]) expect(text(stores[1]).includes(foreign)).toBe(false);
  const ours = pieces(stores[0]);
  expect(ours.size).toBeGreaterThan(1_000);
  expect([...pieces(stores[1])].filter((piece) => ours.has(piece))).toEqual([]);

  const rest = take(b.messages({ signal: soon() }), 1);
  await a.close();
  await peers[1].conversation(juliet).send({ text: "still there?" }).reached("sent", { signal: soon() });
  expect((await rest)[0]?.text).toBe("still there?");
});
