import { expect, test } from "vitest";

import { bareJid } from "../../../src/base/jid.js";
import { FollowUpLimits } from "../../../src/session/follow-ups.js";
import { parseDeviceId, type DeviceAddress } from "../../../src/session/ports.js";
import { FakeClock } from "../../support/omemo-world.js";

const device = (id: number, account = "juliet"): DeviceAddress => ({ jid: bareJid(`${account}@example.org`), deviceId: parseDeviceId(id) as DeviceAddress["deviceId"] });
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

test("L04 L02 all accounts together get twenty attempts to build a session in an hour: n-1, n, n+1", () => {
  const clock = new FakeClock();
  const limits = new FollowUpLimits(clock);
  const allowed = Array.from({ length: 40 }, (_, i) => limits.allow(device(1, `contact${i}`), "no-session"));
  expect(allowed.map((yes, i) => yes === i < 20).every(Boolean)).toBe(true);
  clock.time += 60 * minute;
  expect(limits.allow(device(41), "no-session")).toBe(true);
});

test("R22 one account gets three of them in an hour, from however many device ids it writes: n-1, n, n+1, and the others have theirs", () => {
  const clock = new FakeClock();
  const limits = new FollowUpLimits(clock);
  let ids = 0;
  const attempts = (): readonly boolean[] => Array.from({ length: 4 }, () => limits.allow(device(++ids), "no-session"));
  expect(attempts()).toEqual([true, true, true, false]);
  expect(limits.allow(device(1, "mercutio"), "no-session")).toBe(true);
  clock.time += 60 * minute - 1;
  expect(attempts()).toEqual([false, false, false, false]);
  clock.time += 1;
  expect(attempts()).toEqual([true, true, true, false]);
});

test("R22 what was given up with its transaction counts for nobody", () => {
  const limits = new FollowUpLimits(new FakeClock());
  for (let n = 0; n < 50; n++) {
    const given = device(1, n < 25 ? "juliet" : `contact${n}`);
    expect(limits.allow(given, "no-session")).toBe(true);
    limits.giveBack(given, "no-session");
  }
});

test("R22 an attempt that could not be made may be made again in a minute and takes nothing from others, but stays counted for its account", () => {
  const clock = new FakeClock();
  const limits = new FollowUpLimits(clock);
  const failing = (account: string): boolean => {
    if (!limits.allow(device(1, account), "no-session")) return false;
    limits.postpone(device(1, account));
    return true;
  };
  for (let n = 0; n < 30; n++) expect(failing(`contact${n}`)).toBe(true); // more than all together get
  clock.time += minute - 1;
  expect(failing("contact0")).toBe(false);
  clock.time += 1;
  expect([failing("contact0"), failing("contact0")]).toEqual([true, false]);
  clock.time += minute;
  expect(failing("contact0")).toBe(true);
  clock.time += minute;
  expect(failing("contact0")).toBe(false); // a server that never shows a bundle
});

test("R22 one that was never counted, for the user asked for it, gives nothing back", () => {
  const limits = new FollowUpLimits(new FakeClock());
  for (let n = 0; n < 20; n++) limits.allow(device(1, `contact${n}`), "no-session");
  limits.postpone(device(1));
  expect(limits.allow(device(2), "no-session")).toBe(false);
});

test("Q18 the wall clock has no say in it: only time that grows counts", () => {
  const clock = new FakeClock();
  let wall = 0;
  const limits = new FollowUpLimits({ now: () => wall, monotonic: () => clock.monotonic(), schedule: () => () => undefined });
  expect(limits.allow(device(1), "heartbeat")).toBe(true);
  wall += 10 * 365 * 24 * 60 * minute;
  expect(limits.allow(device(1), "heartbeat")).toBe(false);
});
