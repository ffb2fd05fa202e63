/** Debian's Chromium for the benchmarks, and what a trace of it says about the main thread. @module */
import process from "node:process";

import { chromium } from "playwright";

export const launch = () => chromium.launch({
  executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server", "--disable-background-networking", "--disable-component-update"],
});

/**
 * Milliseconds of the longest task of the page's main thread, of the longest one in which the browser did not collect all its garbage, and of all of
 * them together: the thread's own time, which does not count what other programs took of the processor meanwhile.
 * @param {Buffer} recorded
 */
function mainThread(recorded) {
  /** @type {{ traceEvents: { ph: string, name: string, pid: number, tid: number, ts: number, dur?: number, tdur?: number, args?: { name?: string } }[] }} */
  const { traceEvents } = JSON.parse(recorded.toString("utf8"));
  const key = (/** @type {{ pid: number, tid: number }} */ { pid, tid }) => `${pid} ${tid}`;
  const mains = new Map(traceEvents.filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain").map((event) => [key(event), { longest: 0, longestWork: 0, longestWall: 0, total: 0 }]));
  const collections = traceEvents.filter(({ ph, name }) => ph === "X" && name === "MajorGC");
  for (const event of traceEvents) {
    const main = mains.get(key(event));
    if (main === undefined || event.ph !== "X" || !event.name.endsWith("RunTask")) continue;
    const [own, wall] = [(event.tdur ?? 0) / 1000, (event.dur ?? 0) / 1000];
    // A task that was thrown off the processor in its first microseconds is told with more own time than it was there.
    main.longest = Math.max(main.longest, Math.min(own, wall));
    const collects = collections.some((other) => key(other) === key(event) && other.ts >= event.ts && other.ts < event.ts + (event.dur ?? 0));
    if (!collects) main.longestWork = Math.max(main.longestWork, Math.min(own, wall));
    main.longestWall = Math.max(main.longestWall, wall);
    main.total += own;
  }
  const [busiest] = [...mains.values()].sort((a, b) => b.total - a.total);
  if (busiest === undefined) throw new Error("the trace has no main thread");
  return busiest;
}

/**
 * What `work` resolves with, and what the page's main thread did meanwhile.
 * @template T
 * @param {import("playwright").Page} page
 * @param {() => Promise<T>} work
 * @returns {Promise<[result: T, main: { longest: number, longestWork: number, longestWall: number, total: number }]>}
 */
export async function traced(page, work) {
  const browser = /** @type {import("playwright").Browser} */ (page.context().browser());
  await browser.startTracing(page, { categories: ["toplevel", "v8"] });
  const result = await work();
  return [result, mainThread(await browser.stopTracing())];
}
