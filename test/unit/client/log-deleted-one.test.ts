/** One message that was deleted: it is gone, and its ids still say where it stood. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { deleteConversation, deleteMessage } from "../../../src/client/log/retention.js";
import { pruneOwnIds } from "../../../src/client/outbox/own-ids.js";
import { readContent } from "../../../src/client/receive/content.js";
import { takeEvidence } from "../../../src/client/receive/evidence.js";
import { StorageError } from "../../../src/storage/errors.js";
import { encodeDisplayed } from "../../../src/transport/xep/xep0333.js";
import { append, type LogWorld, openLog, received, sent, textsOf } from "../../support/log-world.js";
import { body, mercutio, romeo } from "../../support/omemo-world.js";
import { juliet, OutboxWorld, quiet } from "../../support/outbox-world.js";

const remove = ({ ledger, log }: LogWorld, position: number, of = romeo): Promise<boolean> => deleteMessage(ledger, log, of, position);
const texts = async ({ log }: LogWorld, of = romeo): Promise<string> => textsOf(await log.page({ conversation: of, limit: 1_000 }));

test("F15 a displayed marker about a message that was deleted here is about those before it, and about nobody else's", async () => {
  const world = await openLog();
  await append(world, sent("1"), sent("2"), sent("3"), sent("other", mercutio), sent("refused", romeo, "failed"));
  await remove(world, 3);
  await remove(world, 5);
  const marker = (from: typeof romeo, id = "3"): Promise<void> =>
    world.ledger.run((tx) => takeEvidence(tx, world.log, readContent([encodeDisplayed(id)]), { from, authenticated: true }));
  await marker(mercutio);
  await marker(romeo, "refused"); // which nobody can have seen
  expect((await world.log.page()).map(({ delivery }) => delivery?.state)).toEqual(["sent", "sent", "sent"]);
  await marker(romeo);
  expect((await world.log.page()).map(({ delivery }) => delivery?.state)).toEqual(["displayed", "displayed", "sent"]);
});

test("D19 a message of this device that is deleted before the archive has told its id is known there for good", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  const handle = run.sender.intake.accept(juliet, [body("meet me at nine")]);
  await quiet();
  link.stream.acknowledge();
  await quiet();
  expect(await deleteMessage(run.ledger, run.log, juliet, 1)).toBe(true);
  await pruneOwnIds(run.ledger, Infinity, () => []);
  const archived = (): Promise<string> => run.ledger.run((tx) => run.sender.archived(tx, handle.id, "in the archive"));
  expect([await archived(), await archived()]).toEqual(["known", "known"]);
  expect(await run.ledger.read((tx) => run.log.hasStanzaId(tx, "in the archive"))).toBe(true);
  expect(await run.log.page()).toEqual([]);
});

test("Q03 what was taken back and deleted is not sent when it is handed in again under its id, in the next run either", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const id = "0123456789abcdef0123456789abcdef";
  const handle = run.sender.intake.acceptAs(id, juliet, [body("never mind")]);
  await handle.reached("stored");
  expect(await handle.cancel()).toBe(true);
  expect(await deleteMessage(run.ledger, run.log, juliet, 1)).toBe(true);
  const next = await world.run();
  const again = next.sender.intake.acceptAs(id, juliet, [body("never mind")]);
  await expect(again.reached("stored")).rejects.toMatchObject({ code: "ERR_MESSAGE_CANCELLED" });
  expect([await next.sender.intake.isCancelled(id), await next.log.page(), next.sender.waiting]).toEqual([true, [], 0]);
});

test("Q03 what has left and was deleted is not sent again when it is handed in under its id, however much later", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  const id = "0123456789abcdef0123456789abcdef";
  run.sender.intake.acceptAs(id, juliet, [body("once")]);
  await quiet();
  link.stream.acknowledge();
  await quiet();
  expect(await deleteMessage(run.ledger, run.log, juliet, 1)).toBe(true);
  await pruneOwnIds(run.ledger, Infinity, () => []);
  const next = await world.run();
  expect((await next.sender.intake.acceptAs(id, juliet, [body("once")]).reached("sent")).state).toBe("sent");
  expect([next.sender.waiting, await next.log.page()]).toEqual([0, []]);
});

test("Q22 the place of the oldest message that was deleted is not given out again, after a restart either", async () => {
  const world = await openLog();
  const [first] = await world.ledger.run((tx) => [world.log.prepend(tx, received("old"))]);
  await remove(world, first.position);
  const again = await openLog(world.disk);
  const older = await again.ledger.run((tx) => again.log.prepend(tx, received("older")));
  expect(older.position).toBeLessThan(first.position);
});

test("D19 a conversation is deleted as it was when that began: what comes meanwhile stays", async () => {
  const world = await openLog();
  await append(world, ...Array.from({ length: 250 }, (_, i) => received(`${i}`)));
  const deleting = deleteConversation(world.ledger, world.log, romeo);
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  await append(world, received("Are you coming?"));
  await deleting;
  expect(await texts(world)).toBe("Are you coming?");
});

test.each(["a record that cannot be read", "a row that the store cannot read"])("D13 %s keeps nothing else from being deleted, and goes with its conversation", async (kind) => {
  const world = await openLog(undefined, (inner) => kind.startsWith("a record") ? inner : {
    ...inner,
    acquire: () => inner.acquire(), destroy: () => inner.destroy(), commit: (changes, fence) => inner.commit(changes, fence), close: () => inner.close(), owns: (fence) => inner.owns(fence),
    get: (key) => inner.get(key), getMany: (keys) => inner.getMany(keys),
    list: async (range) => {
      const rows = await inner.list(range);
      if (rows.some(({ value }) => value.length === 1)) throw new StorageError("ERR_STORE_CORRUPT", "planned");
      return rows;
    },
  });
  await append(world, ...["1", "bad", "3", "4"].map((text) => received(text)), received("theirs", mercutio));
  const bad = world.log.keys.message(romeo, 2);
  world.disk.rows.set(bad, utf8("?"));
  expect(await remove(world, 3)).toBe(true);
  await deleteConversation(world.ledger, world.log, romeo);
  expect([...world.disk.rows.keys()].filter((key) => key.startsWith(world.log.keys.conversationPrefix(romeo)))).toEqual([]);
  expect(await texts(world, mercutio)).toBe("theirs");
  expect(await texts(world)).toBe("");
});
