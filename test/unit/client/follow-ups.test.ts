/** What follows a message, and for whom it waits or does not happen. */
import { expect, test, vi } from "vitest";
import type { BareJid } from "../../../src/base/jid.js";
import { unhurriedRepublishMs } from "../../../src/base/limits.js";
import { systemRng, type Rng } from "../../../src/base/rng.js";
import type { XmlElement } from "../../../src/base/xml.js";
import { FollowUps, republishIntervalMs, upkeepMs } from "../../../src/client/follow-ups.js";
import type { Connection } from "../../../src/client/link.js";
import type { FollowUp } from "../../../src/session/outcome.js";
import type { DeviceId } from "../../../src/session/ports.js";
import { juliet, romeo, type TestDevice, World } from "../../support/omemo-world.js";
import { TickingClock } from "../../support/reception.js";

interface Scene {
  readonly world: World; readonly a: TestDevice; readonly b: TestDevice; readonly clock: TickingClock; readonly followUps: FollowUps;
  readonly sent: XmlElement[]; readonly blocked: Set<BareJid>; readonly hidden: Set<BareJid>; readonly connection: Connection; readonly errors: unknown[];
  published(): number;
}

/** Juliet's follow-ups; Romeo has written to her. */
async function scene(rng: Rng = systemRng()): Promise<Scene> {
  const world = new World();
  const a = await world.device(romeo);
  const b = await world.device(juliet);
  const clock = new TickingClock();
  const sent: XmlElement[] = [];
  const blocked = new Set<BareJid>();
  const hidden = new Set<BareJid>();
  const errors: unknown[] = [];
  const followUps = new FollowUps({
    ledger: b.ledger, omemo: b.omemo, clock, rng, newId: () => "id", noteOwn: () => undefined, onError: (error) => { errors.push(error); },
    gate: { isBlocked: (jid) => blocked.has(jid), isHidden: (jid) => hidden.has(jid) },
  });
  const connection = { signal: new AbortController().signal, stream: { send: async (stanza: XmlElement) => { sent.push(stanza); } } } as unknown as Connection;
  await b.open(romeo, await a.send(juliet, "hello"));
  world.server.log.length = 0;
  const published = (): number => world.server.log.filter((line) => line.startsWith("publish bundle")).length;
  return { world, a, b, clock, followUps, sent, blocked, hidden, connection, errors, published };
}

const empty = (id: number): FollowUp => ({ kind: "send-empty", device: { jid: romeo, deviceId: id as DeviceId }, reason: "key-exchange-accepted", needsPlan: false });

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

test("V03 R24 the hour and the day are drawn out of an hour, its last millisecond included, and no more", async () => {
  const draws = (drawn: number): Rng => () => Uint8Array.of(0, drawn >>> 16, (drawn >>> 8) & 255, drawn & 255);
  const waits = async (drawn: number, ms: number, unhurried: boolean): Promise<void> => {
    const s = await scene(draws(drawn));
    s.followUps.attach(s.connection);
    if (unhurried) s.followUps.add({ kind: "republish-bundle", unhurried });
    await settle(s);
    s.clock.advance(ms - 1);
    await settle(s);
    expect(s.world.server.log).toEqual([]);
    s.clock.advance(1);
    await settle(s);
    expect(s.world.server.log).not.toEqual([]);
  };
  await waits(unhurriedRepublishMs, 2 * unhurriedRepublishMs, true);
  await waits(unhurriedRepublishMs + 1, unhurriedRepublishMs, true); // as zero
  await waits(unhurriedRepublishMs, upkeepMs + unhurriedRepublishMs, false);
  await waits(unhurriedRepublishMs + 1, upkeepMs, false);
});

test("V03 the hour that was drawn for a stranger's message is not drawn again for his next one", async () => {
  const bytes = [[0, 0, 0, 0], [0, 0x36, 0xee, 0x80], [0, 0, 0, 0]]; // for the day; the longest, then the shortest wait
  const s = await scene(() => new Uint8Array(bytes.shift() ?? [0, 0, 0, 0]));
  s.followUps.attach(s.connection);
  for (let i = 0; i < 2; i++) s.followUps.add({ kind: "republish-bundle", unhurried: true });
  await settle(s);
  s.clock.advance(2 * unhurriedRepublishMs - 1);
  await settle(s);
  expect(s.published()).toBe(0);
  s.clock.advance(1);
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

test("R24 L04 however many keys are used up, the bundle is published once a minute: at once, and then again with what came meanwhile", async () => {
  const s = await scene();
  s.followUps.attach(s.connection);
  const useUp = async (): Promise<void> => {
    await s.a.ledger.run((tx) => s.a.omemo.resetSession(tx, s.b.address));
    const outcome = await s.b.open(romeo, await s.a.send(juliet, "x"));
    if ("followUps" in outcome) s.followUps.add({ kind: "republish-bundle" });
    await settle(s);
  };
  for (let n = 0; n < 5; n++) await useUp();
  expect(s.published()).toBe(1);
  s.clock.advance(republishIntervalMs - 1);
  await settle(s);
  await useUp();
  expect(s.published()).toBe(1);
  s.clock.advance(1);
  await settle(s);
  expect(s.published()).toBe(2);
  expect(s.world.server.bundles.get(`${juliet} ${s.b.id}`)?.preKeys).toHaveLength(100);
  s.clock.advance(10 * republishIntervalMs);
  await settle(s);
  expect(s.world.server.log.filter((line) => line === `list ${juliet}`)).toHaveLength(2); // nor is the list asked for more often
  await useUp();
  expect(s.published()).toBe(3);
});

test("R24 what waits for its minute or its hour waits on where the stream is continued, and runs to no clock meanwhile", async () => {
  for (const unhurried of [false, true]) {
    const s = await scene();
    const continued = { ...s.connection, continued: true };
    s.followUps.attach(s.connection);
    s.followUps.add({ kind: "republish-bundle" });
    await settle(s);
    await s.a.ledger.run((tx) => s.a.omemo.resetSession(tx, s.b.address));
    await s.b.open(romeo, await s.a.send(juliet, "another"));
    s.followUps.add({ kind: "republish-bundle", ...(unhurried ? { unhurried } : {}) });
    await settle(s);
    const schedule = vi.spyOn(s.clock, "schedule");
    s.followUps.detach();
    s.followUps.detach(); // a stream that broke before it was online
    s.clock.advance(2 * unhurriedRepublishMs);
    await settle(s);
    expect([s.published(), schedule.mock.calls.length]).toEqual([1, 0]);
    s.followUps.attach(continued);
    await settle(s);
    expect(s.published()).toBe(2);
  }
});

test("R23 R24 on a stream that lasts the bundle is looked after every day: rotated when due, published, and used private halves go", async () => {
  const s = await scene();
  const usedRows = (): number => [...s.b.disk.rows.keys()].filter((key) => key.startsWith("omemo/2/prekey/")).length - 100;
  const round = async (): Promise<void> => {
    s.clock.advance(upkeepMs + unhurriedRepublishMs);
    s.world.clock.time += upkeepMs + unhurriedRepublishMs;
    await settle(s);
  };
  s.followUps.attach(s.connection);
  await settle(s);
  s.clock.advance(upkeepMs - 1);
  await settle(s);
  expect(s.published()).toBe(0);
  s.followUps.detach();
  s.followUps.attach({ ...s.connection, continued: true }); // begins no new day
  await settle(s);
  s.clock.advance(unhurriedRepublishMs + 1);
  await settle(s);
  expect([s.published(), usedRows()]).toEqual([1, 0]); // the prekey of Romeo's first message
  for (let day = 1; day < 7; day++) await round();
  expect(s.world.server.bundles.get(`${juliet} ${s.b.id}`)?.signedPreKeyId).toBe(1);
  await round();
  expect(s.world.server.bundles.get(`${juliet} ${s.b.id}`)?.signedPreKeyId).toBe(2);
  expect(s.published()).toBe(2);
  expect(s.errors).toEqual([]);
  s.followUps.detach();
  s.world.server.log.length = 0;
  await round();
  expect(s.world.server.log).toEqual([]);
});

test("R23 R24 a round that fails is told, deletes nothing, and is made again the next day", async () => {
  const s = await scene();
  const before = s.b.snapshot();
  s.followUps.attach(s.connection);
  await settle(s);
  s.world.server.offline = true;
  s.clock.advance(upkeepMs + unhurriedRepublishMs);
  await settle(s);
  expect(s.errors).toMatchObject([{ code: "ERR_DIRECTORY_UNAVAILABLE" }]);
  expect(s.b.snapshot()).toBe(before);
  s.world.server.offline = false;
  s.clock.advance(upkeepMs + unhurriedRepublishMs);
  await settle(s);
  expect([s.published(), s.errors.length]).toEqual([1, 1]);
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

test("L02 a thousand empty messages wait for a stream, each device once; more are the work of strangers, and are left out", async () => {
  for (const [asked, done] of [[999, 999], [1_000, 1_000], [1_001, 1_000]] as const) {
    const s = await scene();
    const looked = vi.spyOn(s.blocked.add(romeo), "has");
    for (let id = 1; id <= asked; id++) for (let times = 0; times < 2; times++) s.followUps.add(empty(id));
    s.followUps.attach(s.connection);
    await settle(s);
    expect([looked.mock.calls.length, s.sent]).toEqual([done, []]);
  }
});

test("L02 no more than a thousand that the end of a stream came between wait for the next one", async () => {
  for (const [asked, done] of [[999, 999], [1_000, 1_000], [1_001, 1_000]] as const) {
    const s = await scene();
    const over = new AbortController();
    const looked = vi.spyOn(s.blocked, "has").mockImplementation(() => {
      if (over.signal.aborted) throw new RangeError("the stream is gone");
      return true;
    });
    s.followUps.attach({ ...s.connection, signal: over.signal });
    over.abort();
    for (let id = 1; id <= asked; id++) {
      s.followUps.add(empty(id));
      if (id % 500 === 0) await settle(s);
    }
    await settle(s);
    looked.mockReset().mockReturnValue(true);
    s.followUps.attach({ ...s.connection, continued: true });
    await settle(s);
    expect([looked.mock.calls.length, s.errors]).toEqual([done, []]);
  }
});
