/** What was deleted stays deleted, whatever is under way, and takes no place of what comes. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { History } from "../../../src/client/log/history.js";
import { deleteBefore, deleteConversation, deleteMessage } from "../../../src/client/log/retention.js";
import type { Message } from "../../../src/client/message.js";
import { MessageFeed } from "../../../src/client/message-feed.js";
import { pruneOwnIds } from "../../../src/client/outbox/own-ids.js";
import { next, service } from "../../support/inbox-service.js";
import { append, openLog, received, textsOf } from "../../support/log-world.js";
import { juliet, mercutio, romeo, World } from "../../support/omemo-world.js";
import { plainLetter, Reception, ServerArchive } from "../../support/reception.js";

interface Scene { readonly world: World; readonly b: Reception; readonly archive: ServerArchive }

/** Juliet, who has read her archive. */
async function scene(fill: (archive: ServerArchive) => void = () => undefined): Promise<Scene> {
  const world = new World();
  const archive = new ServerArchive(juliet, world.clock);
  fill(archive);
  const b = await Reception.open(world, juliet, { isContact: () => true });
  await b.catchUp.run(b.connect(archive));
  return { world, b, archive };
}

test.each([
  ["by conversation", ({ b }: Scene) => deleteConversation(b.ledger, b.log, romeo)],
  ["by age", ({ b, world }: Scene) => deleteBefore(b.ledger, b.log, world.clock.now() + 1)],
])("D19 Q16 what came live and was deleted %s is not taken in again with its page of the archive, readable or not", async (_, remove) => {
  const s = await scene();
  const { b, archive } = s;
  const live = b.connect(archive, true);
  const sealed = plainLetter(romeo, juliet, "2", "sealed for another version");
  await b.take(archive.store(plainLetter(romeo, juliet, "1", "transfer the money")), live);
  await b.take(archive.store({ ...sealed, children: [{ ...sealed, name: "encrypted", ns: "urn:xmpp:omemo:2", attrs: {}, children: [] }] }), live);
  expect(await b.texts()).toEqual(["transfer the money", "ERR_STANZA_INVALID"]);
  await remove(s);
  b.events.length = 0;
  await b.catchUp.run(b.connect(archive));
  expect([await b.texts(), b.events.filter(({ kind }) => kind !== "catch-up")]).toEqual([[], []]);
  archive.store(plainLetter(romeo, juliet, "3", "new"));
  await b.catchUp.run(b.connect(archive));
  expect(await b.texts()).toEqual(["new"]);
});

test("D19 a conversation that is deleted while a page of it is fetched stays deleted, and is paged back no further", async () => {
  const { b, archive } = await scene((full) => { for (let i = 1; i <= 12; i++) full.store(plainLetter(romeo, juliet, `${i}`, `${i}`)); });
  archive.store(plainLetter(romeo, juliet, "new", "new"));
  await b.catchUp.run(b.connect(archive));
  archive.queries.length = 0;
  const online = b.connect(archive);
  const history = new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => online });
  archive.pageMax = 4;
  archive.beforeAnswer = async () => {
    archive.beforeAnswer = () => undefined;
    await deleteConversation(b.ledger, b.log, romeo);
  };
  expect(await history.page({ conversation: romeo, reverse: true, limit: 20 })).toEqual([]);
  expect([await b.texts(), archive.queries.length]).toEqual([[], 1]);
  expect(await history.page({ conversation: romeo, reverse: true, limit: 20 })).toEqual([]);
  expect(archive.queries).toHaveLength(1);
});

test("D19 one message that was deleted does not come back, live or from before this device, and what is older is fetched as ever", async () => {
  const { b, archive } = await scene((full) => { for (let i = 1; i <= 6; i++) full.store(plainLetter(romeo, juliet, `${i}`, `${i}`)); });
  await b.take(archive.store(plainLetter(romeo, juliet, "7", "7")), b.connect(archive, true));
  const online = b.connect(archive);
  const history = new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => online });
  const page = (limit: number): Promise<readonly Message[]> => history.page({ conversation: romeo, reverse: true, limit });
  const remove = async (text: string): Promise<boolean> => {
    const found = (await b.log.page({ conversation: romeo, limit: 100 })).find((message) => message.text === text);
    return deleteMessage(b.ledger, b.log, romeo, found!.position);
  };
  archive.pageMax = 2;
  expect(await remove("7")).toBe(true); // the only one here, and so the place where paging back begins
  await b.catchUp.run(b.connect(archive));
  await pruneOwnIds(b.ledger, Infinity, () => []); // what was caught up is asked for no more
  expect(textsOf(await page(3))).toBe("6 5 4");
  expect(await remove("5")).toBe(true);
  expect(textsOf(await page(3))).toBe("6 4 3");
  expect(textsOf(await page(10))).toBe("6 4 3 2 1");
});

test("D19 a deletion that names a message of another conversation, or none, deletes nothing", async () => {
  const world = await openLog();
  const [message] = await append(world, received("1", mercutio));
  for (const position of [message!.position, 77]) expect(await deleteMessage(world.ledger, world.log, romeo, position)).toBe(true);
  expect(textsOf(await world.log.page({ conversation: mercutio }))).toBe("1");
});

test("D19 a page that is written in the same commit as the deletion is gone with it", async () => {
  const { b, archive } = await scene((full) => { for (let i = 1; i <= 4; i++) full.store(plainLetter(mercutio, juliet, `${i}`, `${i}`)); });
  const online = b.connect(archive);
  const history = new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => online });
  let deleted: Promise<void> | undefined;
  archive.beforeAnswer = () => { deleted ??= deleteConversation(b.ledger, b.log, mercutio); }; // not waited for
  expect(await history.page({ conversation: mercutio, reverse: true, limit: 20 })).toEqual([]);
  await deleted;
  expect(await b.texts()).toEqual([]);
});

test("D19 deletion by age takes what came before that time, also behind what was taken in while the clock was ahead", async () => {
  const world = await openLog();
  const ahead = Array.from({ length: 1_100 }, (_, i) => received(`ahead${i.toString()}`, mercutio, { receivedAt: 9_999_999 }));
  await append(world, received("early", romeo, { receivedAt: 1 }), ...ahead, ...[10, 20, 2_000].map((receivedAt) => received(`t${receivedAt.toString()}`, romeo, { receivedAt })));
  expect(await deleteBefore(world.ledger, world.log, 1_000)).toBe(3);
  expect(textsOf(await world.log.page({ conversation: romeo }))).toBe("t2000");
});

test("D13 deletion by age tells of a message that it cannot read, and has deleted the others", async () => {
  const world = await openLog();
  await append(world, received("1"), received("bad", mercutio), received("3"));
  const key = [...world.disk.rows.keys()].find((each) => each.startsWith("client/log/mercutio"))!;
  world.disk.rows.set(key, utf8('{"v":1}'));
  await expect(deleteBefore(world.ledger, world.log, 5_000)).rejects.toMatchObject({ code: "ERR_RECORD_INVALID" });
  expect(await world.log.page({ conversation: romeo })).toEqual([]);
});

test("D19 deletion by age refuses what is no time: a rule that deletes nothing would look like one", async () => {
  const world = await openLog();
  await append(world, received("1"));
  for (const time of [undefined, null, "2020-01-01", Number.NaN, new Date()]) {
    await expect(deleteBefore(world.ledger, world.log, time as never)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  }
  expect(textsOf(await world.log.page())).toBe("1");
});

test("Q22 a place is given out once, also where a commit was given up and the newest messages were deleted: readers pass nothing by", async () => {
  const world = await service();
  await append(world, received("1"), received("2"), received("3"));
  for (let i = 0; i < 3; i++) await (await next(world.inbox)).ack();
  const feed = await MessageFeed.load({ ...world, onError: (error) => { throw error; } });
  const reader = feed.read();
  for (let i = 0; i < 3; i++) await reader.next();
  await feed.close();
  await expect(world.ledger.run((tx) => { world.log.append(tx, received("undone")); throw new RangeError("scripted"); })).rejects.toThrow("scripted");
  await deleteConversation(world.ledger, world.log, romeo);
  const again = await service(world.disk);
  const [message] = await append(again, received("new"));
  expect(message!.position).toBeGreaterThan(3);
  expect((await next(again.inbox)).message.text).toBe("new");
  const reopened = await MessageFeed.load({ ...again, onError: (error) => { throw error; } });
  expect(((await reopened.read().next()).value as typeof message)?.text).toBe("new");
});
