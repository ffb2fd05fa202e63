/** When a timeline says that nothing older is to be had: only where the archive said so, and at once. */
import { expect, test } from "vitest";
import type { Connection } from "../../../src/client/link.js";
import { localPage } from "../../../src/client/log/backfill.js";
import { History } from "../../../src/client/log/history.js";
import { deleteConversation } from "../../../src/client/log/retention.js";
import { createTimeline, type Timeline } from "../../../src/client/log/timeline.js";
import { TransportError } from "../../../src/transport/errors.js";
import { encodeReceipt } from "../../../src/transport/xep/xep0184.js";
import { UsageError } from "../../../src/base/errors.js";
import { xml } from "../../../src/base/xml.js";
import { textsOf } from "../../support/log-world.js";
import { juliet, romeo, World } from "../../support/omemo-world.js";
import { plainLetter, Reception, ServerArchive } from "../../support/reception.js";

interface Scene { readonly b: Reception; readonly archive: ServerArchive; readonly timeline: Timeline; online: Connection | undefined }

const shown = ({ timeline }: Scene): readonly [texts: string, complete: boolean] => [textsOf(timeline.getSnapshot().messages), timeline.getSnapshot().complete];

/** Juliet has a new device; `fill` is what her archive has from before it. Only "new" is in the log. */
async function scene(fill: (archive: ServerArchive) => void, subscribe = true): Promise<Scene> {
  const world = new World();
  const archive = new ServerArchive(juliet, world.clock);
  fill(archive);
  const b = await Reception.open(world, juliet);
  await b.catchUp.run(b.connect(archive));
  await b.take(archive.store(plainLetter(romeo, juliet, "new", "new")), b.connect(archive, true));
  archive.queries.length = 0;
  const history = new History({ ledger: b.ledger, log: b.log, receiver: b.receiver, cursor: b.cursor, connection: () => made.online });
  const made: Scene = {
    b, archive, online: undefined,
    timeline: createTimeline(b.log, romeo, { local: (range) => localPage(b.ledger, b.log, range), older: (range, signal) => history.older(range, signal) }, (error) => { throw error; }),
  };
  if (!subscribe) return made;
  made.timeline.subscribe(() => undefined);
  await expect.poll(() => made.timeline.getSnapshot().loading).toBe(false);
  return made;
}

const three = (archive: ServerArchive): void => { for (const text of ["1", "2", "3"]) archive.store(plainLetter(romeo, juliet, text, text)); };
const receipt = (id: string): ReturnType<typeof xml> => xml("jabber:client", "message", { from: romeo, to: juliet, id: `r${id}`, type: "chat" }, encodeReceipt(id));

test("offline nobody knows whether the archive has more; online it goes on, and a short page that the archive ended is the last", async () => {
  const s = await scene(three);
  await expect(s.timeline.loadOlder()).rejects.toMatchObject({ code: "ERR_OFFLINE", retryable: true });
  expect(shown(s)).toEqual(["new", false]);
  s.online = s.b.connect(s.archive);
  await s.timeline.loadOlder({ limit: 50 });
  expect(shown(s)).toEqual(["1 2 3 new", true]); // no empty call to learn it
  expect(s.archive.queries).toHaveLength(1);
});

test("a full page that happens to be the last says so too, and it holds offline and for the next subscriber", async () => {
  const s = await scene(three);
  s.online = s.b.connect(s.archive);
  await s.timeline.loadOlder({ limit: 3 });
  expect(shown(s)).toEqual(["1 2 3 new", true]);
  s.online = undefined;
  const again = createTimeline(s.b.log, romeo, { local: (range) => localPage(s.b.ledger, s.b.log, range), older: async () => { throw new Error("not asked"); } }, () => undefined);
  again.subscribe(() => undefined);
  await expect.poll(() => again.getSnapshot()).toMatchObject({ loading: false, complete: true });
});

test("an archive that is full of receipts is not at its end after the pages of one call", async () => {
  const s = await scene((archive) => {
    archive.store(plainLetter(romeo, juliet, "oldest", "oldest"));
    for (let i = 0; i < 25; i++) archive.store(receipt(i.toString()));
  });
  s.archive.pageMax = 2;
  s.online = s.b.connect(s.archive);
  await s.timeline.loadOlder();
  expect([shown(s), s.archive.queries.length]).toEqual([["new", false], 10]);
  await s.timeline.loadOlder();
  expect(shown(s)).toEqual(["oldest new", true]);
});

test("without an archive the log is all there is, and what was deleted is not elsewhere", async () => {
  const s = await scene(three);
  s.online = s.b.connect(s.archive);
  s.archive.available = false;
  await s.timeline.loadOlder();
  expect(shown(s)).toEqual(["new", true]);
  const other = await scene(three);
  await deleteConversation(other.b.ledger, other.b.log, romeo);
  await other.timeline.loadOlder();
  expect(shown(other)).toEqual(["", true]);
});

test("a timeline that nobody subscribes to knows its end after one call", async () => {
  const s = await scene(three, false);
  s.online = s.b.connect(s.archive);
  await s.timeline.loadOlder();
  expect(shown(s)).toEqual(["1 2 3 new", true]);
});

test("an archive that cannot be asked keeps nothing back that is in the log, and what is not is asked for again", async () => {
  const s = await scene(three, false);
  for (let i = 0; i < 60; i++) await s.b.take(s.archive.store(plainLetter(romeo, juliet, `n${i}`, `n${i}`)), s.b.connect(s.archive, true));
  s.timeline.subscribe(() => undefined);
  await expect.poll(() => s.timeline.getSnapshot()).toMatchObject({ loading: false, messages: { length: 50 } });
  s.online = s.b.connect(s.archive);
  s.archive.beforeAnswer = () => { throw new TransportError("ERR_IQ_TIMEOUT", "scripted"); };
  await expect(s.timeline.loadOlder()).rejects.toMatchObject({ code: "ERR_IQ_TIMEOUT" });
  expect(s.timeline.getSnapshot()).toMatchObject({ loading: false, complete: false, messages: { length: 61 } });
  await expect(s.timeline.loadOlder()).rejects.toMatchObject({ code: "ERR_IQ_TIMEOUT" });
  s.archive.beforeAnswer = () => undefined;
  await s.timeline.loadOlder();
  expect(s.timeline.getSnapshot()).toMatchObject({ loading: false, complete: true, messages: { length: 64 } });
});

test("whoever calls off a page is shown nothing more", async () => {
  const s = await scene(three, false);
  for (let i = 0; i < 60; i++) await s.b.take(s.archive.store(plainLetter(romeo, juliet, `n${i}`, `n${i}`)), s.b.connect(s.archive, true));
  s.timeline.subscribe(() => undefined);
  await expect.poll(() => s.timeline.getSnapshot().loading).toBe(false);
  s.online = s.b.connect(s.archive);
  const caller = new AbortController();
  s.archive.beforeAnswer = () => { caller.abort(); throw new UsageError("ERR_ABORTED", "scripted"); };
  await expect(s.timeline.loadOlder({ signal: caller.signal })).rejects.toMatchObject({ code: "ERR_ABORTED" });
  expect(s.timeline.getSnapshot()).toMatchObject({ loading: false, complete: false, messages: { length: 50 } });
});

test("offline a page that the log has is no failure, and what is behind it is", async () => {
  const s = await scene(three, false);
  for (let i = 0; i < 60; i++) await s.b.take(s.archive.store(plainLetter(romeo, juliet, `n${i}`, `n${i}`)), s.b.connect(s.archive, true));
  s.timeline.subscribe(() => undefined);
  await s.timeline.loadOlder(); // the first page is being read
  expect(s.timeline.getSnapshot()).toMatchObject({ loading: false, messages: { length: 50 } });
  await s.timeline.loadOlder();
  expect(s.timeline.getSnapshot()).toMatchObject({ complete: false, messages: { length: 61 } });
  await expect(s.timeline.loadOlder()).rejects.toMatchObject({ code: "ERR_OFFLINE" });
  expect(s.timeline.getSnapshot()).toMatchObject({ loading: false, complete: false, messages: { length: 61 } });
});

test("a loop that loads until there is nothing older comes to its end, begun together with the first page", async () => {
  const s = await scene(three, false);
  s.online = s.b.connect(s.archive);
  s.timeline.subscribe(() => undefined);
  let turns = 0;
  while (!s.timeline.getSnapshot().complete && turns < 10) {
    await s.timeline.loadOlder();
    turns += 1;
  }
  expect([shown(s), turns]).toEqual([["1 2 3 new", true], 2]);
});

test("whoever joins a page that its caller calls off is not told of that, and loads it with his next call", async () => {
  const s = await scene(three);
  s.online = s.b.connect(s.archive);
  const caller = new AbortController();
  s.archive.beforeAnswer = () => {
    s.archive.beforeAnswer = () => undefined;
    caller.abort();
    throw new UsageError("ERR_ABORTED", "scripted");
  };
  const called = s.timeline.loadOlder({ signal: caller.signal });
  const joined = s.timeline.loadOlder();
  await expect(called).rejects.toMatchObject({ code: "ERR_ABORTED" });
  await joined;
  expect(shown(s)).toEqual(["new", false]);
  await s.timeline.loadOlder();
  expect(shown(s)).toEqual(["1 2 3 new", true]);
});
