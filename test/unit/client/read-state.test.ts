import { expect, test } from "vitest";
import { Gate, type GateDeps } from "../../../src/client/contact-policy/gate.js";
import type { ClientEvent } from "../../../src/client/events.js";
import { deleteMessage } from "../../../src/client/log/retention.js";
import { ReadState } from "../../../src/client/receive/read-state.js";
import type { BareJid } from "../../../src/base/jid.js";
import { serializeXml } from "../../../src/base/xml.js";
import type { ReadPositions } from "../../../src/transport/features/read-positions.js";
import type { ReadPosition } from "../../../src/transport/xep/xep0490.js";
import { append, type LogWorld, openLog, received, sent } from "../../support/log-world.js";
import { FakeClock, juliet, mercutio, romeo } from "../../support/omemo-world.js";

interface Scene extends LogWorld { readonly state: ReadState; readonly marked: string[]; readonly events: ClientEvent[]; readonly errors: unknown[] }

async function scene(
  disk?: Parameters<typeof openLog>[0], people: Partial<Pick<GateDeps, "contact" | "isBlocked" | "isHidden">> = {}, wrap?: Parameters<typeof openLog>[1],
): Promise<Scene> {
  const world = await openLog(disk, wrap);
  const marked: string[] = [];
  const events: ClientEvent[] = [];
  const errors: unknown[] = [];
  const told = { emit: (event: ClientEvent) => { events.push(event); }, onError: (error: unknown) => { errors.push(error); } };
  const gate = await Gate.load({ ...world, ...told, account: juliet, clock: new FakeClock(), contact: () => undefined, isBlocked: () => false, isHidden: () => false, ...people });
  const state = new ReadState({
    ...world, ...told, gate,
    notify: async (_tx, to, content, { protection, purpose }) => { marked.push(`${protection} ${purpose} ${to} ${content.map((each) => serializeXml(each)).join("")}`); },
  });
  return { ...world, state, marked, events, errors };
}

/** The account's private node, as a script. */
class Node {
  readonly published: string[] = [];
  items: ReadPosition[] = [];
  listener: (position: ReadPosition) => unknown = () => undefined;
  failing = false;
  readonly positions = {
    onPosition: (listener: (position: ReadPosition) => unknown) => { this.listener = listener; return () => undefined; },
    fetchAll: async () => ({ kind: "found", value: this.items }),
    publish: async (conversation: BareJid, stanzaId: string) => {
      if (this.failing) throw new RangeError("refused");
      this.published.push(`${conversation} ${stanzaId}`);
    },
  } as unknown as ReadPositions;
}

const asked = { markable: true } as const;
const trusted = { level: "trusted", deviceId: 1, fingerprint: "f", timeSuspicious: false } as const;

test("V03 E11 a marker goes only to who asked for it and knows us, inside the encryption where the message was, once and only forward", async () => {
  const world = await scene();
  const [first, second, , stranger] = await append(world,
    received("1", romeo, { ...asked, security: trusted }), received("2", romeo, { ...asked, security: trusted }), sent("hi"),
    received("s", mercutio, asked), received("3", romeo, { security: trusted }), received("4", romeo, { ...asked, security: { ...trusted, level: "distrusted" } }));
  await world.state.markDisplayed(romeo, second!.position);
  await world.state.markDisplayed(romeo, second!.position);
  await world.state.markDisplayed(romeo, first!.position);
  await world.state.markDisplayed(mercutio, stranger!.position);
  await world.state.markDisplayed(romeo, stranger!.position); // of another conversation
  await world.state.markDisplayed(romeo, 5);
  await world.state.markDisplayed(romeo, 6);
  expect(world.marked).toEqual([`omemo marker ${romeo} <displayed xmlns="urn:xmpp:chat-markers:0" id="2"/>`]);
  expect([await world.state.position(romeo), await world.state.position(mercutio)]).toEqual([6, 4]);
});

test("E11 a marker for a message that came in clear text goes in clear text, for one that nobody could read encrypted", async () => {
  const world = await scene(undefined, { contact: () => ({ subscription: "both", groups: [] }) });
  const [clear, unknown] = await append(world, received("1", romeo, { ...asked, security: { level: "none" } }), received("2", romeo, { ...asked, security: { level: "unknown" } }));
  await world.state.markDisplayed(romeo, clear!.position);
  await world.state.markDisplayed(romeo, unknown!.position);
  expect(world.marked.map((each) => each.split(" ")[0])).toEqual(["none", "omemo"]);
});

test("V01 V03 V04 no marker goes to somebody blocked or to whom the user is hidden, though we have written to him and he is a contact, nor to a contact who does not see our presence", async () => {
  for (const [subscription, state, expected] of [["both", "seen", 1], ["both", "blocked", 0], ["both", "hidden", 0], ["to", "seen", 0]] as const) {
    const world = await scene(undefined, { contact: () => ({ subscription, groups: [] }), isBlocked: () => state === "blocked", isHidden: () => state === "hidden" });
    await append(world, received("1", romeo, { ...asked, security: trusted }));
    await world.state.markDisplayed(romeo, 1);
    expect(world.marked).toHaveLength(expected);
  }
  for (const people of [{ isBlocked: () => true }, { isHidden: () => true }]) {
    const world = await scene(undefined, people);
    await append(world, sent("hi"), received("1", romeo, { ...asked, security: trusted }));
    await world.state.markDisplayed(romeo, 2);
    expect(world.marked).toEqual([]);
  }
});

test("what was read offline is told to the other devices with the next connection, the last position only", async () => {
  const world = await scene();
  await append(world, received("1", romeo, { stanzaId: "a" }), received("2", romeo, { stanzaId: "b" }), received("3", mercutio, { stanzaId: "c" }), received("4"));
  await world.state.markDisplayed(romeo, 1);
  await world.state.markDisplayed(romeo, 2);
  await world.state.markDisplayed(mercutio, 3);
  await world.state.markDisplayed(romeo, 4); // has no id of the archive: what is before it can be told
  const again = await scene(world.disk);
  const node = new Node();
  await again.state.attach(node.positions, new AbortController().signal);
  await expect.poll(() => node.published.slice().sort()).toEqual([`${mercutio} c`, `${romeo} b`]);
  again.state.detach();
  await again.state.attach(node.positions, new AbortController().signal);
  expect(node.published).toHaveLength(2);
});

test("a position that could not be published is told, and published later", async () => {
  const world = await scene();
  await append(world, received("1", romeo, { stanzaId: "a" }));
  const node = new Node();
  node.failing = true;
  await world.state.attach(node.positions, new AbortController().signal);
  await world.state.markDisplayed(romeo, 1);
  await expect.poll(() => world.errors.length).toBe(1);
  node.failing = false;
  await world.state.attach(node.positions, new AbortController().signal);
  await expect.poll(() => node.published).toEqual([`${romeo} a`]);
});

test("positions of other own devices move ours forward, only within the conversation that they name", async () => {
  const world = await scene();
  await append(world, received("1", romeo, { stanzaId: "a" }), received("2", romeo, { stanzaId: "b" }), received("3", mercutio, { stanzaId: "c" }));
  const node = new Node();
  node.items = [{ conversation: romeo, stanzaId: "b" }, { conversation: romeo, stanzaId: "c" }, { conversation: romeo, stanzaId: "unknown" }];
  await world.state.attach(node.positions, new AbortController().signal);
  await node.listener({ conversation: romeo, stanzaId: "a" });
  await node.listener({ conversation: mercutio, stanzaId: "c" });
  expect(world.events).toEqual([{ kind: "read", conversation: romeo, position: 2 }, { kind: "read", conversation: mercutio, position: 3 }]);
  expect(node.published).toEqual([]);
  expect(world.marked).toEqual([]);
});

test("the last message that is shown will do: if it is our own, or asks for nothing, the newest before it that can be told of is told, once", async () => {
  const world = await scene();
  await append(world, sent("hi"), received("1", romeo, { ...asked, security: trusted, stanzaId: "a" }), received("2", romeo, { ...asked, security: trusted, stanzaId: "b" }),
    received("3", romeo, { security: trusted, stanzaId: "c" }), received("", romeo, { security: { level: "unknown" }, unreadable: "not-for-this-device", stanzaId: "d" }),
    sent("mine"), received("s", mercutio, { stanzaId: "e" }), sent("again"), received("4", romeo, { ...asked, security: trusted }), sent("more"));
  const node = new Node();
  await world.state.attach(node.positions, new AbortController().signal);
  await world.state.markDisplayed(romeo, 6);
  await expect.poll(() => node.published).toEqual([`${romeo} c`]); // what cannot be read may be no message elsewhere
  await world.state.markDisplayed(romeo, 8); // nothing of the contact in between
  await world.state.markDisplayed(romeo, 10);
  await world.state.attach(node.positions, new AbortController().signal);
  const displayed = (id: string): string => `omemo marker ${romeo} <displayed xmlns="urn:xmpp:chat-markers:0" id="${id}"/>`;
  expect(world.marked).toEqual([displayed("2"), displayed("4")]);
  expect(await world.state.position(romeo)).toBe(10);
  expect(node.published).toEqual([`${romeo} c`]);
});

test("nobody is told of history from before this device, nor of what lies more than 100 messages back", async () => {
  const world = await scene();
  const asking = (id: string): ReturnType<typeof received> => received(id, romeo, { ...asked, security: trusted, stanzaId: id });
  await world.ledger.run((tx) => { world.log.prepend(tx, asking("before")); });
  await append(world, sent("hi"));
  await world.state.markDisplayed(romeo, 1);
  expect(world.marked).toEqual([]);
  await append(world, asking("far"), ...Array.from({ length: 100 }, (_, i) => sent(`s${i.toString()}`)));
  await world.state.markDisplayed(romeo, 102);
  expect(world.marked).toEqual([]);
});

test("a position of another device about a message that has no id of the archive yet, or is not here yet, holds once it has one", async () => {
  const world = await scene();
  await append(world, received("1", romeo, { stanzaId: "a" }), sent("live"));
  const node = new Node();
  node.items = [{ conversation: romeo, stanzaId: "own" }, { conversation: mercutio, stanzaId: "later" }];
  await world.state.attach(node.positions, new AbortController().signal);
  expect(await world.state.position(romeo)).toBeUndefined();
  await world.ledger.run((tx) => world.log.bindStanzaId(tx, "live", "own"));
  await expect.poll(() => world.events).toEqual([{ kind: "read", conversation: romeo, position: 2 }]);
  await append(world, received("other", romeo, { stanzaId: "later" })); // of another conversation than the one it was told for
  await append(world, received("2", mercutio, { stanzaId: "x" }));
  expect(await world.state.position(mercutio)).toBeUndefined();
  await node.listener({ conversation: mercutio, stanzaId: "y" });
  await node.listener({ conversation: mercutio, stanzaId: "z" }); // in place of y
  await append(world, received("3", mercutio, { stanzaId: "y" }), received("4", mercutio, { stanzaId: "z" }));
  await expect.poll(() => world.state.position(mercutio)).toBe(6);
  expect(world.events).toHaveLength(2);
  expect([node.published, world.marked, world.errors]).toEqual([[], [], []]);
});

test("positions that name nothing here are remembered for 1,000 conversations at most: the one told longest ago goes first", async () => {
  const world = await scene();
  const node = new Node();
  await world.state.attach(node.positions, new AbortController().signal);
  const peer = (i: number): BareJid => `p${i.toString()}@example.org` as BareJid;
  for (let i = 0; i < 1_001; i++) await node.listener({ conversation: peer(i), stanzaId: `s${i.toString()}` });
  await append(world, received("0", peer(0), { stanzaId: "s0" }), received("1", peer(1), { stanzaId: "s1" }));
  await expect.poll(() => world.events).toEqual([{ kind: "read", conversation: peer(1), position: 2 }]);
});

test("a conversation that is displayed while the last look for what is to be told is under way is told as well", async () => {
  let behindLook = (): Promise<unknown> => Promise.resolve();
  const world = await scene(undefined, {}, (inner) => {
    const list = inner.list.bind(inner);
    inner.list = async (range) => {
      const rows = await list(range);
      if (range.prefix === "client/read/") await behindLook();
      return rows;
    };
    return inner;
  });
  const node = new Node();
  await append(world, received("1", romeo, { stanzaId: "a" }), received("2", mercutio, { stanzaId: "b" }));
  await world.state.attach(node.positions, new AbortController().signal);
  let looks = 0;
  behindLook = async () => { if (++looks === 2) await world.state.markDisplayed(mercutio, 2); };
  await world.state.markDisplayed(romeo, 1);
  await expect.poll(() => node.published).toEqual([`${romeo} a`, `${mercutio} b`]);
});

test("a position of another device about a message that was deleted here holds for those before it", async () => {
  const world = await scene();
  await append(world, received("1", romeo, { stanzaId: "a1" }), received("2", romeo, { stanzaId: "a2" }), received("3", romeo, { stanzaId: "a3" }));
  await deleteMessage(world.ledger, world.log, romeo, 3);
  const node = new Node();
  node.items = [{ conversation: romeo, stanzaId: "a3" }];
  await world.state.attach(node.positions, new AbortController().signal);
  expect(await world.state.position(romeo)).toBe(3);
});
