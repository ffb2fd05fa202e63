/**
 * The simulation: crash points enumerated, and random schedules, over a server in memory. A failure names its row; it can be run again
 * with `SOTTO_SEED`.
 * @module
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allJobs, type Outcome, type ServerName } from "./points.js";
import { Pool } from "./pool.js";
import { scenarios } from "./scenarios.js";
import type { ScheduleOutcome } from "./schedule.js";

const seed = Number(process.env["SOTTO_SEED"] ?? Date.now() % 0x7fff_ffff);
const rounds: readonly ServerName[] = ["usual", "forgetful"];
const plans = Array.from({ length: 200 }, (_none, i) => ({
  seed: seed + i, server: (["usual", "forgetful", "without resumption", "usual", "without an archive"] as const)[i % 5] as ServerName,
}));

/** Not a bound on speed: all of it takes minutes on two processors of their own, and they seldom are. */
const timeout = 3_600_000;

const results: Outcome[] = [];
const played: ScheduleOutcome[] = [];
let pool: Pool;
let rows: readonly { readonly scenario: number; readonly outcome: Promise<Outcome> }[];
let schedules: readonly Promise<ScheduleOutcome>[];

beforeAll(() => {
  console.info(`SOTTO_SEED=${String(seed)}`);
  pool = new Pool();
  const jobs = [...allJobs(seed, rounds)].sort((one, other) => one.scenario - other.scenario); // what is looked at first is done first
  rows = jobs.map((job) => ({ scenario: job.scenario, outcome: pool.points(job) }));
  schedules = plans.map((plan) => pool.schedule(plan));
  for (const promise of [...rows.map(({ outcome }) => outcome), ...schedules]) promise.catch(() => undefined); // looked at below
});
afterAll(() => pool.close());

describe("a process dies, a line breaks or a disk refuses at each operation in turn, and afterwards nothing is lost, doubled, out of order or wrongly told", () => {
  test.each(scenarios.map(({ threats, name }, index) => [`${threats} ${name}`, index] as const))("%s", { timeout }, async (_name, index) => {
    const outcomes = await Promise.all(rows.filter(({ scenario }) => scenario === index).map(({ outcome }) => outcome));
    results.push(...outcomes);
    expect(outcomes.flatMap(({ failures }) => failures)).toEqual([]);
    expect(outcomes.every(({ points }) => points > 1)).toBe(true);
  });

  test("C09 D01 Q17 over at least 10,000 crash points no message key has encrypted two plaintexts", () => {
    const points = results.reduce((sum, outcome) => sum + outcome.points, 0);
    const keys = results.reduce((sum, outcome) => sum + outcome.keys, 0);
    console.info(`${String(points)} crash points, ${String(keys)} message keys, SOTTO_SEED=${String(seed)}`);
    expect(points).toBeGreaterThanOrEqual(10_000);
    expect(keys).toBeGreaterThan(points);
  });
});

test("Q02 Q03 Q04 Q14 Q16 Q17 C09 after any schedule of sends, cuts, deaths and refusals on both sides every message is there once and in order", { timeout }, async () => {
  played.push(...await Promise.all(schedules));
  const restarts = played.reduce((sum, outcome) => sum + outcome.restarts, 0);
  console.info(`${String(played.length)} schedules, ${String(restarts)} restarts, SOTTO_SEED=${String(seed)}`);
  expect(played.flatMap(({ failures }) => failures)).toEqual([]);
  expect(restarts).toBeGreaterThan(played.length);
});
