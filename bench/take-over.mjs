/**
 * How long tabs of one account are without a leader: the leading tab is closed, reloaded or killed, until the next one has its client open; and
 * it is frozen, from the first call of a visible tab that nobody answers to its answer. Real tabs and a real server: the stage of the tab
 * tests (test/tabs/tab-stage.ts), from the sources.
 * @module
 */
import { rmSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

import { build } from "esbuild";

import { median } from "./measure.mjs";

const rounds = 7;
const root = fileURLToPath(new URL("..", import.meta.url));

/** @typedef {import("../test/tabs/tab-stage.js").TabStage} TabStage */
/** @typedef {import("../test/tabs/tab-stage.js").AppTab} AppTab */
/** @typedef {"closed" | "reloaded" | "killed" | "frozen"} Fate */

/** A program of the stage's TypeScript. It lies as deep as its sources, so that relative paths out of it stay right. @returns {Promise<TabStage>} */
async function openStage() {
  const source = path.join(root, "test/tabs");
  const dir = path.join(root, ".cache", `take-over-${process.pid}`);
  const outfile = path.join(dir, "tab-stage.mjs");
  await build({
    entryPoints: [path.join(source, "tab-stage.ts")], outfile, bundle: true, format: "esm", platform: "node", target: "node20", logLevel: "error",
    packages: "external", external: ["../../scripts/*"], conditions: ["sotto-source"], define: { "import.meta.dirname": JSON.stringify(source) },
  });
  try {
    /** @type {typeof import("../test/tabs/tab-stage.js")} */
    const { TabStage } = await import(pathToFileURL(outfile).href);
    return await TabStage.open();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

class Tabs {
  /** @param {TabStage} stage */
  constructor(stage) {
    this.stage = stage;
    /** @type {AppTab[]} */
    this.tabs = [];
  }

  /** Two tabs, the first one leads and is online. */
  async settle() {
    this.tabs = this.tabs.filter(({ page }) => page.gone === undefined);
    while (this.tabs.length < 2) {
      const tab = await this.stage.tab();
      await tab.ready;
      this.tabs.push(tab);
    }
    const [first, second] = /** @type {[AppTab, AppTab]} */ (this.tabs);
    const [leader, other] = await first.leads() ? [first, second] : [second, first];
    if (!(await leader.leads()) || await other.leads()) throw new Error("there is not one leader");
    for (const tab of [leader, other]) await tab.call("ready");
    return { leader, other };
  }

  /** Resolves with the time when a tab next says so. @param {"leads" | "led" | "ready"} kind @param {AppTab} [of] @returns {Promise<number>} */
  next(kind, of) {
    return new Promise((resolve) => {
      const before = this.stage.onReport;
      this.stage.onReport = (tab, report) => {
        before(tab, report);
        if (report.kind === kind && (of === undefined || tab === of)) resolve(performance.now());
      };
    });
  }

  /** @param {Fate} fate @returns {Promise<number>} milliseconds */
  async without(fate) {
    const { leader, other } = await this.settle();
    this.stage.onReport = () => undefined;
    if (fate === "frozen") return this.frozen(leader, other);
    const leads = this.next("leads");
    const ready = this.next("ready", leader);
    const begin = performance.now();
    if (fate === "closed") await leader.page.close();
    else if (fate === "killed") await leader.page.crash();
    else await leader.page.send("Page.reload");
    const taken = await leads - begin;
    if (fate === "reloaded") await ready;
    if (fate === "killed") await leader.page.close(); // what is left of it
    return taken;
  }

  /** @param {AppTab} leader @param {AppTab} other in a window of its own, in view */
  async frozen(leader, other) {
    await leader.freeze();
    const begin = performance.now();
    await other.call("look");
    const taken = performance.now() - begin;
    if (!(await other.leads())) throw new Error("a frozen tab has answered");
    const led = this.next("led", leader);
    await leader.thaw();
    await led;
    return taken;
  }
}

/** @returns {Promise<import("./figures.mjs").Report>} */
export async function bench() {
  const stage = await openStage();
  try {
    const tabs = new Tabs(stage);
    /** @type {Record<Fate, number[]>} */
    const times = { closed: [], reloaded: [], killed: [], frozen: [] };
    const fates = /** @type {Fate[]} */ (Object.keys(times));
    for (let round = 0; round < rounds; round++) {
      for (const fate of fates) times[fate].push(await tabs.without(fate));
    }
    return {
      notes: [`without a leader, at most: ${fates.map((fate) => `${Math.max(...times[fate]).toFixed(0)} ms when it was ${fate}`).join(", ")} (${rounds} rounds)`],
      figures: fates.map((fate) => (fate === "frozen"
        ? { name: "leading tab frozen: from a visible tab's call to its answer, ms", value: median(times.frozen), target: 1000 }
        : { name: `leading tab ${fate}: until the next one leads, ms`, value: median(times[fate]) })),
    };
  } finally {
    await stage.close();
  }
}
