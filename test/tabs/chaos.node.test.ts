/**
 * Also the program behind `npm run chaos -- --tabs`, which sets `SOTTO_TAB_CHAOS` to the wanted seconds and seed.
 */
import { expect, test } from "vitest";
import { type ChaosVerdict, faultKinds, runChaos } from "./chaos.js";

const wanted = /^(\d+) (\d+)$/.exec(process.env["SOTTO_TAB_CHAOS"] ?? "");
const seconds = Number(wanted?.[1] ?? 20);
const seed = Number(wanted?.[2] ?? Date.now() % 1_000_000_000);

/** Figures for people; nothing here is asserted. */
function figures({ faults, sent, received, streams, keys, unchecked, overlapMs, absences }: ChaosVerdict): string {
  const times = faultKinds.map((fault) => {
    const sorted = [...absences[fault]].sort((a, b) => a - b).map((ms) => Math.round(ms));
    const [median, most] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
    return `${fault} ${faults[fault].toString()}${median === undefined ? "" : ` (of the leader ${sorted.length.toString()}: next one leads after ${median.toString()} ms, at most ${(most ?? 0).toString()})`}`;
  });
  return [
    `seed ${seed.toString()}, ${seconds.toString()} s: ${times.join(", ")}`,
    `${sent.toString()} messages sent, ${received.toString()} received, ${keys.toString()} message keys, ${unchecked.toString()} ciphertexts unchecked; streams: ${streams.bound.toString()} bound, ${streams.resumed.toString()} resumed, a replaced one open for ${Math.round(overlapMs).toString()} ms at most`,
  ].join("\n");
}

test("D10 Q16 Q17 six tabs that are closed, frozen, reloaded and killed: one stream, no key twice, every message once, the same in every tab", { timeout: (seconds + 240) * 1_000 }, async () => {
  const verdict = await runChaos({ seed, seconds, log: wanted === null ? () => undefined : (line) => { console.log(line); } });
  console.log(figures(verdict));
  expect(verdict.complaints, `seed ${seed.toString()}`).toEqual([]);
  expect(verdict.sent).toBeGreaterThan(0);
  expect(verdict.keys).toBeGreaterThan(0);
});
