/** Frames that no facade of this build sends, from tabs with another build of the application open: answered or ignored, never a crash. */
import { afterEach, expect, test } from "vitest";
import { randomId, systemRng } from "../../../src/base/rng.js";
import { ClientError } from "../../../src/client/errors.js";
import type { FacadeFrame, HostFrame } from "../../../src/tabs/frames.js";
import { protocolVersion } from "../../../src/tabs/frames.js";
import { tables } from "../../../src/tabs/surface-table.js";
import { calm, FacadeWorld, juliet, LoopbackLink } from "../../support/facade-world.js";

const worlds: FacadeWorld[] = [];
function world(): FacadeWorld {
  const made = new FacadeWorld();
  worlds.push(made);
  return made;
}
afterEach(async () => { for (const each of worlds.splice(0)) await each.end(); });

/** A tab that speaks for itself. */
async function rawTab(there: FacadeWorld): Promise<{ readonly say: (frame: unknown) => Promise<readonly HostFrame[]>; readonly link: LoopbackLink }> {
  const link = new LoopbackLink(there, "raw");
  there.links.add(link);
  const say = async (frame: unknown): Promise<readonly HostFrame[]> => {
    const before = link.received.length;
    link.send(frame as FacadeFrame);
    await calm();
    return link.received.slice(before);
  };
  return { say, link };
}

const junk: readonly unknown[] = [null, undefined, 0, "", "hello", true, [], {}, new Map(), new Uint8Array(4), Number.NaN, { kind: null }, { id: 1 }];

test("H04 what is no frame changes nothing, before and after a hello", async () => {
  const there = world();
  const host = await there.lead();
  const { say } = await rawTab(there);
  for (const each of junk) expect(await say(each)).toEqual([]);
  expect(await say({ kind: "hello", protocol: protocolVersion })).toMatchObject([{ kind: "hello", protocol: protocolVersion }]);
  for (const each of junk) for (const frame of await say(each)) expect(frame).toMatchObject({ kind: "error", error: { code: "ERR_TAB_VERSION" } });
  expect(host.use).toEqual({ tabs: 1, calls: 0, watches: 0, readers: 0, follows: 0, inboxes: 0 });
});

test("H04 every kind of frame with fields of every wrong kind is answered with a typed error or not at all, and the leader works on", async () => {
  const there = world();
  const { client } = await there.open();
  const { say } = await rawTab(there);
  await say({ kind: "hello", protocol: protocolVersion, carry: 7 });
  const kinds = ["call", "abort", "watch", "unwatch", "read", "next", "return", "send", "follow", "unfollow", "process", "handled", "password", "nonsense"];
  let id = 0;
  for (const kind of kinds) {
    for (const value of junk) {
      const frame = { kind, id: ++id, on: value, method: value, args: value, source: value, from: value, to: value, draft: value, messages: value, message: value, options: value, position: value };
      for (const answer of await say(frame)) {
        expect(answer.kind === "error" || answer.kind === "end").toBe(true);
        if (answer.kind === "error" && kind !== "process") expect(answer.error.code).toBe("ERR_TAB_VERSION");
      }
    }
  }
  await client.conversation(juliet).send({ text: "still there" }).reached("stored");
  expect((await client.history()).map(({ text }) => text)).toEqual(["still there"]);
});

test("H04 only what the tables name can be called: nothing that objects inherit, nothing that is not for applications", async () => {
  const there = world();
  await there.lead();
  const { say } = await rawTab(there);
  await say({ kind: "hello", protocol: protocolVersion });
  let id = 100;
  const refused = async (part: string, method: string): Promise<void> => {
    const answers = await say({ kind: "call", id: ++id, on: { part, jid: juliet }, method, args: [] });
    expect(answers.filter(({ kind }) => kind === "error"), `${part}.${method}`).toMatchObject([{ id, error: { layer: "client", code: "ERR_TAB_VERSION" } }]);
  };
  for (const part of ["__proto__", "constructor", "toString", "core", "hasOwnProperty", ""]) await refused(part, "history");
  for (const method of ["constructor", "__proto__", "toString", "hasOwnProperty", "close", "core", "queries", "messages", "conversation"]) await refused("client", method);
  for (const method of ["attach", "detach", "prepare", "get", "getSnapshot", "subscribe"]) await refused("roster", method);
  for (const method of ["openPolicy", "use", "farewell", "hides"]) await refused("presence", method);
  await refused("blocking", "beforeBlock");
  await refused("timeline", "loadOlder");
});

test("a message with an id that no facade makes is refused, and one with a text that cannot be sent fails", async () => {
  const there = world();
  const { client } = await there.open();
  const { say } = await rawTab(there);
  await say({ kind: "hello", protocol: protocolVersion });
  for (const id of ["", "x", "A".repeat(32), 7, null, "../".repeat(10)]) expect(await say({ kind: "send", to: juliet, draft: { id, text: "x" }, protection: "omemo" })).toEqual([]);
  const id = randomId(systemRng());
  for (const text of ["", "\u0000", 7, null]) {
    expect(await say({ kind: "send", to: juliet, draft: { id, text }, protection: "omemo" })).toMatchObject([{ kind: "progress", message: id, progress: { errors: [[["error"], { code: "ERR_INVALID_TEXT" }]] } }]);
  }
  expect(await say({ kind: "send", to: "@", draft: { id, text: "x" }, protection: "omemo" })).toMatchObject([{ kind: "progress", progress: { errors: [[["error"], { code: "ERR_TAB_VERSION" }]] } }]);
  expect(await client.history()).toEqual([]);
});

test("T05 a message that a tab does not ask to send in clear text, in these very words, is one to be encrypted", async () => {
  const there = world();
  const { client } = await there.open();
  const { say } = await rawTab(there);
  await say({ kind: "hello", protocol: protocolVersion });
  for (const protection of ["none", "omemo", undefined, "NONE", "", null, ["none"]]) {
    await say({ kind: "send", to: juliet, draft: { id: randomId(systemRng()), text: `as ${String(protection)}` }, protection });
  }
  expect((await client.history()).map(({ security }) => security.level)).toEqual(["none", "own", "own", "own", "own", "own", "own"]);
});

test("a result that cannot leave the leader's tab is an error, not silence", async () => {
  const there = world();
  const { client, host } = await there.open();
  host.client.history = () => Promise.resolve([{ text: () => 1 }] as never);
  await expect(client.history()).rejects.toMatchObject({ name: "InternalError" });
});

test("a leader of another build refuses a tab with ERR_TAB_VERSION: its client is stopped, says so, and goes on under a leader of its own build", async () => {
  const there = world();
  await there.lead();
  const { client: present } = await there.tab();
  const link = new LoopbackLink(there, "older");
  const send = link.send.bind(link);
  let theirs = protocolVersion + 1;
  link.send = (frame) => { send(frame.kind === "hello" ? { ...frame, protocol: theirs } : frame); };
  there.links.add(link);
  const { createFacade } = await import("../../../src/tabs/facade.js");
  const client = await createFacade(link);
  const refusal = { name: "ClientError", code: "ERR_TAB_VERSION", details: { protocol: protocolVersion, theirs: protocolVersion } };
  expect(client.status.getSnapshot()).toMatchObject({ kind: "stopped", error: refusal });
  await expect(client.history()).rejects.toMatchObject(refusal);
  await expect(client.ready()).rejects.toMatchObject(refusal);
  await expect(client.blocking()).rejects.toMatchObject(refusal);
  expect(() => client.device).toThrow(expect.objectContaining({ code: "ERR_TAB_VERSION" }) as Error);
  const handle = client.conversation(juliet).send({ text: "kept until it can go" });
  theirs = protocolVersion;
  await there.lead();
  await handle.reached("stored");
  expect(client.status.getSnapshot()).toEqual({ kind: "offline" });
  expect((await present.history()).map(({ text }) => text)).toEqual(["kept until it can go"]);
  expect(client.device).toEqual(present.device);
  await client.blocking();
  await client.close();
});

test("a tab that no leader will ever answer has no client; one that has had a leader is stopped with the reason", async () => {
  const there = world();
  const { createFacade } = await import("../../../src/tabs/facade.js");
  const error = new ClientError("ERR_NOT_SUPPORTED", "no");
  const link = new LoopbackLink(there, "alone");
  const opening = createFacade(link);
  link.ends.emit(error);
  await expect(opening).rejects.toBe(error);
  const { client, link: second } = await there.open();
  there.lose = () => true;
  const asked = client.history();
  second.ends.emit(error);
  await expect(asked).rejects.toBe(error);
  await expect(client.history()).rejects.toBe(error);
  expect(client.status.getSnapshot()).toEqual({ kind: "stopped", error });
  await client.close();
  expect(client.status.getSnapshot()).toEqual({ kind: "closed" });
});

test("the tables name every member of a real client and of its parts that an application can use", async () => {
  const there = world();
  const { client, host } = await there.open();
  const real = host.client;
  const conversation = real.conversation(juliet);
  const parts: Record<keyof typeof tables, object> = {
    client: real, roster: real.roster, presence: real.presence, conversation, timeline: conversation.timeline(), conversations: await real.conversations(),
    blocking: await real.blocking(), privacyLists: await real.privacyLists(), contactPolicy: await real.contactPolicy(), strangers: await real.strangers(),
    personalEvents: await real.personalEvents(), gateways: await real.gateways(), inbox: {}, message: {},
  };
  // For the client's own parts, and what cannot travel.
  const inside: Record<string, readonly string[]> = {
    client: ["core", "queries"], roster: ["attach", "detach", "prepare"], blocking: ["attach", "detach", "beforeBlock"],
    presence: ["attach", "detach", "prepare", "farewell", "openPolicy", "hasPolicy", "extras", "hides", "audience", "use", "reviewDirected", "renew", "end", "directOwn",
      "directedTo", "listsChanged", "useLists"],
    privacyLists: ["attach", "detach", "want", "follow", "isKept", "wanted"], personalEvents: ["attach", "detach"], gateways: ["attach", "detach"],
  };
  for (const [part, object] of Object.entries(parts)) {
    if (part === "inbox" || part === "message") continue;
    const members = [...Object.getOwnPropertyNames(object), ...Object.getOwnPropertyNames(Object.getPrototypeOf(object))].filter((name) => name !== "constructor");
    const expected = members.filter((name) => inside[part]?.includes(name) !== true);
    expect(Object.keys(tables[part as keyof typeof tables]).sort(), part).toEqual(expected.sort());
  }
  // And every entry is there in a facade.
  for (const name of Object.keys(tables.client)) expect((client as unknown as Record<string, unknown>)[name], name).toBeDefined();
});

test("H06 a timeline that is let go of while it is opened is let go of, also where its number is used again", async () => {
  const there = world();
  const host = await there.lead();
  const { say, link } = await rawTab(there);
  await say({ kind: "hello", protocol: protocolVersion });
  let subscribed = 0;
  const conversation = host.client.conversation.bind(host.client);
  host.client.conversation = (jid) => {
    const made = conversation(jid);
    const timeline = made.timeline();
    const subscribe = timeline.subscribe.bind(timeline);
    timeline.subscribe = (listener) => {
      const stop = subscribe(listener);
      subscribed += 1;
      return () => {
        subscribed -= 1;
        stop();
      };
    };
    made.timeline = () => timeline;
    return made;
  };
  const watch = (id: number): void => { link.send({ kind: "watch", id, source: { of: "timeline", jid: juliet } }); };
  for (let id = 1; id <= 3; id++) {
    watch(id);
    link.send({ kind: "unwatch", id });
  }
  watch(3);
  const before = link.received.length;
  await calm();
  expect(host.use.watches).toBe(1);
  expect(link.received.slice(before).filter(({ kind }) => kind === "state")).toMatchObject([{ id: 3, full: true }]);
  const answers: string[] = [];
  for (let id = 1; id <= 3; id++) {
    const told = await say({ kind: "call", id: 100 + id, on: { part: "timeline", watch: id }, method: "loadOlder", args: [{}] });
    answers.push(...told.flatMap((frame) => (frame.kind === "error" ? [frame.error.code] : frame.kind === "result" ? ["done"] : [])));
  }
  expect(answers).toEqual(["ERR_TAB_VERSION", "ERR_TAB_VERSION", "ERR_OFFLINE"]); // nobody's timeline is there any more
  expect(subscribed).toBeGreaterThan(0);
  await say({ kind: "unwatch", id: 3 });
  expect(subscribed).toBe(0);
});
