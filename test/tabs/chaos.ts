/**
 * Tabs that are closed, frozen, reloaded and killed at random while they send and receive over one account, some of them in workers, and what must hold
 * all the same: one stream, no message key for two plaintexts, every message once, and the same conversation in every tab (Node only).
 * Not here: which faults (chaos-schedule.ts), what is said (chaos-talk.ts), the judgement (verdict.ts).
 * @module
 */
import { type Fault, forEachKind, Schedule } from "./chaos-schedule.js";
import { delay, restMsMax, Talk, within } from "./chaos-talk.js";
import type { PageReport } from "./page.js";
import { type AppTab, TabStage } from "./tab-stage.js";
import { type Evidence, judge, type Sealed, type Verdict } from "./verdict.js";

export interface ChaosOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly tabs?: number;
  /** Whether tabs whose client is in a worker are frozen too, and for longer: such a leader may keep the others waiting until it runs again. */
  readonly freezeWorkers?: boolean;
  readonly log?: (line: string) => void;
}

/** How long the tabs had no leader after a fault of it, by kind, in milliseconds. */
export type Absences = Readonly<Record<Fault, readonly number[]>>;

export interface ChaosVerdict extends Verdict {
  readonly faults: Evidence["faults"];
  /** How often a page has begun to lead, and how often a worker. */
  readonly led: Evidence["led"];
  /** Stored by a tab, and by the correspondent. */
  readonly sent: number;
  readonly received: number;
  readonly streams: { readonly bound: number; readonly resumed: number };
  readonly absences: Absences;
  /** For how long frozen leaders kept everybody waiting until they ran again, because nobody took over. */
  readonly waits: { readonly pages: readonly number[]; readonly workers: readonly number[] };
}

/** Of the tabs, every third works in a worker. */
const isWorkerTab = (i: number): boolean => i % 3 === 1;

/** Milliseconds beyond the wanted time in which faults that have not hit a leader yet may do so. */
const overtimeMsMax = 60_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosVerdict> {
  const campaign = new Campaign(await TabStage.open(), options);
  try {
    return await campaign.run();
  } finally {
    await campaign.stage.close();
  }
}

class Campaign {
  readonly stage: TabStage;
  readonly #options: ChaosOptions;
  readonly #schedule: Schedule;
  readonly #talk: Talk;
  readonly #tabs: AppTab[] = [];
  readonly #absences = forEachKind<number[]>(() => []);
  readonly #waits: { readonly pages: number[]; readonly workers: number[] } = { pages: [], workers: [] };
  readonly #led = { pages: 0, workers: 0 };
  readonly #sealed: Sealed[] = [];
  /** Codes with which tabs could not be opened, and why tabs did not come back into view. */
  readonly #unopened: string[] = [];
  readonly #hidden: string[] = [];
  /** When the renderer of a leader was ended or began anew; only leaders encrypt. */
  readonly #ends: number[] = [];
  #lastLeader: AppTab | undefined;
  /** The last fault of a leader that nobody has replaced yet. */
  #vacancy: { readonly fault: Fault; readonly tab: AppTab; readonly since: number } | undefined;

  constructor(stage: TabStage, options: ChaosOptions) {
    this.stage = stage;
    this.#options = options;
    this.#schedule = new Schedule(options.seed);
    this.#talk = new Talk(stage, () => this.#usable, options.seed);
    stage.onReport = (tab, report) => { this.#heard(tab, report); };
  }

  async run(): Promise<ChaosVerdict> {
    const { seconds, tabs = 6 } = this.#options;
    for (let i = 0; i < tabs; i++) this.#tabs.push(await this.stage.tab({ worker: isWorkerTab(i) }));
    await Promise.all(this.#tabs.map(({ ready }) => ready));
    await this.#tabs[0]?.call("ready");
    this.#talk.start();
    const end = Date.now() + seconds * 1_000;
    while (Date.now() < end || (!this.#isCovered && Date.now() < end + overtimeMsMax)) {
      await delay(this.#schedule.pauseMs());
      await this.#strike();
    }
    await this.#talk.stop();
    const timelines = await this.#rest();
    const { bound, resumed, departures, streams } = this.stage.watch;
    const { asked, stored, written, arrived, unreadable } = this.#talk;
    const [faults, led] = [this.#schedule.done, this.#led];
    return {
      faults, led, sent: stored.size, received: written.size, streams: { bound, resumed }, absences: this.#absences, waits: this.#waits,
      ...judge({
        asked: [...asked], stored: [...stored], written: [...written], arrived, unreadable, timelines, unopened: this.#unopened, hidden: this.#hidden,
        uncaught: this.stage.browser.complaints, faults, led, sealed: this.#sealed, departures, streams, ends: this.#ends, now: Date.now(),
      }),
    };
  }

  /** Whether there was what every run has to have. */
  get #isCovered(): boolean {
    return this.#schedule.isCovered && this.#led.pages > 0 && this.#led.workers > 0;
  }

  #heard(tab: AppTab, report: PageReport): void {
    if (report.kind === "encrypted") this.#sealed.push(report);
    else if (report.kind === "failed") this.#unopened.push(report.code);
    if (report.kind !== "leads") return;
    for (const other of this.stage.tabs.values()) if (other !== tab) other.leading = false;
    this.#lastLeader = tab;
    this.#led[tab.inWorker ? "workers" : "pages"] += 1;
    const vacancy = this.#vacancy;
    if (vacancy === undefined) return;
    this.#vacancy = undefined;
    this.#absences[vacancy.fault].push(report.at - vacancy.since);
    this.#log(`${vacancy.fault} of the leader: replaced after ${(report.at - vacancy.since).toFixed(0)} ms`);
  }

  #log(line: string): void {
    this.#options.log?.(line);
  }

  /** Tabs that answer. */
  get #usable(): readonly AppTab[] {
    return this.#tabs.filter(({ frozen, page }) => !frozen && page.gone === undefined);
  }

  async #leader(): Promise<AppTab | undefined> {
    for (const tab of this.#tabs) {
      if (tab.frozen || tab.page.gone !== undefined) continue;
      if (await within(500, tab.leads(), false)) return tab;
    }
    return undefined;
  }

  #mayBe(fault: Fault, tab: AppTab): boolean {
    return fault !== "freeze" || !tab.inWorker || this.#options.freezeWorkers === true;
  }

  async #strike(): Promise<void> {
    await this.#replaceLost();
    if (this.#usable.length < 3) return; // somebody has to be there, or nobody would notice
    const present = await this.#leader();
    const { fault, atLeader, frozenMs } = this.#schedule.next((kind) => present !== undefined && this.#mayBe(kind, present));
    const victims = this.#usable.filter((each) => this.#mayBe(fault, each));
    if (victims.length === 0) return;
    const tab = atLeader && present !== undefined && victims.includes(present) ? present : this.#schedule.one(victims);
    const isLeader = tab === present;
    this.#schedule.struck(fault, isLeader);
    this.#log(`${fault} of ${isLeader ? "the leader" : "a tab"}${tab.inWorker ? " in a worker" : ""}`);
    if (isLeader) this.#vacancy = { fault, tab, since: Date.now() };
    if (fault === "freeze") {
      await tab.freeze();
      setTimeout(() => { void this.#thaw(tab); }, tab.inWorker ? 3 * frozenMs : frozenMs);
      return;
    }
    this.#noteEnd(tab);
    if (fault === "reload") {
      await tab.page.send("Page.reload");
      return;
    }
    await (fault === "close" ? tab.page.close() : tab.page.crash());
    await this.#replaceLost();
  }

  async #thaw(tab: AppTab): Promise<void> {
    if (this.#vacancy?.tab === tab && this.#vacancy.fault === "freeze") {
      const waitedMs = Date.now() - this.#vacancy.since;
      this.#vacancy = undefined;
      this.#waits[tab.inWorker ? "workers" : "pages"].push(waitedMs);
      this.#log(`freeze of the leader: nobody took over for ${waitedMs.toFixed(0)} ms`);
    }
    await tab.thaw().catch((error: unknown) => { if (tab.page.gone === undefined) this.#hidden.push(String(error)); });
  }

  #noteEnd(tab: AppTab): void {
    tab.leading = false;
    if (tab !== this.#lastLeader) return;
    this.#lastLeader = undefined;
    this.#ends.push(Date.now());
  }

  /** A new tab for each that is gone: a process that ends may take several with it. */
  async #replaceLost(): Promise<void> {
    for (const [i, tab] of this.#tabs.entries()) {
      if (tab.page.gone === undefined) continue;
      this.#noteEnd(tab);
      if (tab.page.gone === "crashed") await tab.page.close().catch(() => undefined);
      this.#tabs[i] = await this.stage.tab({ worker: tab.inWorker });
    }
  }

  /** Until all that was sent has arrived everywhere. @returns what each tab shows then, `undefined` for one that does not answer */
  async #rest(): Promise<Evidence["timelines"]> {
    await this.#replaceLost();
    await Promise.all(this.#tabs.filter(({ frozen }) => frozen).map((tab) => this.#thaw(tab)));
    await this.#replaceLost();
    const end = Date.now() + restMsMax;
    for (;;) {
      const shown = await Promise.all(this.#tabs.map((tab) => within(10_000, tab.shown(), undefined)));
      if (Date.now() >= end || this.#talk.isAtRest(shown)) return shown;
      await delay(500);
    }
  }
}
