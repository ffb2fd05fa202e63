import { expect, test } from "vitest";
import { Gate, type GateDeps } from "../../../src/client/contact-policy/gate.js";
import type { ClientEvent } from "../../../src/client/events.js";
import { ReadState } from "../../../src/client/receive/read-state.js";
import type { BareJid } from "../../../src/base/jid.js";
import { serializeXml } from "../../../src/base/xml.js";
import type { ReadPositions } from "../../../src/transport/features/read-positions.js";
import type { ReadPosition } from "../../../src/transport/xep/xep0490.js";
import { append, type LogWorld, openLog, received, sent } from "../../support/log-world.js";
import { FakeClock, juliet, mercutio, romeo } from "../../support/omemo-world.js";

interface Scene extends LogWorld { readonly state: ReadState; readonly marked: string[]; readonly events: ClientEvent[]; readonly errors: unknown[] }

async function scene(disk?: Parameters<typeof openLog>[0], people: Partial<Pick<GateDeps, "contact" | "isBlocked" | "isHidden">> = {}): Promise<Scene> {
  const world = await openLog(disk);
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
