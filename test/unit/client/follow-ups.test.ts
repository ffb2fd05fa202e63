/** What follows a message, and for whom it waits or does not happen. */
import { expect, test } from "vitest";
import type { BareJid } from "../../../src/base/jid.js";
import { unhurriedRepublishMs } from "../../../src/base/limits.js";
import { systemRng } from "../../../src/base/rng.js";
import type { XmlElement } from "../../../src/base/xml.js";
import { FollowUps } from "../../../src/client/follow-ups.js";
import type { Connection } from "../../../src/client/link.js";
import { juliet, romeo, type TestDevice, World } from "../../support/omemo-world.js";
import { TickingClock } from "../../support/reception.js";

interface Scene {
  readonly world: World; readonly a: TestDevice; readonly b: TestDevice; readonly clock: TickingClock; readonly followUps: FollowUps;
  readonly sent: XmlElement[]; readonly blocked: Set<BareJid>; readonly hidden: Set<BareJid>; readonly connection: Connection; readonly errors: unknown[];
  published(): number;
}

/** Juliet's follow-ups; Romeo has written to her. */
async function scene(): Promise<Scene> {
  const world = new World();
  const a = await world.device(romeo);
  const b = await world.device(juliet);
  const clock = new TickingClock();
  const sent: XmlElement[] = [];
  const blocked = new Set<BareJid>();
  const hidden = new Set<BareJid>();
  const errors: unknown[] = [];
  const followUps = new FollowUps({
    ledger: b.ledger, omemo: b.omemo, clock, rng: systemRng(), newId: () => "id", noteOwn: () => undefined, onError: (error) => { errors.push(error); },
    gate: { isBlocked: (jid) => blocked.has(jid), isHidden: (jid) => hidden.has(jid) },
  });
  const connection = { signal: new AbortController().signal, stream: { send: async (stanza: XmlElement) => { sent.push(stanza); } } } as unknown as Connection;
  await b.open(romeo, await a.send(juliet, "hello"));
  world.server.log.length = 0;
  const published = (): number => world.server.log.filter((line) => line.startsWith("publish bundle")).length;
  return { world, a, b, clock, followUps, sent, blocked, hidden, connection, errors, published };
}

const settle = async ({ followUps }: Scene): Promise<void> => {
  await Promise.resolve();
  await followUps.settled();
};

test("V03 L04 a bundle that a stranger has used up is not published again within the hour, and once within two, however many messages came", async () => {
  const s = await scene();
  s.followUps.attach(s.connection);
  for (let i = 0; i < 5; i++) s.followUps.add({ kind: "republish-bundle", unhurried: true });
  await settle(s);
  s.clock.advance(unhurriedRepublishMs - 1);
  await settle(s);
  expect(s.world.server.log).toEqual([]);
  s.clock.advance(unhurriedRepublishMs + 1);
  await settle(s);
  expect(s.published()).toBe(1);
  s.clock.advance(10 * unhurriedRepublishMs);
  await settle(s);
  expect(s.published()).toBe(1);
});

test("V03 one that somebody has used up who may know of us follows at once, also after a stranger's", async () => {
  const s = await scene();
  s.followUps.attach(s.connection);
  s.followUps.add({ kind: "republish-bundle", unhurried: true });
  s.followUps.add({ kind: "republish-bundle" });
  await settle(s);
  expect(s.published()).toBe(1);
  expect(s.errors).toEqual([]);
});

test("V03 with the stream the wait ends: the next one begins with an announcement anyhow", async () => {
  const s = await scene();
  s.followUps.attach(s.connection);
  s.followUps.add({ kind: "republish-bundle", unhurried: true });
  s.followUps.detach();
  s.followUps.attach(s.connection);
  s.clock.advance(3 * unhurriedRepublishMs);
  await settle(s);
  expect(s.world.server.log).toEqual([]);
});

test("V03 V04 an empty message that waited for the stream is not sent to somebody who was blocked or must not see us meanwhile, and seals nothing", async () => {
  for (const state of ["seen", "blocked", "hidden"] as const) {
    const s = await scene();
    s.followUps.add({ kind: "send-empty", device: s.a.address, reason: "key-exchange-accepted", needsPlan: false });
    if (state !== "seen") s[state].add(romeo);
    const before = s.b.snapshot();
    s.followUps.attach(s.connection);
    await settle(s);
    expect(s.sent.map(({ attrs }) => attrs["to"])).toEqual(state === "seen" ? [romeo] : []);
    expect(s.b.snapshot() === before).toBe(state !== "seen");
    expect(s.world.server.log).toEqual([]);
  }
});
