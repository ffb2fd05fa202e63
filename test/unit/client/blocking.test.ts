/** The block list: changes, pushes, what is said before a block (threats F09, V04). */
import { describe, expect, test } from "vitest";
import { bareJid, parseJid, type BareJid, type Jid } from "../../../src/base/jid.js";
import { blockedAddressesMax } from "../../../src/base/limits.js";
import { serializeXml, xml, type XmlElement } from "../../../src/base/xml.js";
import { Blocking } from "../../../src/client/blocking/blocking.js";
import type { AnySottoError } from "../../../src/client/errors.js";
import type { ClientEvent } from "../../../src/client/events.js";
import { offline } from "../../support/no-stream.js";
import { FakePrivacyServer, refusal } from "../../support/fake-privacy-server.js";
import { TickingClock } from "../../support/reception.js";

const me = bareJid("juliet@example.org");
const friend = bareJid("friend@x.example");
const jid = (text: string): Jid => parseJid(text) as Jid;
const code = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "fulfilled", (error: unknown) => (error as AnySottoError).code);
const settled = async (): Promise<void> => { for (let i = 0; i < 100; i++) await Promise.resolve(); };
const push = (name: "block" | "unblock", ...jids: (string | undefined)[]): XmlElement => xml("urn:xmpp:blocking", name, {}, ...jids.map((each) => xml("urn:xmpp:blocking", "item", { jid: each })));

function setUp(watchers: readonly BareJid[] = [friend], make: "prosody" | "ejabberd" = "prosody") {
  const server = new FakePrivacyServer(make);
  const events: ClientEvent[] = [];
  const errors: unknown[] = [];
  const clock = new TickingClock();
  const blocking = new Blocking({ account: me, clock, watchers: () => watchers, emit: (event) => { events.push(event); }, onError: (error) => { errors.push(error); }, offline });
  return { server, blocking, events, errors, clock, shown: () => [...blocking.getSnapshot()].sort() };
}

describe("blocking", () => {
  test("V04 who sees us is sent that we are gone, then he is blocked; nobody else hears anything", async () => {
    const { server, blocking, shown } = setUp([friend, bareJid("other@y.example")]);
    blocking.attach(server.connect());
    await settled();
    server.log.length = 0;
    expect(await blocking.block(["Friend@x.example", "stranger@z.example"])).toEqual({ reported: false });
    expect(server.log).toEqual(["presence unavailable friend@x.example", "set block friend@x.example stranger@z.example"]);
    expect(shown()).toEqual(["friend@x.example", "stranger@z.example"]);
  });

  test("V04 a block that is aborted before its turn tells nobody that we are gone", async () => {
    const { server, blocking, shown } = setUp();
    blocking.attach(server.connect());
    await settled();
    server.log.length = 0;
    expect(await code(blocking.block([friend], { signal: AbortSignal.abort() }))).toBe("ERR_ABORTED");
    expect([server.log, shown()]).toEqual([[], []]);
  });

  test("V04 nothing of ours comes between the farewell and the block: on ejabberd it would stay with whoever is blocked", async () => {
    const { server, blocking } = setUp();
    const connection = server.connect();
    const send = connection.stream.send.bind(connection.stream);
    connection.stream.send = async (stanza) => {
      await send(stanza);
      await settled(); // the socket takes it late
      server.log.push("time for another presence");
    };
    blocking.attach(connection);
    await settled();
    server.log.length = 0;
    await blocking.block([friend]);
    expect(server.log.slice(0, 2)).toEqual(["presence unavailable friend@x.example", "set block friend@x.example"]);
  });

  test("V04 a block that is aborted while listeners are waited for is none, and nobody is told that we are gone", async () => {
    const { server, blocking, shown } = setUp();
    blocking.attach(server.connect());
    await settled();
    server.log.length = 0;
    const abort = new AbortController();
    blocking.beforeBlock(() => { abort.abort(); });
    expect(await code(blocking.block([friend], { signal: abort.signal }))).toBe("ERR_ABORTED");
    expect([server.log, shown()]).toEqual([[], []]);
  });

  test("V04 a domain takes all who see us there along, a resource only itself", async () => {
    const { server, blocking } = setUp([friend, bareJid("two@x.example"), bareJid("other@y.example")]);
    blocking.attach(server.connect());
    await settled();
    server.log.length = 0;
    await blocking.block(["x.example"]);
    await blocking.block(["other@y.example/phone"]);
    expect(server.log).toEqual(["presence unavailable friend@x.example", "presence unavailable two@x.example", "set block x.example", "presence unavailable other@y.example/phone", "set block other@y.example/phone"]);
  });

  test("V04 listeners are waited for before the block; one that fails or never ends does not prevent it", async () => {
    const { server, blocking, errors, clock } = setUp([]);
    blocking.attach(server.connect());
    await settled();
    server.log.length = 0;
    const stop = blocking.beforeBlock(async (jids) => {
      await Promise.resolve();
      server.log.push(`hook ${jids.join(" ")}`);
    });
    blocking.beforeBlock(() => { throw refusal("scripted"); });
    await blocking.block([friend]);
    expect(server.log).toEqual([`hook ${friend}`, `set block ${friend}`]);
    expect(errors).toHaveLength(1);
    stop();
    blocking.beforeBlock(() => new Promise(() => undefined));
    const block = blocking.block(["b@x.example"]);
    await settled();
    clock.advance(4_999);
    await settled();
    expect(server.log).toHaveLength(2);
    clock.advance(1);
    await block;
    expect(server.log.at(-1)).toBe("set block b@x.example");
  });

  test("V04 what is blocked: the address, all resources of a bare one, everybody at a domain", async () => {
    const { server, blocking } = setUp();
    for (const each of ["a@x.example/r", "b@x.example", "y.example", "z.example/r"]) server.blocked.add(each);
    blocking.attach(server.connect());
    await settled();
    const is = (...each: string[]): boolean[] => each.map((one) => blocking.isBlocked(jid(one)));
    expect(is("a@x.example/r", "b@x.example", "b@x.example/any", "y.example", "c@y.example", "c@y.example/any", "z.example/r")).toEqual(Array<boolean>(7).fill(true));
    expect(["B@X.example", "@", "", undefined].map((each) => blocking.isBlocked(each as string))).toEqual([true, false, false, false]); // as applications have it
    expect(is("a@x.example", "a@x.example/s", "x.example", "c@sub.y.example", "z.example", "c@z.example/r")).toEqual(Array<boolean>(6).fill(false));
  });

  test("a report goes along where the server takes one, about one address, and the result says so", async () => {
    const { server, blocking } = setUp();
    blocking.attach(server.connect());
    const report = { reason: "abuse", text: "threats" } as const;
    expect(await blocking.block([friend], { report })).toEqual({ reported: false });
    expect(serializeXml(server.asked.at(-1) as XmlElement)).toBe(`<block xmlns="urn:xmpp:blocking"><item jid="${friend}"/></block>`);
    server.features.add("urn:xmpp:reporting:1");
    blocking.attach(server.connect());
    expect(await blocking.block(["b@x.example"], { report })).toEqual({ reported: true });
    expect(serializeXml(server.asked.at(-1) as XmlElement)).toBe('<block xmlns="urn:xmpp:blocking"><item jid="b@x.example"><report xmlns="urn:xmpp:reporting:1" reason="urn:xmpp:reporting:abuse"><text>threats</text></report></item></block>');
    expect(await code(blocking.block(["a@x.example", "b@x.example"], { report }))).toBe("ERR_INVALID_ARGUMENT");
  });

  test("the own account and its server are not blocked, nor is what is no address", async () => {
    const { server, blocking } = setUp();
    blocking.attach(server.connect());
    for (const [each, expected] of [[me, "ERR_INVALID_ARGUMENT"], [`${me}/phone`, "ERR_INVALID_ARGUMENT"], ["example.org", "ERR_INVALID_ARGUMENT"], ["@", "ERR_INVALID_JID"], ["", "ERR_INVALID_JID"]]) {
      expect(await code(blocking.block([each as string]))).toBe(expected);
    }
    expect(await code(blocking.block([]))).toBe("ERR_INVALID_ARGUMENT");
    for (const each of [friend, undefined]) expect(await code(blocking.block(each as never))).toBe("ERR_INVALID_ARGUMENT");
    expect(await code(blocking.block([undefined as never]))).toBe("ERR_INVALID_JID");
    expect(server.blocked.size).toBe(0);
  });

  test("everybody is unblocked by name: servers that keep blocks among other rules must not remove those", async () => {
    const { server, blocking, shown } = setUp();
    for (const each of ["a@x.example", "b@x.example"]) server.blocked.add(each);
    blocking.attach(server.connect());
    await settled();
    server.log.length = 0;
    await blocking.unblock("all");
    await blocking.unblock("all");
    expect(server.log).toEqual(["get blocklist", "set unblock a@x.example b@x.example", "get blocklist"]);
    expect(shown()).toEqual([]);
  });

  test("a refused block changes nothing here, and without a stream there is none", async () => {
    const { server, blocking, shown } = setUp();
    expect(await code(blocking.block([friend]))).toBe("ERR_OFFLINE");
    blocking.attach(server.connect());
    await settled();
    server.fault = () => ({ when: "before", error: refusal("service-unavailable") });
    expect(await code(blocking.block([friend]))).toBe("ERR_BLOCKING_UNSUPPORTED");
    expect(shown()).toEqual([]);
  });

  test("a server that sends no pushes is believed by its results", async () => {
    const { server, blocking, shown } = setUp();
    server.pushes = false;
    blocking.attach(server.connect());
    await settled();
    await blocking.block([friend, "b@x.example"]);
    expect(shown()).toEqual(["b@x.example", friend]);
    await blocking.unblock([friend]);
    expect(shown()).toEqual(["b@x.example"]);
  });
});

describe("what others do", () => {
  test("F09 a push of our own account counts; a stranger, another device of ours and the domain are refused, and nothing changes", async () => {
    const { server, blocking, shown } = setUp();
    server.blocked.add(friend);
    blocking.attach(server.connect());
    await settled();
    for (const from of ["mallory@example.org", `${me}/phone`, "example.org", friend]) {
      for (const payload of [push("unblock"), push("unblock", friend), push("block", "victim@x.example")]) expect([from, server.ask(payload, from)]).toEqual([from, undefined]);
      expect([from, shown()]).toEqual([from, [friend]]);
    }
    expect(server.ask(push("block", "b@x.example"), undefined, "get")).toBeUndefined();
    expect(server.ask(push("block", "b@x.example"))).toBeNull();
    expect(server.ask(push("block", "c@x.example"), me)).toBeNull();
    expect(shown()).toEqual(["b@x.example", "c@x.example", friend]);
    server.ask(push("unblock", "b@x.example", friend), me);
    expect(shown()).toEqual(["c@x.example"]);
    server.ask(push("unblock"), me);
    expect(shown()).toEqual([]);
  });

  test("malformed items are told one by one, and the others hold", async () => {
    const { server, blocking, events, shown } = setUp();
    for (const each of [friend, "@", ""]) server.blocked.add(each);
    blocking.attach(server.connect());
    await settled();
    expect([shown(), events]).toEqual([[friend], [{ kind: "malformed", what: "block-item" }, { kind: "malformed", what: "block-item" }]]);
    server.ask(push("block", "@", "b@x.example"));
    server.ask(push("unblock", undefined));
    expect([shown(), events.length]).toEqual([["b@x.example", friend], 4]);
  });

  test("a push that overtakes the answer is not lost; what is known says whether it is current", async () => {
    const { server, blocking, shown } = setUp();
    let once = true;
    server.afterEach = () => {
      if (!once) return;
      once = false;
      server.blocked.add("late@x.example");
      server.ask(push("block", "late@x.example"));
    };
    expect(blocking.isCurrent).toBe(false);
    blocking.attach(server.connect());
    await settled();
    expect([shown(), blocking.isCurrent]).toEqual([["late@x.example"], true]);
    blocking.detach();
    expect([shown(), blocking.isCurrent]).toEqual([["late@x.example"], false]);
    server.blocked.delete("late@x.example");
    blocking.attach(server.connect(true));
    await settled();
    expect([shown(), blocking.isCurrent]).toEqual([[], true]);
  });

  test("an edited privacy list may have changed the blocks: they are asked for again", async () => {
    const { server, blocking, shown } = setUp([], "ejabberd");
    blocking.attach(server.connect());
    await settled();
    server.blocked.add(friend);
    server.pushList("Blocked contacts");
    await settled();
    expect(shown()).toEqual([friend]);
  });

  test("H06 a server that blocks without end is told of, not followed", async () => {
    const { server, blocking, errors } = setUp();
    blocking.attach(server.connect());
    await settled();
    const some = 10_000;
    for (let from = 0; from < blockedAddressesMax; from += some) server.ask(push("block", ...Array.from({ length: some }, (_, i) => `u${String(from + i)}@x.example`)));
    expect([blocking.getSnapshot().size, errors.length]).toEqual([blockedAddressesMax, 0]);
    server.ask(push("block", "one-more@x.example"));
    expect([blocking.getSnapshot().size, (errors[0] as AnySottoError).code]).toEqual([blockedAddressesMax, "ERR_STREAM_LIMIT"]);
  });

  test("a server without a block list is no error until somebody is to be blocked", async () => {
    const { server, blocking, errors } = setUp();
    server.fault = () => ({ when: "before", error: refusal("feature-not-implemented") });
    blocking.attach(server.connect());
    await settled();
    expect([blocking.isCurrent, errors]).toEqual([false, []]);
  });
});
