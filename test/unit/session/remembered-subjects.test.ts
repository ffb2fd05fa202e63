/** Limits remember whom they have counted, and whoever comes under ever new names fills no memory: threats H06, L02. @module */
import { expect, test } from "vitest";
import { bareJid, type BareJid } from "../../../src/base/jid.js";
import { listFreshMs } from "../../../src/base/limits.js";
import { FollowUpLimits } from "../../../src/session/follow-ups.js";
import { ListFreshness } from "../../../src/session/list-freshness.js";
import { parseDeviceId, type DeviceAddress } from "../../../src/session/ports.js";
import { RateLimit } from "../../../src/session/rate-limit.js";
import { FakeClock, juliet, romeo, World } from "../../support/omemo-world.js";

const thousand = Array.from({ length: 1_000 }, (_, i) => i + 1);

/** A thousand are remembered, each as often as it asks; one more drives out the oldest, and nobody else. */
function expectBounded(allow: (subject: number) => boolean): void {
  expect(thousand.filter((subject) => !allow(subject))).toEqual([]);
  expect(thousand.filter((subject) => allow(subject))).toEqual([]);
  expect(allow(1_001)).toBe(true);
  expect([2, 3, 1_000, 1_001].filter((subject) => allow(subject))).toEqual([]);
  expect(allow(1)).toBe(true);
}

test("H06 L02 a rate limit remembers a thousand subjects", () => {
  const limit = new RateLimit(new FakeClock(), 1, 60_000);
  expectBounded((subject) => limit.allow(`subject ${String(subject)}`));
});

test("H06 L02 so do the limits of automatic answers, per device and reason", () => {
  const limits = new FollowUpLimits(new FakeClock());
  const device = (id: number): DeviceAddress => ({ jid: juliet, deviceId: parseDeviceId(id) as DeviceAddress["deviceId"] });
  expectBounded((subject) => limits.allow(device(subject), "heartbeat"));
});

test("H06 a thousand device lists are known to be fresh; the oldest is looked at again", () => {
  const fresh = new ListFreshness(new FakeClock());
  const account = (i: number): BareJid => bareJid(`contact${String(i)}@example.org`);
  for (const i of thousand) fresh.renew(account(i));
  fresh.renew(account(1)); // told again: now the second is the oldest
  expect(thousand.filter((i) => !fresh.has(account(i)))).toEqual([]);
  fresh.renew(account(1_001));
  expect([...thousand, 1_001].filter((i) => !fresh.has(account(i)))).toEqual([2]);
});

test("H06 L02 of a thousand devices without a bundle it is known for a minute that they have none; the oldest is asked for again", async () => {
  const world = new World();
  const { omemo } = await world.device(romeo);
  const accounts = ["one", "two", "three"].map((name) => bareJid(`${name}@example.org`));
  for (const [i, jid] of accounts.entries()) {
    const ids = Array.from({ length: i === 2 ? 1 : 500 }, (_, n) => ({ id: parseDeviceId(n + 1) as DeviceAddress["deviceId"] }));
    world.server.lists.set(jid, ids);
  }
  const asked = async (jid: BareJid): Promise<readonly string[]> => {
    world.server.log.length = 0;
    await omemo.prepare([jid]);
    return world.server.log.filter((line) => line.startsWith(`bundles ${jid}`));
  };
  const [one, two, three] = accounts as [BareJid, BareJid, BareJid];
  expect([await asked(one), await asked(two), await asked(one), await asked(two)]).toEqual([[`bundles ${one} 500`], [`bundles ${two} 500`], [], []]);
  expect([await asked(three), await asked(two), await asked(one)]).toEqual([[`bundles ${three} 1`], [], [`bundles ${one} 1`]]);
});

test("a device list needs no new look for ten minutes, and one after that", () => {
  const clock = new FakeClock();
  const fresh = new ListFreshness(clock);
  fresh.renew(juliet);
  clock.time += listFreshMs - 1;
  expect(fresh.has(juliet)).toBe(true);
  clock.time += 1;
  expect(fresh.has(juliet)).toBe(false);
});
