/** D13: one row that cannot be read costs a list that one message, and no list is refused for it. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import type { Connection } from "../../../src/client/link.js";
import { encodeBackfill, localPage } from "../../../src/client/log/backfill.js";
import { Conversations } from "../../../src/client/log/conversations.js";
import { History } from "../../../src/client/log/history.js";
import { deleteMessage } from "../../../src/client/log/retention.js";
import { createTimeline, type TimelineSnapshot } from "../../../src/client/log/timeline.js";
import type { Receiver } from "../../../src/client/receive/receiver.js";
import type { StoreKey } from "../../../src/session/ports.js";
import { damagedStore } from "../../support/damaged-store.js";
import { append, type LogWorld, openLog, received, sent, textsOf } from "../../support/log-world.js";
import { mercutio, romeo } from "../../support/omemo-world.js";

/** How the store says that a row is damaged: the row is no record, or fails whatever touches it. */
const ways = ["record", "store"] as const;

interface Scene extends LogWorld { readonly errors: unknown[]; readonly spoil: (key: StoreKey, way: (typeof ways)[number]) => void }

async function scene(count: number): Promise<Scene> {
  const bad = new Set<string>();
  const errors: unknown[] = [];
  const first = await openLog();
  const world = await openLog(first.disk, () => damagedStore(first.disk, bad), (error) => { errors.push(error); });
  await append(world, ...Array.from({ length: count }, (_, i) => received(`${i + 1}`)), received("m1", mercutio), sent("m2", mercutio));
  const spoil = (key: StoreKey, way: (typeof ways)[number]): void => {
    if (way === "store") bad.add(key);
    else world.disk.rows.set(key, utf8("?"));
  };
  return { ...world, errors, spoil };
}

const openList = (world: Scene): Promise<Conversations> => Conversations.open(world.log, world.ledger, (error) => { world.errors.push(error); });
const lines = (list: Conversations): string[] => list.getSnapshot().conversations.map(({ jid, last, unread }) => `${jid.split("@")[0] ?? ""}: ${last.text} ${unread}`);
const codes = ({ errors }: Scene): unknown[] => errors.map((error) => (error as { readonly code: unknown }).code);
const codeOf = { record: "ERR_RECORD_INVALID", store: "ERR_STORE_CORRUPT" } as const;

test.each(ways)("D13 the list of conversations shows the newest message that can be read, and the others as ever (%s)", async (way) => {
  const world = await scene(3);
  const { log: { keys } } = world;
  world.spoil(keys.message(romeo, 3), way);
  world.spoil(keys.timeline(5), way);
  const list = await openList(world);
  expect(lines(list)).toEqual(["mercutio: m1 1", "romeo: 2 3"]);
  expect(new Set(codes(world))).toEqual(new Set([codeOf[way]]));
  await append(world, received("new"));
  expect(lines(list)).toEqual(["romeo: new 4", "mercutio: m1 1"]);
});

test.each(ways)("D13 a read position that cannot be read makes its own conversation look unread, and no other (%s)", async (way) => {
  const world = await scene(3);
  for (const [conversation, position] of [[romeo, 2], [mercutio, 4]] as const) await world.ledger.run((tx) => { world.log.writeRead(tx, conversation, { conversation, position }); });
  expect(lines(await openList(world))).toEqual(["mercutio: m2 0", "romeo: 3 1"]);
  world.spoil(world.log.keys.readPosition(romeo), way);
  expect(lines(await openList(world))).toEqual(["mercutio: m2 0", "romeo: 3 3"]);
  expect(codes(world)).toEqual([codeOf[way]]);
});

test.each(ways.flatMap((way) => [[way, 10], [way, 7], [way, 1]] as const))("D13 a timeline opens, and pages back, past a message that cannot be read (%s, %d)", async (way, bad) => {
  const world = await scene(10);
  world.spoil(world.log.keys.message(romeo, bad), way);
  const pages = { local: localPage.bind(undefined, world.ledger, world.log), older: localPage.bind(undefined, world.ledger, world.log) };
  const timeline = createTimeline(world.log, romeo, { local: (range) => pages.local({ ...range, limit: 4 }), older: pages.older }, (error) => { world.errors.push(error); });
  const shown = (): TimelineSnapshot => timeline.getSnapshot();
  timeline.subscribe(() => undefined);
  await expect.poll(() => shown().loading).toBe(false);
  expect(shown().messages).toHaveLength(4);
  await timeline.loadOlder().catch(() => undefined); // there is no archive to say that this is all
  const rest = Array.from({ length: 10 }, (_, i) => `${i + 1}`).filter((text) => text !== `${bad}`);
  expect(textsOf(shown().messages)).toBe(rest.join(" "));
  expect(new Set(codes(world))).toEqual(new Set([codeOf[way]]));
});

test.each(ways)("D13 pages of the log are as full as they can be, in both directions and of all conversations (%s)", async (way) => {
  const world = await scene(10);
  const { log } = world;
  for (const position of [1, 5, 6]) world.spoil(log.keys.message(romeo, position), way);
  const page = async (range: Parameters<typeof log.page>[0]): Promise<string> => textsOf(await log.page(range));
  expect(await page({ conversation: romeo, limit: 4 })).toBe("2 3 4 7");
  expect(await page({ conversation: romeo, limit: 4, reverse: true })).toBe("10 9 8 7");
  expect(await page({ conversation: romeo, before: 9, limit: 4, reverse: true })).toBe("8 7 4 3");
  expect(await page({ conversation: romeo, after: 3, before: 7 })).toBe("4");
  expect(await page({ after: 4, limit: 3, reverse: true })).toBe("m2 m1 10");
  expect(await page({ after: 4, limit: 3 })).toBe("7 8 9");
});

test.each(ways)("D13 D19 where it cannot be read how far a conversation was paged back, it is shown and deleted from as ever, and nothing is fetched that may have been deleted (%s)", async (way) => {
  const world = await scene(3);
  const { log, ledger } = world;
  await ledger.run((tx) => { tx.put(log.keys.backfill(romeo), encodeBackfill({ complete: true })); });
  world.spoil(log.keys.backfill(romeo), way);
  expect(await localPage(ledger, log, { conversation: romeo })).toMatchObject({ messages: [{ text: "3" }, { text: "2" }, { text: "1" }], complete: true });
  expect(codes(world)).toEqual([codeOf[way]]);
  const asked: unknown[] = [];
  const connection = { archive: { supported: async () => asked.push(true) }, signal: new AbortController().signal } as unknown as Connection;
  const history = new History({ ledger, log, receiver: {} as unknown as Receiver, cursor: { place: undefined }, connection: () => connection });
  expect(textsOf(await history.page({ conversation: romeo, reverse: true }))).toBe("3 2 1");
  expect(await deleteMessage(ledger, log, romeo, 2)).toBe(true);
  expect([textsOf(await log.page({ conversation: romeo })), asked]).toEqual(["1 3", []]);
});
