/**
 * Also the program behind `npm run chaos -- --tabs`, which sets `SOTTO_TAB_CHAOS` to the wanted seconds and seed.
 */
import { expect, test } from "vitest";
import { type ChaosVerdict, runChaos } from "./chaos.js";
import { faultKinds } from "./chaos-schedule.js";

const wanted = /^(\d+) (\d+)$/.exec(process.env["SOTTO_TAB_CHAOS"] ?? "");
const seconds = Number(wanted?.[1] ?? 20);
const seed = Number(wanted?.[2] ?? Date.now() % 1_000_000_000);

const whole = (ms: number): string => Math.round(ms).toString();
const most = (times: readonly number[]): string => whole(Math.max(0, ...times));
const median = (times: readonly number[]): string => whole([...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0);

/** Figures for people; nothing here is asserted. */
function figures({ faults, led, sent, received, streams, keys, unchecked, overlapMs, absences, waits }: ChaosVerdict): string {
  const times = faultKinds.map((kind) => {
    const [{ all, ofLeader }, replaced] = [faults[kind], absences[kind]];
    return `${kind} ${all.toString()}, of the leader ${ofLeader.toString()}${replaced.length === 0 ? "" : ` (the next one leads after ${median(replaced)} ms, at most ${most(replaced)})`}`;
  });
  const waited = Object.entries(waits).map(([where, ms]) => `${where} ${ms.length.toString()} times, at most ${most(ms)} ms`);
  return [
    `seed ${seed.toString()}, ${seconds.toString()} s: ${times.join("; ")}`,
    `led: ${led.pages.toString()} pages, ${led.workers.toString()} workers; frozen leaders that nobody replaced until they ran again: ${waited.join(", ")}`,
    `${sent.toString()} messages sent, ${received.toString()} received, ${keys.toString()} message keys, ${unchecked.toString()} ciphertexts unchecked; streams: ${streams.bound.toString()} bound, ${streams.resumed.toString()} resumed, a replaced one open for ${whole(overlapMs)} ms at most`,
  ].join("\n");
}

test("D10 Q16 Q17 six tabs, two of them in workers, that are closed, frozen, reloaded and killed: one stream, no key twice, every message once, the same in every tab", { timeout: (seconds + 300) * 1_000 }, async () => {
  // The long run also freezes workers.
  const verdict = await runChaos({ seed, seconds, freezeWorkers: wanted !== null, log: wanted === null ? () => undefined : (line) => { console.log(line); } });
  console.log(figures(verdict));
  expect(verdict.complaints, `seed ${seed.toString()}`).toEqual([]);
  expect(verdict.sent).toBeGreaterThan(0);
  expect(verdict.keys).toBeGreaterThan(0);
});
