import { expect, test } from "vitest";

import { bareJid } from "../../../src/base/jid.js";
import { FollowUpLimits } from "../../../src/session/follow-ups.js";
import { parseDeviceId, type DeviceAddress } from "../../../src/session/ports.js";
import { FakeClock } from "../../support/omemo-world.js";

const device = (id: number): DeviceAddress => ({ jid: bareJid("juliet@example.org"), deviceId: parseDeviceId(id) as DeviceAddress["deviceId"] });
const minute = 60_000;

test("L04 V03 one device gets one automatic answer of a kind in a minute, however often it asks", () => {
  const clock = new FakeClock();
  const limits = new FollowUpLimits(clock);
  const answers = (): number => Array.from({ length: 100 }, () => limits.allow(device(1), "heartbeat")).filter(Boolean).length;
  expect(answers()).toBe(1);
  clock.time += minute - 1;
  expect(answers()).toBe(0);
  clock.time += 1;
  expect(answers()).toBe(1);
  expect(limits.allow(device(2), "heartbeat")).toBe(true); // others do not suffer
});

test("L04 L02 all devices together get twenty attempts to build a session in an hour: n-1, n, n+1", () => {
  const clock = new FakeClock();
  const limits = new FollowUpLimits(clock);
  const allowed = Array.from({ length: 40 }, (_, i) => limits.allow(device(i + 1), "no-session"));
  expect(allowed.map((yes, i) => yes === i < 20).every(Boolean)).toBe(true);
  clock.time += 60 * minute;
  expect(limits.allow(device(41), "no-session")).toBe(true);
});

test("Q18 the wall clock has no say in it: only time that grows counts", () => {
  const clock = new FakeClock();
  let wall = 0;
  const limits = new FollowUpLimits({ now: () => wall, monotonic: () => clock.monotonic(), schedule: () => () => undefined });
  expect(limits.allow(device(1), "heartbeat")).toBe(true);
  wall += 10 * 365 * 24 * 60 * minute;
  expect(limits.allow(device(1), "heartbeat")).toBe(false);
});
