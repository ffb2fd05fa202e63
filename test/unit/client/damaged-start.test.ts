/** D13: a client starts although a row cannot be read on which the log, the readers or the outbox begin; nothing is lost, and no place is used twice. */
import { beforeAll, expect, test } from "vitest";
import { utf8, type Bytes } from "../../../src/base/bytes.js";
import type { SottoClient } from "../../../src/client/client.js";
import { createClientWith } from "../../../src/client/create-client.js";
import { deleteMessage } from "../../../src/client/log/retention.js";
import type { StoreKey } from "../../../src/session/ports.js";
import { memoryDisk } from "../../../src/storage/memory.js";
import { damagedStore } from "../../support/damaged-store.js";
import { received } from "../../support/log-world.js";
import { juliet, mercutio, romeo } from "../../support/omemo-world.js";

const disk = memoryDisk();
const place = (position: number): string => `client/timeline/${(position + 2 ** 52).toString(16).padStart(14, "0")}`;
const open = (bad: Set<string>): Promise<SottoClient> =>
  createClientWith({ account: juliet, password: "secret", service: "wss://example.org/ws", store: damagedStore(disk, bad), autoConnect: false });
let whole: ReadonlyMap<StoreKey, Bytes>;

beforeAll(async () => {
  const client = await open(new Set());
  const { ledger, log, sender } = client.core;
  await ledger.run((tx) => { for (const text of ["0", "-1"]) log.prepend(tx, received(text)); });
  await ledger.run((tx) => { for (const [text, from] of [["1", romeo], ["2", romeo], ["3", mercutio]] as const) log.append(tx, received(text, from)); });
  for (const text of ["hi", "ho"]) await client.conversation(romeo).send({ text }).reached("stored");
  await ledger.run((tx) => log.append(tx, received("6")));
  for await (const { text } of client.messages()) if (text === "2") break;
  await sender.suspect();
  for (const position of [-1, 6]) await deleteMessage(ledger, log, romeo, position); // what was given out last on either side
  await client.close();
  whole = new Map(disk.rows);
});

const rows = ["client/feed", "client/log-begin", "client/log-end", "client/outbox-suspect", place(0), place(5)];

test.each(rows.flatMap((key) => [[key, "store"], [key, "record"]] as const))("D13 Q22 a client starts although %s cannot be read (%s)", async (key, way) => {
  disk.rows.clear();
  for (const [each, value] of whole) disk.rows.set(each, value);
  expect(disk.rows.has(key as StoreKey)).toBe(true);
  if (way === "record") disk.rows.set(key as StoreKey, utf8("?"));
  const client = await open(new Set(way === "store" ? [key] : []));
  const { ledger, log } = client.core;
  const [last, first] = await ledger.run((tx) => [log.append(tx, received("new")), log.prepend(tx, received("old"))]);
  expect([last.position > 6, first.position < -1, client.waiting]).toEqual([true, true, 2]);
  const read: string[] = [];
  for await (const { text } of client.messages()) {
    read.push(text);
    if (text === "new") break;
  }
  expect(read.slice(-2)).toEqual(["3", "new"]);
  const texts = (await client.history()).map(({ text }) => text);
  const lost = key === place(0) ? ["0"] : key === place(5) ? ["ho"] : [];
  expect(texts).toEqual(["old", "0", "1", "2", "3", "hi", "ho", "new"].filter((text) => !lost.includes(text)));
  await client.close();
});
