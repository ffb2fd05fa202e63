/** What an application does with a client, done through a facade: the same as with the client itself. */
import { expect, test } from "vitest";
import { calm, juliet, nurse, romeo, testWorld, when } from "../../support/facade-world.js";
import { rosterItem } from "../../support/people-server.js";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

test("a facade shows the device, the storage and the status of the leader's client as soon as it is there", async () => {
  const { client, host } = await testWorld().open();
  expect(client.device).toEqual(host.client.device);
  expect(client.storage).toEqual(host.client.storage);
  expect(client.status.getSnapshot()).toEqual({ kind: "offline" });
  expect(client.waiting).toBe(0);
});

test("a message is handed in at once, its handle follows it, and the log of every tab has it", async () => {
  const there = testWorld();
  const { client } = await there.open();
  const other = await there.tab();
  const handle = client.conversation(juliet).send({ text: "good night" });
  expect(handle.getSnapshot().state).toBe("accepted");
  await handle.reached("stored");
  expect(client.waiting).toBe(1);
  for (const each of [client, other.client]) {
    const history = await each.conversation(juliet).history();
    expect(history.map(({ id, text, from }) => [id, text, from])).toEqual([[handle.id, "good night", romeo]]);
  }
  expect(await handle.cancel()).toBe(true);
  expect(handle.getSnapshot()).toMatchObject({ state: "failed", error: { code: "ERR_MESSAGE_CANCELLED" } });
  await expect(handle.reached("sent")).rejects.toMatchObject({ name: "ClientError", code: "ERR_MESSAGE_CANCELLED" });
  expect(await handle.cancel()).toBe(false);
});

test("a message of one tab is followed and taken back in another one, also one that has failed meanwhile", async () => {
  const there = testWorld();
  const { client } = await there.open();
  const { client: other } = await there.tab();
  const handles = ["one", "two"].map((text) => client.conversation(juliet).send({ text }));
  for (const handle of handles) await handle.reached("stored");
  const [one, two] = await Promise.all(handles.map(({ id }) => other.conversation(juliet).sendHandle(id)));
  expect([one, two].map((handle) => [handle?.id, handle?.getSnapshot().state])).toEqual(handles.map(({ id }) => [id, "stored"]));
  expect(await one!.cancel()).toBe(true);
  await expect(handles[0]!.reached("sent")).rejects.toMatchObject({ code: "ERR_MESSAGE_CANCELLED" });
  await expect(one!.reached("sent")).rejects.toMatchObject({ code: "ERR_MESSAGE_CANCELLED" });
  const failed = await (await there.tab()).client.conversation(juliet).sendHandle(handles[0]!.id);
  expect(failed?.getSnapshot()).toMatchObject({ state: "failed", error: { code: "ERR_MESSAGE_CANCELLED" } });
  expect(await other.conversation(nurse).sendHandle(handles[1]!.id)).toBeUndefined();
  expect(await other.conversation(juliet).sendHandle("")).toBeUndefined();
});

test("a handle on another tab's message is followed under the next leader too", async () => {
  const there = testWorld();
  const { client } = await there.open();
  const { client: other } = await there.tab();
  const sent = client.conversation(juliet).send({ text: "whose?" });
  await sent.reached("stored");
  const handle = await other.conversation(juliet).sendHandle(sent.id);
  await there.lead();
  await there.other(juliet);
  other.connect();
  expect((await handle!.reached("sent")).report.map(({ result }) => result)).toEqual(["encrypted"]);
});

test("online: a message goes end-to-end encrypted to somebody else and back", async () => {
  const there = testWorld({ autoConnect: true });
  const { client } = await there.open();
  await client.ready();
  const friend = await there.other(juliet);
  const got = friend.messages()[Symbol.asyncIterator]().next();
  await client.conversation(juliet).send({ text: "from a tab" }).reached("sent");
  expect((await got).value).toMatchObject({ text: "from a tab", from: romeo, security: { level: "trusted" } });
  const mine = client.messages();
  const next = mine.next();
  friend.conversation(romeo).send({ text: "to a tab" });
  expect((await next).value).toMatchObject({ text: "to a tab", from: juliet });
  expect(await client.devices(juliet)).toEqual(await there.host?.client.devices(juliet));
});

test("two facades see the same timeline, with objects that stay the same until they change", async () => {
  const there = testWorld();
  const [{ client }, { client: second }] = [await there.open(), await there.tab()];
  const timelines = [client, second].map((each) => each.conversation(juliet).timeline());
  for (const timeline of timelines) timeline.subscribe(() => undefined);
  await client.conversation(juliet).send({ text: "one" }).reached("stored");
  await second.conversation(juliet).send({ text: "two" }).reached("stored");
  const texts = (): string[][] => timelines.map((timeline) => timeline.getSnapshot().messages.map(({ text }) => text));
  for (const [i, timeline] of timelines.entries()) await when(timeline, () => texts()[i]?.length === 2);
  expect(texts()).toEqual([["one", "two"], ["one", "two"]]);
  const [timeline] = timelines;
  const before = timeline?.getSnapshot();
  await client.conversation(nurse).send({ text: "elsewhere" }).reached("stored");
  await calm();
  expect(timeline?.getSnapshot()).toBe(before);
  await client.conversation(juliet).send({ text: "three" }).reached("stored");
  if (timeline !== undefined) await when(timeline, () => timeline.getSnapshot().messages.length === 3);
  expect(timeline?.getSnapshot().messages[0]).toBe(before?.messages[0]);
});

test("older messages are loaded into the timeline of the tab that asks, and there alone", async () => {
  const there = testWorld();
  const [{ client }, { client: second }] = [await there.open(), await there.tab()];
  for (let i = 1; i <= 70; i++) await client.conversation(juliet).send({ text: String(i) }).reached("stored");
  const [mine, theirs] = [client, second].map((each) => each.conversation(juliet).timeline());
  if (mine === undefined || theirs === undefined) return;
  for (const timeline of [mine, theirs]) {
    timeline.subscribe(() => undefined);
    await when(timeline, () => !timeline.getSnapshot().loading);
    expect(timeline.getSnapshot().messages).toHaveLength(50);
  }
  await mine.loadOlder();
  expect(mine.getSnapshot().messages.map(({ text }) => Number(text))).toEqual(Array.from({ length: 70 }, (_, i) => i + 1));
  expect(theirs.getSnapshot().messages).toHaveLength(50);
});

test("the roster is mirrored: changes of this tab, confirmed and not, and those of others", async () => {
  const there = testWorld({ autoConnect: true });
  there.server.roster.set(juliet, rosterItem(juliet, { name: "Juliet" }));
  const { client } = await there.open();
  await client.ready();
  await when(client.roster, () => client.roster.getSnapshot().freshness === "synchronized");
  expect(client.roster.get(juliet)).toMatchObject({ name: "Juliet", subscription: "both", unconfirmed: false });
  expect(client.roster.get("no address")).toBeUndefined();
  const changes: string[] = [];
  client.roster.onChange(({ jid }) => { changes.push(jid); });
  const kept = client.roster.get(juliet);
  const setting = client.roster.set(nurse, { name: "Nurse", groups: ["household"] });
  await when(client.roster, () => client.roster.get(nurse) !== undefined);
  if (client.roster.get(nurse)?.unconfirmed === true) expect(client.roster.confirmed(nurse)).toBeUndefined();
  await setting;
  expect(client.roster.confirmed(nurse)).toMatchObject({ name: "Nurse" });
  expect(client.roster.confirmedContacts().map(({ jid }) => jid).sort()).toEqual([juliet, nurse]);
  expect(client.roster.export()).toEqual(there.host?.client.roster.export());
  expect(client.roster.get(juliet)).toBe(kept);
  there.server.push(rosterItem("tybalt@verona.example"));
  await when(client.roster, () => client.roster.get("tybalt@verona.example") !== undefined);
  expect(changes).toContain(nurse);
  await expect(client.roster.rename("mercutio@verona.example", "M")).rejects.toMatchObject({ name: "ClientError", code: "ERR_NOT_A_CONTACT" });
});

test("presence, blocks and on-demand parts are mirrored, and pure answers are given in the tab", async () => {
  const there = testWorld({ autoConnect: true });
  there.server.roster.set(juliet, rosterItem(juliet));
  const { client } = await there.open();
  await client.ready();
  there.server.show(`${juliet}/balcony`);
  await when(client.presence, () => client.presence.contact(juliet)?.available === true);
  expect(client.presence.getSnapshot().get(juliet)).toEqual(there.host?.client.presence.contact(juliet));
  await client.presence.set({ show: "dnd" });
  expect(client.presence.own.getSnapshot()).toEqual({ kind: "available", show: "dnd" });

  const blocking = await client.blocking();
  expect(await client.blocking()).toBe(blocking);
  await blocking.block(["tybalt@verona.example"]);
  expect(blocking.isBlocked("tybalt@verona.example/street")).toBe(true);
  expect(blocking.isBlocked(juliet)).toBe(false);
  expect(await blocking.refresh()).toBe(blocking.getSnapshot());
  expect(blocking.isCurrent).toBe(true);

  const gateways = await client.gateways();
  expect(gateways.legacyName("a\\20b@irc.example")).toBe("a b");
  expect(client.conversation(juliet).beyond).toBeUndefined();
  await there.host?.client.core.gatewayMemory.learn([["irc.example" as never, "irc"]]);
  await client.devices(juliet);
  expect(client.conversation("nick@irc.example").beyond).toEqual({ kind: "gateway", gateway: "irc.example", type: "irc" });

  const policy = await client.contactPolicy();
  await policy.set({ strangers: { message: "separate" } });
  expect(policy.getSnapshot()).toEqual({ strangers: { message: "separate" } });
  expect(await policy.reach("paris@verona.example")).toMatchObject({ relation: "stranger", message: "separate" });
  expect((await client.strangers()).getSnapshot()).toEqual([]);
  const conversations = await client.conversations();
  await client.conversation(juliet).send({ text: "newest" }).reached("stored");
  await when(conversations, () => conversations.getSnapshot().total === 1);
  expect(conversations.getSnapshot()).toMatchObject({ conversations: [{ jid: juliet, last: { text: "newest" } }], unread: 0 });
});

test("events are told to every tab that listens", async () => {
  const there = testWorld({ autoConnect: true });
  const [{ client }, { client: second }] = [await there.open(), await there.tab()];
  await client.ready();
  const told: string[][] = [[], []];
  [client, second].forEach((each, i) => { each.onEvent((event) => { if (event.kind === "message") told[i]?.push(event.message.text); }); });
  await calm();
  const friend = await there.other(juliet);
  const next = client.messages().next();
  friend.conversation(romeo).send({ text: "for all" });
  await next;
  await calm();
  expect(told).toEqual([["for all"], ["for all"]]);
});

test("what is wrong is refused as the client refuses it: at once, or as a rejection with the same class, code, details and cause", async () => {
  const { client } = await testWorld().open();
  expect(() => client.conversation("@")).toThrow(expect.objectContaining({ name: "UsageError", code: "ERR_INVALID_JID" }) as Error);
  expect(() => client.conversation(juliet).send({ text: "\u0000" })).toThrow(expect.objectContaining({ code: "ERR_INVALID_TEXT" }) as Error);
  expect(() => client.conversation(juliet).send({ text: "x".repeat(200_000) })).toThrow(expect.objectContaining({ code: "ERR_MESSAGE_TOO_LARGE", details: { bytes: 200_000, bytesMax: 131_072 } }) as Error);
  expect(() => client.presence.contact("@")).toThrow(expect.objectContaining({ code: "ERR_INVALID_JID" }) as Error);
  await expect(client.devices("@")).rejects.toMatchObject({ name: "UsageError", code: "ERR_INVALID_JID", retryable: false });
  await expect(client.roster.set(juliet, { name: "J" })).rejects.toMatchObject({ name: "ClientError", code: "ERR_OFFLINE", retryable: true });
  await expect(client.setTrust(juliet, new Uint8Array(32), "authenticated")).rejects.toMatchObject({ name: "SessionError", code: "ERR_DEVICE_UNKNOWN" });
  await expect(client.roster.import({ version: 1, contacts: [{ jid: juliet, groups: [() => 1] }] })).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
});

test("a message that is not there can be neither displayed nor deleted, as without tabs", async () => {
  const { client } = await testWorld().open();
  const conversation = client.conversation(juliet);
  const none = (await conversation.history()).at(-1) as never;
  for (const message of [none, {} as never, { position: Number.NaN }]) {
    await expect(conversation.markDisplayed(message)).rejects.toMatchObject({ name: "UsageError", code: "ERR_INVALID_ARGUMENT" });
    await expect(conversation.deleteMessage(message)).rejects.toMatchObject({ name: "UsageError", code: "ERR_INVALID_ARGUMENT" });
  }
});

test("Q21 after close() every call that promises something is rejected with ERR_CLOSED, every other one throws it, and the others go on", async () => {
  const there = testWorld();
  const [{ client, host }, { client: second }] = [await there.open(), await there.tab()];
  const conversation = client.conversation(juliet);
  const messages = client.messages();
  const next = messages.next();
  await client.close();
  await client.close();
  expect(await next).toEqual({ done: true, value: undefined });
  expect(client.status.getSnapshot()).toEqual({ kind: "closed" });
  const calls: readonly (() => Promise<unknown>)[] = [
    () => client.blocking(), () => client.privacyLists(), () => client.contactPolicy(), () => client.strangers(), () => client.personalEvents(),
    () => client.gateways(), () => client.conversations(), () => client.inbox(), () => client.history(), () => client.deleteHistory({ before: 0 }),
    () => client.devices(juliet), () => client.setTrust(juliet, new Uint8Array(32), "distrusted"), () => client.disconnect(), () => client.ready(),
    () => conversation.history(), () => conversation.readUpTo(), () => conversation.prepare(), () => conversation.deleteHistory(),
    () => conversation.markDisplayed({ position: 1 }),
  ];
  for (const call of calls) {
    const promised = call(); // must not throw
    await expect(promised).rejects.toMatchObject({ code: "ERR_CLOSED" });
  }
  for (const call of [() => { client.connect(); }, () => client.conversation("a@b"), () => client.messages(), () => conversation.send({ text: "x" })]) {
    expect(call).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }) as Error);
  }
  expect(await second.history()).toEqual([]);
  expect(host.use.tabs).toBe(1);
});

test("ready() and calls end when their signal says so, and the leader stops working for them", async () => {
  const there = testWorld();
  const { client, host } = await there.open();
  const abort = new AbortController();
  const waiting = client.ready({ signal: abort.signal });
  abort.abort("enough");
  await expect(waiting).rejects.toMatchObject({ name: "UsageError", code: "ERR_ABORTED" });
  await expect(client.conversation(juliet).prepare({ signal: abort.signal })).rejects.toMatchObject({ code: "ERR_ABORTED", cause: "enough" });

  const signals: (AbortSignal | undefined)[] = [];
  (host.client.core as Writable<typeof host.client.core>).prepare = (_, signal) => new Promise((_resolve, reject) => {
    signals.push(signal);
    signal?.addEventListener("abort", () => { reject(signal.reason as Error); });
  });
  const second = new AbortController();
  const asked = client.conversation(juliet).prepare({ signal: second.signal });
  await calm();
  expect(host.use.calls).toBe(1);
  second.abort("enough");
  await expect(asked).rejects.toMatchObject({ code: "ERR_ABORTED", cause: "enough" });
  await calm();
  expect(signals[0]?.aborted).toBe(true);
  expect(host.use.calls).toBe(0);
});

test("a tab that leaves, with or without a word, frees everything that the leader held for it", async () => {
  const there = testWorld();
  const [{ client, host }, { client: second, link }] = [await there.open(), await there.tab()];
  const before = host.use;
  const listeners = host.client.core.events.size;
  for (const each of [second]) {
    each.conversation(juliet).timeline().subscribe(() => undefined);
    each.onEvent(() => undefined);
    void each.messages().next();
    await each.conversation(juliet).send({ text: "x" }).reached("stored");
    await each.inbox();
    void each.blocking();
  }
  await calm();
  const during = host.use;
  expect([during.watches, during.readers, during.follows, during.inboxes]).toEqual([before.watches + 3, 1, 1, 1]);
  host.leave(link.id);
  expect(host.use).toEqual({ ...before, tabs: 1, watches: before.watches / 2 });
  await calm();
  expect([host.client.core.feed.readers, host.client.core.events.size]).toEqual([0, listeners]);
  const inbox = await client.inbox(); // is free again
  inbox.close();
  await client.close();
  await calm();
  expect(host.use).toEqual({ tabs: 0, calls: 0, watches: 0, readers: 0, follows: 0, inboxes: 0 });
});

test("the user looks at the client as long as he looks at any tab", async () => {
  const there = testWorld();
  const [{ client, host }, { client: second }] = [await there.open(), await there.tab()];
  const told: boolean[] = [];
  const setActive = host.client.setActive.bind(host.client);
  host.client.setActive = (active) => {
    told.push(active);
    setActive(active);
  };
  client.setActive(false);
  await calm();
  expect(told).toEqual([]);
  second.setActive(false);
  await calm();
  expect(told).toEqual([false]);
  client.setActive(true);
  await calm();
  await client.close();
  await calm();
  expect(told).toEqual([false, true, false]);
});

test("the link hears whether an answer is waited for, and not of what may wait for ever", async () => {
  const { client, link } = await testWorld().open();
  expect(link.waits).toEqual([true, false]);
  await client.history();
  expect(link.waits).toEqual([true, false, true, false]);
  void client.messages().next();
  await calm();
  expect(link.waits).toHaveLength(4);
  await client.conversation(juliet).send({ text: "x" }).reached("stored");
  expect(link.waits.slice(4)).toEqual([true, false]);
  await expect(client.roster.remove(juliet, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ERR_ABORTED" });
  expect([link.waits.length, link.sent.filter((frame) => frame.kind === "call" && frame.method === "remove")]).toEqual([6, []]);
});

test("no answer comes before the states that were watched when it was asked, however long making them takes", async () => {
  const { client, host } = await testWorld().open();
  const make = host.client.strangers.bind(host.client);
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => { go = resolve; });
  host.client.strangers = async () => {
    await gate;
    return make();
  };
  const order: string[] = [];
  const opening = client.strangers().then(() => { order.push("state"); });
  const asked = client.history().then(() => { order.push("answer"); });
  await calm();
  expect(order).toEqual([]);
  go();
  await Promise.all([opening, asked]);
  expect(order).toEqual(["state", "answer"]);
});
