/** Readers of messages and timelines, also of a tab that has no leader any more, and will have none. */
import { expect, test } from "vitest";
import { StorageError } from "../../../src/storage/errors.js";
import { calm, juliet, nurse, romeo, testWorld, when } from "../../support/facade-world.js";

const gone = new StorageError("ERR_STORE_UNAVAILABLE", "planned");

test("a reader that nobody was waiting at when its tab lost its last leader says why when it is asked, and is at its end then", async () => {
  const { client, link } = await testWorld().open();
  const [reader, left] = [client.messages(), client.messages()];
  link.ends.emit(gone);
  await expect(reader.next()).rejects.toBe(gone);
  expect(await reader.next()).toEqual({ done: true, value: undefined });
  await left.return?.();
  expect(await left.next()).toEqual({ done: true, value: undefined });
});

test("a reader of a tab that has lost its last leader does not wait for ever", async () => {
  const { client, link } = await testWorld().open();
  link.ends.emit(gone);
  const next = client.messages().next();
  await expect(Promise.race([next, client.close().then(() => "waits")])).rejects.toBe(gone);
  const abort = new AbortController();
  abort.abort();
  const { client: other, link: its } = await testWorld().open();
  its.ends.emit(gone);
  expect(await other.messages({ signal: abort.signal }).next()).toEqual({ done: true, value: undefined });
});

test.each(["resume", "after"] as const)("D07 a reader (%s) that was frozen while the store was lost begins anew in the next one, also if more is in that than there was before", async (cursor) => {
  const world = testWorld({ autoConnect: true });
  const { client, link } = await world.open();
  await when(client.status, () => client.status.getSnapshot().kind === "online");
  const friend = await world.other(juliet);
  const say = async (...texts: readonly string[]): Promise<void> => {
    for (const text of texts) await friend.conversation(romeo).send({ text }).reached("delivered");
  };
  const reader = client.messages(cursor === "after" ? { after: 0 } : {});
  const read = async (count: number): Promise<readonly string[]> => {
    const texts: string[] = [];
    while (texts.length < count) texts.push(((await reader.next()).value as { readonly text: string }).text);
    return texts;
  };
  await say("1", "2");
  expect(await read(2)).toEqual(["1", "2"]);

  world.links.delete(link); // hears nothing
  world.crash();
  world.disk.rows.clear();
  await world.lead();
  const beside = await world.tab();
  await when(beside.client.status, () => beside.client.status.getSnapshot().kind === "online");
  await say("3", "4", "5");

  world.links.add(link);
  link.epochs.emit(world.epoch);
  expect(await read(3)).toEqual(["3", "4", "5"]);
  await world.lead(); // on the same store
  await when(beside.client.status, () => beside.client.status.getSnapshot().kind === "online");
  await say("6");
  expect(await read(1)).toEqual(["6"]);
});

test("a timeline of a tab that has lost its last leader is not said to load any more, whatever of it was shown, and whenever it was asked for", async () => {
  const world = testWorld();
  const { client, link } = await world.open();
  const timelines = [juliet, nurse].map((jid) => client.conversation(jid).timeline());
  const told = [0, 0];
  for (const [i, timeline] of timelines.entries()) {
    // Of one the first state is lost, of the other the last one.
    world.lose = (frame, direction) => direction === "down" && frame.kind === "state" && (i === 0 || !frame.full);
    timeline.subscribe(() => { told[i] = (told[i] ?? 0) + 1; });
    await calm();
    if (i === 1) void timeline.loadOlder().catch(() => undefined);
    await calm();
    told[i] = 0;
  }
  link.ends.emit(gone);
  for (const [i, timeline] of timelines.entries()) {
    const shown = timeline.getSnapshot();
    expect([i, shown.loading, told[i]]).toEqual([i, false, 1]);
    expect(timeline.getSnapshot()).toBe(shown);
  }
  const late = client.conversation(romeo).timeline();
  late.subscribe(() => undefined);
  expect(late.getSnapshot()).toEqual({ messages: [], loading: false, complete: false });
});

test("a timeline of a tab that is closed is not said to load any more", async () => {
  const world = testWorld();
  const { client } = await world.open();
  world.lose = (frame) => frame.kind === "state";
  const timeline = client.conversation(juliet).timeline();
  timeline.subscribe(() => undefined);
  expect(timeline.getSnapshot().loading).toBe(true);
  await client.close();
  expect(timeline.getSnapshot().loading).toBe(false);
});

test("a reader with a cursor that the application has kept begins behind it, under any leader", async () => {
  const world = testWorld({ autoConnect: true });
  const { client } = await world.open();
  await when(client.status, () => client.status.getSnapshot().kind === "online");
  const friend = await world.other(juliet);
  for (const text of ["1", "2"]) await friend.conversation(romeo).send({ text }).reached("delivered");
  const [first] = await client.history();
  const next = async (): Promise<unknown> => ((await client.messages({ after: first!.position }).next()).value as { readonly text: string }).text;
  expect(await next()).toBe("2");
  await world.lead();
  expect(await next()).toBe("2");
});

test("a timeline that nobody subscribes to is read back page by page, as without tabs, and says where it cannot go on", async () => {
  const { client, host } = await testWorld().open();
  for (let n = 0; n < 60; n++) await client.conversation(juliet).send({ text: n.toString() }).reached("stored");
  for (const each of [client, host.client]) {
    const timeline = each.conversation(juliet).timeline();
    const shown: number[] = [];
    const read = async (): Promise<void> => {
      await timeline.loadOlder();
      shown.push(timeline.getSnapshot().messages.length);
    };
    await read();
    await read();
    expect(shown).toEqual([50, 60]);
    await expect(read()).rejects.toMatchObject({ code: "ERR_OFFLINE", retryable: true }); // the archive may have more
    expect(timeline.getSnapshot()).toMatchObject({ loading: false, complete: false, messages: { length: 60 } });
  }
});

test("a timeline that showed nothing under a leader of another build loads again under the next one", async () => {
  const world = testWorld();
  const { client, link } = await world.open();
  world.lose = (frame) => frame.kind === "state";
  const timeline = client.conversation(juliet).timeline();
  const stop = timeline.subscribe(() => undefined);
  link.frames.emit({ kind: "refused", protocol: 0 });
  expect(timeline.getSnapshot().loading).toBe(false);
  stop();
  await world.lead();
  await calm();
  timeline.subscribe(() => undefined);
  expect(timeline.getSnapshot().loading).toBe(true);
});
