/** The leader goes away in the middle of everything: nothing is lost, nothing is done twice, and what is not known is said. */
import { describe, expect, test } from "vitest";
import type { Client } from "../../../src/client/surface.js";
import type { FacadeFrame, HostFrame } from "../../../src/tabs/frames.js";
import type { ClientHost } from "../../../src/tabs/host.js";
import { calm, type FacadeWorld, juliet, nurse, romeo, testWorld, when } from "../../support/facade-world.js";
import { rosterItem } from "../../support/people-server.js";

/** Loses frames `is` says: those up are lost before the work, those down after it. */
const loseWhere = (there: FacadeWorld, is: (frame: FacadeFrame | HostFrame) => boolean): void => { there.lose = is; };
const texts = async (client: Client): Promise<string[]> => (await client.history({ limit: 1_000 })).map(({ text }) => text);

/** Losing the question means that the work was not done, losing the answer that it was. */
const moments = [
  { moment: "before the work", lost: (frame: FacadeFrame | HostFrame) => frame.kind === "call" || frame.kind === "send" },
  { moment: "after the work", lost: (frame: FacadeFrame | HostFrame) => frame.kind === "result" || frame.kind === "error" || frame.kind === "progress" },
] as const;

describe.each(moments)("the leader is lost $moment:", ({ lost }) => {
  test("Q03 a message that was handed in is in the log once, and its handle goes on", async () => {
    const there = testWorld();
    const { client } = await there.open();
    loseWhere(there, lost);
    const handle = client.conversation(juliet).send({ text: "once" });
    await calm();
    expect(handle.getSnapshot().state).toBe("accepted");
    there.lose = () => false;
    await there.lead();
    await handle.reached("stored");
    expect(await texts(client)).toEqual(["once"]);
    expect(client.waiting).toBe(1);
    await there.lead();
    await calm();
    expect(await texts(client)).toEqual(["once"]);
    expect(client.waiting).toBe(1);
  });

  test("Q03 online, such a message reaches the other side once, and all its evidence comes", async () => {
    const there = testWorld({ autoConnect: true });
    const { client } = await there.open();
    await client.ready();
    const friend = await there.other(juliet);
    const got: string[] = [];
    friend.onEvent((event) => { if (event.kind === "message") got.push(event.message.text); });
    loseWhere(there, lost);
    const handle = client.conversation(juliet).send({ text: "once" });
    await calm();
    there.lose = () => false;
    await there.lead();
    await handle.reached("delivered");
    await client.conversation(juliet).send({ text: "and after it" }).reached("delivered");
    expect(got).toEqual(["once", "and after it"]);
    expect(there.server.breaches).toEqual([]);
  });

  test("a read is asked again, a write is rejected with ERR_LEADER_LOST", async () => {
    const there = testWorld();
    const { client } = await there.open();
    await client.conversation(juliet).send({ text: "there" }).reached("stored");
    loseWhere(there, lost);
    const [read, count, write, remove] = [
      client.conversation(juliet).history(), client.conversation(juliet).readUpTo(), client.deleteHistory({ before: 0 }), client.roster.remove(juliet),
    ];
    const rejected = Promise.all([write, remove].map((each) => expect(each).rejects.toMatchObject({ name: "ClientError", code: "ERR_LEADER_LOST", retryable: true })));
    await calm();
    there.lose = () => false;
    await there.lead();
    expect((await read).map(({ text }) => text)).toEqual(["there"]);
    expect(await count).toBeUndefined();
    await rejected;
  });

  test("cancel() says whether the message will never leave, also if it was taken back before the leader went", async () => {
    const there = testWorld();
    const { client } = await there.open();
    const handle = client.conversation(juliet).send({ text: "never mind" });
    await handle.reached("stored");
    loseWhere(there, (frame) => lost(frame));
    const cancelled = handle.cancel();
    await calm();
    there.lose = () => false;
    await there.lead();
    expect(await cancelled).toBe(true);
    await expect(handle.reached("sealed")).rejects.toMatchObject({ code: "ERR_MESSAGE_CANCELLED" });
  });
});

test("a write that was asked while nobody led is done by the next leader, once", async () => {
  const there = testWorld({ autoConnect: true });
  const { client } = await there.open();
  await client.ready();
  there.crash();
  for (const link of there.links) link.epochs.emit(there.epoch); // somebody leads, and does not answer
  const setting = client.contactPolicy().then((policy) => policy.set({ strangers: { message: "separate" } }));
  await calm();
  await there.lead();
  await setting;
  expect((await client.contactPolicy()).getSnapshot()).toEqual({ strangers: { message: "separate" } });
});

test("a write to a leader that dies at its commit is rejected, and the commit is whole or not there", async () => {
  for (const moment of ["before", "after"] as const) {
    const there = testWorld();
    const { client } = await there.open();
    const policy = await client.contactPolicy();
    await there.lead({ kind: "die", operation: "commit", moment, at: 1 });
    const told = expect(policy.set({ strangers: { message: "separate" } })).rejects.toMatchObject({ code: "ERR_LEADER_LOST" });
    await calm();
    const next = await there.lead();
    await told;
    expect((await next.client.contactPolicy()).getSnapshot()).toEqual(moment === "before" ? undefined : { strangers: { message: "separate" } });
    await client.history(); // no answer comes before the states that were watched when it was asked
    expect(policy.getSnapshot()).toEqual(moment === "before" ? undefined : { strangers: { message: "separate" } });
  }
});

test("Q03 a message whose leader dies at any of its commits is in the log once under the next one", async () => {
  for (const moment of ["before", "after"] as const) {
    for (const at of [1, 2]) {
      const there = testWorld();
      const { client } = await there.open();
      await there.lead({ kind: "die", operation: "commit", moment, at });
      const handles = ["a", "b"].map((text) => client.conversation(juliet).send({ text }));
      await calm();
      await there.lead();
      for (const handle of handles) await handle.reached("stored");
      expect((await texts(client)).sort(), `${moment} ${String(at)}`).toEqual(["a", "b"]);
    }
  }
});

test("what is watched goes on under the next leader, and what did not change is the same object", async () => {
  const there = testWorld({ autoConnect: true });
  for (const jid of [juliet, nurse]) there.server.roster.set(jid, rosterItem(jid));
  const { client } = await there.open();
  await client.ready();
  const conversation = client.conversation(juliet);
  for (let i = 1; i <= 60; i++) await conversation.send({ text: String(i) }).reached("stored");
  const timeline = conversation.timeline();
  timeline.subscribe(() => undefined);
  await when(timeline, () => !timeline.getSnapshot().loading);
  await timeline.loadOlder();
  expect(timeline.getSnapshot().messages).toHaveLength(60);
  const events: string[] = [];
  client.onEvent(({ kind }) => { events.push(kind); });
  const [contact, device] = [client.roster.get(juliet), client.device];
  await there.lead();
  await client.ready();
  await conversation.send({ text: "61" }).reached("stored");
  await when(timeline, () => timeline.getSnapshot().messages.length === 61);
  expect(timeline.getSnapshot().messages.map(({ text }) => Number(text))).toEqual(Array.from({ length: 61 }, (_, i) => i + 1));
  expect(client.roster.get(juliet)).toBe(contact);
  expect(client.device).toBe(device);
  there.server.show(`${juliet}/balcony`);
  await when(client.presence, () => client.presence.contact(juliet)?.available === true);
  const friend = await there.other(juliet);
  const next = client.messages().next();
  friend.conversation(romeo).send({ text: "hello again" });
  await next;
  await calm();
  expect(events).toContain("message");
});

test("messages() goes on behind the last message that was handed out, without a gap and without a repetition, whichever frames were lost", async () => {
  for (const lost of ["next", "item", "started", "none"]) {
    const there = testWorld({ autoConnect: true });
    const { client } = await there.open();
    await client.ready();
    const friend = await there.other(juliet);
    const all: string[] = [];
    const reader = client.messages();
    const reading = (async () => { for await (const { text } of reader) if (all.push(text) === 6) return; })();
    await calm();
    const say = async (text: string): Promise<void> => { await friend.conversation(romeo).send({ text }).reached("sent"); };
    await say("1");
    await say("2");
    const arrived = async (count: number): Promise<void> => {
      const timeline = (there.host ?? await there.lead()).client.conversation(juliet).timeline();
      const stop = timeline.subscribe(() => undefined);
      await when(timeline, () => timeline.getSnapshot().messages.length >= count);
      stop();
    };
    await arrived(2);
    await calm();
    loseWhere(there, (frame) => frame.kind === lost);
    await say("3");
    await say("4");
    await arrived(4);
    await calm();
    there.lose = () => false;
    await there.lead();
    await say("5");
    await say("6");
    await reading;
    expect(all, lost).toEqual(["1", "2", "3", "4", "5", "6"]);
  }
});

test("a reader that has seen nothing yet begins where it began, under the next leader too", async () => {
  const there = testWorld({ autoConnect: true });
  const { client } = await there.open();
  await client.ready();
  const friend = await there.other(juliet);
  const reader = client.messages();
  await calm();
  loseWhere(there, (frame) => frame.kind === "item");
  const next = reader.next();
  await friend.conversation(romeo).send({ text: "first" }).reached("delivered");
  await calm();
  there.lose = () => false;
  await there.lead();
  expect((await next).value).toMatchObject({ text: "first" });
});

test("V01 what the user says of himself holds under the next leader before it shows anything", async () => {
  const there = testWorld({ autoConnect: true });
  const told = (): string[] => there.server.presence.flatMap(({ from, stanza }) => (from === romeo ? [stanza.attrs["type"] ?? "shown"] : []));
  const { client } = await there.open();
  await client.ready();
  await client.presence.set({ show: "xa", statuses: { en: "away" } });
  await there.lead();
  await client.ready();
  await expect.poll(told).toEqual(["shown", "shown", "unavailable", "shown"]); // or what is still on its way would count as the next leader's
  expect(client.presence.own.getSnapshot()).toEqual({ kind: "available", show: "xa", statuses: { en: "away" } });
  await client.presence.set("unavailable");
  await there.lead();
  await client.ready();
  await calm();
  expect(client.presence.own.getSnapshot()).toEqual({ kind: "unavailable" });
  expect(told().slice(4)).not.toContain("shown");
});

test("a password function is asked in the tab that has set it", async () => {
  const there = testWorld();
  const { client, host } = await there.open();
  let asked = 0;
  client.setCredentials({ password: () => {
    asked += 1;
    return "from the tab";
  } });
  await calm();
  const { options } = host.client.core;
  expect(options.password).toBe("secret"); // the options stay; the link has the other one
  const sources: unknown[] = [];
  const setCredentials = host.client.setCredentials.bind(host.client);
  host.client.setCredentials = (credentials) => {
    sources.push(credentials.password);
    setCredentials(credentials);
  };
  client.setCredentials({ password: async () => {
    asked += 1;
    return Promise.resolve("later");
  } });
  await calm();
  const source = sources[0] as (request: { signal: AbortSignal }) => Promise<string>;
  expect(await source({ signal: new AbortController().signal })).toBe("later");
  expect(asked).toBe(1);
  client.setCredentials({ password: () => { throw new TypeError("the user has gone"); } });
  await calm();
  await expect(source({ signal: new AbortController().signal })).rejects.toMatchObject({ code: "ERR_INTERNAL", message: "an unexpected failure" });
});

test("with ten leaders one after the other every message of two tabs is in the log exactly once", async () => {
  const there = testWorld();
  const [{ client }, { client: second }] = [await there.open(), await there.tab()];
  const handles = [];
  const wanted: string[] = [];
  for (let round = 0; round < 10; round++) {
    for (const [i, each] of [client, second].entries()) {
      for (let n = 0; n < 3; n++) {
        const text = `${String(round)} ${String(i)} ${String(n)}`;
        wanted.push(text);
        handles.push(each.conversation(juliet).send({ text }));
      }
    }
    for (let turns = 0; turns < round * 7; turns++) await Promise.resolve();
    await there.lead();
  }
  for (const handle of handles) await handle.reached("stored");
  expect((await texts(second)).sort()).toEqual(wanted.sort());
  expect(new Set((await second.history({ limit: 1_000 })).map(({ id }) => id))).toEqual(new Set(handles.map(({ id }) => id)));
});

test("loadOlder() that is under way when the leader goes is done by the next one, which is still opening the timeline", async () => {
  const there = testWorld();
  const { client } = await there.open();
  for (let i = 1; i <= 60; i++) await client.conversation(juliet).send({ text: String(i) }).reached("stored");
  const timeline = client.conversation(juliet).timeline();
  timeline.subscribe(() => undefined);
  await when(timeline, () => !timeline.getSnapshot().loading);
  loseWhere(there, (frame) => frame.kind === "call");
  const loading = timeline.loadOlder();
  await calm();
  there.lose = () => false;
  await there.lead();
  await loading;
  expect(timeline.getSnapshot().messages).toHaveLength(60);
});

test("as many conversations are shown under the next leader, at once", async () => {
  const there = testWorld();
  const { client } = await there.open();
  for (let i = 0; i < 103; i++) await client.conversation(`c${String(i)}@verona.example`).send({ text: "x" }).reached("stored");
  const list = await client.conversations();
  await list.show(102);
  await list.show(3);
  const counts: number[] = [];
  list.subscribe(() => { counts.push(list.getSnapshot().conversations.length); });
  await there.lead();
  await client.conversation(juliet).send({ text: "newest" }).reached("stored");
  await client.history({ limit: 1 });
  expect(new Set([...counts, list.getSnapshot().conversations.length])).toEqual(new Set([102]));
});

test("D07 a message that is gone with its store fails; one that was sent before, or is not stored yet, does not", async () => {
  const there = testWorld({ autoConnect: true });
  const { client, link, host } = await there.open();
  await client.ready();
  await there.other(juliet);
  const sent = client.conversation(juliet).send({ text: "sent" });
  await sent.reached("sent");
  await host.client.disconnect();
  const stored = client.conversation(nurse).send({ text: "stored" });
  await stored.reached("stored");
  there.lose = (frame) => frame.kind === "send";
  const early = client.conversation(juliet).send({ text: "on its way" });
  await calm();
  there.lose = () => false;
  there.crash();
  there.disk.rows.clear();
  await there.lead();
  await expect(stored.reached("sent")).rejects.toMatchObject({ name: "StorageError", code: "ERR_STORE_UNAVAILABLE", details: { reason: "evicted" } });
  await early.reached("stored");
  expect(sent.getSnapshot().state).not.toBe("failed");
  expect(link.received.filter(({ kind }) => kind === "unknown")).toEqual([{ kind: "unknown", messages: [sent.id, stored.id] }]);
});

/** The password source of the leader's client, as a login asks it. */
function passwords(host: ClientHost): () => (request: { readonly signal: AbortSignal }) => Promise<string> {
  const sources: unknown[] = [];
  const setCredentials = host.client.setCredentials.bind(host.client);
  host.client.setCredentials = (credentials) => {
    sources.push(credentials.password);
    setCredentials(credentials);
  };
  return () => sources.at(-1) as ReturnType<ReturnType<typeof passwords>>;
}

test("N17 no login waits for the password of a tab that is gone, or goes while it is asked: what held before holds again", async () => {
  const there = testWorld();
  const { client, host } = await there.open();
  const { client: second, link } = await there.tab();
  const source = passwords(host);
  const { signal } = new AbortController();
  second.setCredentials({ password: () => new Promise(() => undefined) });
  await calm();
  const asked = source()({ signal });
  await calm();
  const [mine] = [source()];
  await second.close();
  expect(await asked).toBe("secret");
  expect(await mine({ signal })).toBe("secret");
  client.setCredentials({ password: "open sesame" });
  const { client: third, link: thirdLink } = await there.tab();
  third.setCredentials({ password: () => "of the third" });
  await calm();
  expect(await source()({ signal })).toBe("of the third");
  host.leave(thirdLink.id);
  expect(await source()({ signal })).toBe("open sesame");
  expect(link.isClosed).toBe(true);
});

test("a tab that is asked for its password hears that it is not wanted any more, and its late answer goes nowhere", async () => {
  const there = testWorld();
  const { client, host, link } = await there.open();
  const source = passwords(host);
  let wanted: AbortSignal | undefined;
  let answer: (password: string) => void = () => undefined;
  client.setCredentials({ password: ({ signal }) => {
    wanted = signal;
    return new Promise((resolve) => { answer = resolve; });
  } });
  await calm();
  const login = new AbortController();
  const asked = source()({ signal: login.signal });
  await calm();
  expect(wanted?.aborted).toBe(false);
  login.abort();
  await expect(asked).rejects.toMatchObject({ name: "UsageError", code: "ERR_ABORTED" });
  await calm();
  expect(wanted?.aborted).toBe(true);
  answer("too late");
  await calm();
  expect(link.sent.some(({ kind }) => kind === "password")).toBe(false);
  const again = source()({ signal: new AbortController().signal });
  await calm();
  answer("in time");
  expect(await again).toBe("in time");
});
