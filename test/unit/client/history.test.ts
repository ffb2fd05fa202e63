import { expect, test } from "vitest";
import type { Connection } from "../../../src/client/link.js";
import { History } from "../../../src/client/log/history.js";
import { deleteConversation } from "../../../src/client/log/retention.js";
import { TransportError } from "../../../src/transport/errors.js";
import { receiptRequest } from "../../../src/transport/xep/xep0184.js";
import { textsOf } from "../../support/log-world.js";
import { juliet, mercutio, romeo, World } from "../../support/omemo-world.js";
import { itemNotFound, plainLetter, Reception, sealedLetter, ServerArchive } from "../../support/reception.js";

interface Scene { readonly world: World; readonly b: Reception; readonly archive: ServerArchive; readonly history: History; online: Connection | undefined }

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

/** Juliet has a new device; her archive is older than it. */
async function scene(older = 12): Promise<Scene> {
  const world = new World();
  const a = await world.device(romeo);
  const former = await world.device(juliet);
  const archive = new ServerArchive(juliet, world.clock);
  archive.store(sealedLetter(romeo, juliet, "sealed", await a.send(juliet, "for the former device")));
  expect(former.id).toBeGreaterThan(0);
  for (const text of numbers(1, older)) {
    archive.store(plainLetter(romeo, juliet, text, text, receiptRequest()));
    archive.store(plainLetter(mercutio, juliet, `m${text}`, `m${text}`));
  }
  const b = await Reception.open(world, juliet, { isContact: () => true });
  await b.catchUp.run(b.connect(archive));
  archive.store(plainLetter(romeo, juliet, "new", "new"));
  await b.catchUp.run(b.connect(archive));
  b.events.length = 0;
  b.notified.length = 0;
  archive.queries.length = 0;
  const scene: Scene = { world, b, archive, online: undefined, history: new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => scene.online }) };
  return scene;
}

test("a new device pages back into the archive in order, says honestly what it cannot read, and keeps all of it for later", async () => {
  const { b, archive, history, ...rest } = await scene();
  const s = { b, archive, history, ...rest };
  expect(textsOf(await history.page({ conversation: romeo, reverse: true, limit: 5 }))).toBe("new"); // offline: the log alone
  const online = b.connect(archive);
  const other = new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => online });
  archive.pageMax = 4;
  expect(textsOf(await other.page({ conversation: romeo, reverse: true, limit: 5 }))).toBe("new 12 11 10 9");
  const all = await other.page({ conversation: romeo, reverse: true, limit: 50 });
  expect(textsOf(all.slice(0, -1))).toBe(["new", ...numbers(1, 12).reverse()].join(" "));
  expect(all.at(-1)).toMatchObject({ unreadable: "not-for-this-device", security: { level: "unknown" }, archivedAt: s.world.clock.now() });
  expect(all.slice(1).every(({ position }) => position <= 0)).toBe(true);
  const asked = archive.queries.length;
  expect(textsOf(await history.page({ conversation: romeo, limit: 50 }))).toBe(textsOf([...all].reverse()));
  await other.page({ conversation: romeo, reverse: true, limit: 50 });
  expect(archive.queries.length).toBe(asked);
  expect(archive.queries.every((query) => query.with === romeo)).toBe(true);
});

test("a page of no number of messages is the usual one, also where the log ends", async () => {
  const read = async (limit: number): Promise<unknown> => {
    const { b, archive } = await scene(120);
    const online = b.connect(archive);
    const page = await new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => online }).page({ conversation: romeo, reverse: true, limit });
    return [textsOf(page), archive.queries.length];
  };
  expect(await read(Number.NaN)).toEqual(await read(50));
});

test("history from before causes no events, no receipts and no follow-ups", async () => {
  const { b, archive } = await scene();
  const online = b.connect(archive);
  await new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => online }).page({ conversation: romeo, reverse: true });
  expect([b.events, b.notified, b.followUps, b.rollbacks]).toEqual([[], [], [], 0]);
});

test("Q16 what the archive has behind the place that was read up to is no history: it comes as new, with its event", async () => {
  const { world, b, archive } = await scene();
  const online = b.connect(archive);
  const history = new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => online });
  world.clock.time += 1;
  archive.store(plainLetter(mercutio, juliet, "on its way", "on its way"));
  expect(textsOf(await history.page({ conversation: mercutio, reverse: true, limit: 50 }))).toBe(numbers(1, 12).reverse().map((n) => `m${n}`).join(" "));
  await b.catchUp.run(b.connect(archive));
  expect(await b.log.page({ conversation: mercutio, reverse: true, limit: 1 })).toMatchObject([{ text: "on its way", position: 2 }]);
  expect(b.events.filter(({ kind }) => kind === "message")).toMatchObject([{ message: { text: "on its way" } }]);
});

test("Q16 in an archive that was empty when the device was new nothing is history", async () => {
  const world = new World();
  const archive = new ServerArchive(juliet, world.clock);
  const b = await Reception.open(world, juliet, { isContact: () => true });
  const online = b.connect(archive);
  await b.catchUp.run(online);
  archive.store(plainLetter(romeo, juliet, "on its way", "on its way"));
  const history = new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => online });
  expect(await history.page({ conversation: romeo, reverse: true })).toEqual([]);
});

test.each([["that has no time", { id: "somewhere" }], ["that is not known", undefined]])("history is read from the end of the archive where we are at a place %s", async (_, place) => {
  const { b, archive } = await scene();
  const online = b.connect(archive);
  const history = new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: { place }, connection: () => online });
  expect(await history.page({ conversation: mercutio, reverse: true })).toHaveLength(12);
});

test("what was deleted is not fetched again", async () => {
  const { b, archive } = await scene();
  const online = b.connect(archive);
  const history = new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => online });
  await deleteConversation(b.ledger, b.log, romeo);
  await deleteConversation(b.ledger, b.log, mercutio); // of whom nothing is here yet
  expect(await history.page({ conversation: romeo, reverse: true })).toEqual([]);
  expect(await history.page({ conversation: mercutio, reverse: true })).toEqual([]);
  expect(archive.queries).toEqual([]);
});

test("two calls at a time fetch a page once; an archive that has forgotten our oldest message has nothing older", async () => {
  const { b, archive } = await scene();
  const online = b.connect(archive);
  const history = new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => online });
  archive.pageMax = 4;
  const [one, two] = await Promise.all([1, 2].map(() => history.page({ conversation: romeo, reverse: true, limit: 5 })));
  expect(textsOf(one!)).toBe(textsOf(two!));
  expect(archive.queries).toHaveLength(1);
  archive.beforeAnswer = () => { throw itemNotFound(); };
  expect(textsOf(await history.page({ conversation: romeo, reverse: true, limit: 50 }))).toBe("new 12 11 10 9");
  await history.page({ conversation: romeo, reverse: true, limit: 50 });
  expect(archive.queries).toHaveLength(2);
});

test("an archive that fails fails the call, and the next one goes on where it was", async () => {
  const { b, archive } = await scene();
  const online = b.connect(archive);
  const history = new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => online });
  archive.beforeAnswer = () => { throw new TransportError("ERR_IQ_TIMEOUT", "scripted", { retryable: true }); };
  await expect(history.page({ conversation: romeo, reverse: true })).rejects.toMatchObject({ code: "ERR_IQ_TIMEOUT" });
  archive.beforeAnswer = () => undefined;
  expect(await history.page({ conversation: romeo, reverse: true })).toHaveLength(14);
});

test.each([[99, 1], [100, 2]])("history is fetched a hundred messages at a time: %i that the device can read and one that it cannot, with %i questions", async (older, questions) => {
  const { b, archive } = await scene(older);
  const online = b.connect(archive);
  const history = new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => online });
  archive.pageMax = 1_000;
  expect(await history.page({ conversation: romeo, reverse: true, limit: 1_000 })).toHaveLength(older + 2);
  expect(archive.queries).toHaveLength(questions);
});
