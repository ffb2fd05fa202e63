/** Time windows: nights, days of the week, zones, and the days on which clocks are changed. */
import { expect, test } from "vitest";
import { timeWindow, type TimeWindow, windowTest } from "../../../src/client/time-window.js";

const rome = "Europe/Rome";
const at = (text: string): number => Date.parse(text);
const minute = 60_000;
const isWithin = (window: TimeWindow, epochMs: number): boolean => windowTest(window)(epochMs);

test("a window begins with its first minute and ends before its last, by the wall clock of its zone", () => {
  const office: TimeWindow = { from: "09:00", until: "17:30", timeZone: rome };
  const within = (text: string): boolean => isWithin(office, at(text));
  expect(["2026-01-07T07:59:59Z", "2026-01-07T08:00:00Z", "2026-01-07T16:29:59Z", "2026-01-07T16:30:00Z"].map(within)).toEqual([false, true, true, false]);
  expect(within("2026-07-07T07:00:00Z")).toBe(true); // summer time: an hour earlier in UTC
});

test("a night belongs to the day on which it begins", () => {
  const night: TimeWindow = { from: "22:00", until: "07:00", days: ["fri"], timeZone: "UTC" };
  const within = (text: string): boolean => isWithin(night, at(text));
  expect(within("2026-01-09T23:00:00Z")).toBe(true); // a Friday
  expect(within("2026-01-10T06:59:00Z")).toBe(true); // the Saturday after it
  expect(within("2026-01-10T23:00:00Z")).toBe(false);
  expect(within("2026-01-09T06:00:00Z")).toBe(false); // Thursday's night
  expect(isWithin({ ...night, days: ["sun"] }, at("2026-01-12T03:00:00Z"))).toBe(true); // over the end of the week
  expect(isWithin({ ...night, days: ["sat"] }, at("2026-01-11T03:00:00Z"))).toBe(true);
});

test("from 00:00 until 24:00 and until 00:00 is a whole day, and no days is never", () => {
  for (let hour = 0; hour < 48; hour++) {
    const now = at("2026-03-28T00:00:00Z") + hour * 60 * minute;
    expect(isWithin({ from: "00:00", until: "24:00", timeZone: rome }, now)).toBe(true);
    expect(isWithin({ from: "00:00", until: "00:00", timeZone: rome }, now)).toBe(true);
    expect(isWithin({ from: "12:00", until: "12:00", timeZone: rome }, now)).toBe(true);
    expect(isWithin({ from: "00:00", until: "24:00", days: [] }, now)).toBe(false);
  }
});

test("Q18 on the days on which clocks change a window follows the wall: the skipped hour never comes, the repeated one counts twice", () => {
  const minutesWithin = (window: TimeWindow, day: string): number => {
    const test = windowTest(window);
    let count = 0;
    for (let now = at(`${day}T00:00:00Z`) - 120 * minute; now < at(`${day}T00:00:00Z`) + 24 * 60 * minute; now += minute) if (test(now)) count += 1;
    return count;
  };
  const days = ["sun"] as const;
  // In Rome 2026-03-29 has no 02:30, and 2026-10-25 has it twice.
  expect(minutesWithin({ from: "02:00", until: "03:00", days, timeZone: rome }, "2026-03-29")).toBe(0);
  expect(minutesWithin({ from: "02:00", until: "03:00", days, timeZone: rome }, "2026-10-25")).toBe(120);
  expect(minutesWithin({ from: "01:00", until: "04:00", days, timeZone: rome }, "2026-03-29")).toBe(120);
  expect(minutesWithin({ from: "01:00", until: "04:00", days, timeZone: rome }, "2026-06-21")).toBe(180);
});

test("H08 what is no window is refused: times, days, zones, whatever JavaScript hands in", () => {
  const good = { from: "09:00", until: "17:00" };
  expect(timeWindow({ ...good, days: ["mon"], timeZone: "UTC", more: 1 })).toEqual({ ...good, days: ["mon"], timeZone: "UTC" });
  const bad: readonly unknown[] = [
    undefined, null, "09:00", {}, { from: "9:00", until: "17:00" }, { from: "24:00", until: "17:00" }, { from: "09:60", until: "17:00" }, { from: "09:00", until: "24:01" },
    { ...good, days: "mon" }, { ...good, days: ["Monday"] }, { ...good, timeZone: "Mars/Olympus" }, { ...good, timeZone: 1 },
  ];
  for (const value of bad) expect(() => timeWindow(value), JSON.stringify(value)).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }));
});
