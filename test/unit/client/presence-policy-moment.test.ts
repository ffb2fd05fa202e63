/** What it costs to ask which rule holds at a moment, for a whole roster. Threats L01. @module */
import { expect, onTestFinished, test, vi } from "vitest";
import { choose } from "../../../src/client/presence-policy/moment.js";
import { readRules } from "../../../src/client/presence-policy/rules.js";

test("L01 the wall clock of a window is read once for a moment, however many contacts the rule is for, and anew for another one", () => {
  const { others } = readRules({ others: [{ level: "busy", when: { between: { from: "09:00", until: "17:00", timeZone: "Europe/Berlin" } } }, { level: "offline" }] });
  const read = vi.spyOn(Intl.DateTimeFormat.prototype, "formatToParts");
  onTestFinished(() => { read.mockRestore(); });
  const levels = ["2026-11-20T10:00:00Z", "2026-11-20T20:00:00Z", "2026-11-20T10:00:00Z"].map((iso) =>
    new Set(Array.from({ length: 10_000 }, () => choose(others, { now: Date.parse(iso), inCall: false, idleSince: undefined }).level)));
  expect([levels, read.mock.calls.length]).toEqual([[new Set(["busy"]), new Set(["offline"]), new Set(["busy"])], 3]);
});
