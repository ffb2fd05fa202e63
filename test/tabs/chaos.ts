/**
 * Tabs that are closed, frozen, reloaded and killed at random while they send and receive over one account, and what must hold all the same: one
 * stream, no message key for two plaintexts, every message once, and the same conversation in every tab (Node only).
 * Not here: the judgement (verdict.ts).
 * @module
 */
import { Chance } from "../faults/chance.js";
import type { PageReport, ShownMessage } from "./page.js";
import { type AppTab, TabStage } from "./tab-stage.js";
import { judge, type Sealed, type Verdict } from "./verdict.js";

export interface ChaosOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly tabs?: number;
  readonly log?: (line: string) => void;
}

/** How long the tabs had no leader after a fault of it, by kind, in milliseconds. */
export type Absences = Record<Fault, number[]>;

export interface ChaosVerdict extends Verdict {
  readonly faults: Readonly<Record<Fault, number>>;
  /** Stored by a tab, and by the correspondent. */
  readonly sent: number;
  readonly received: number;
  readonly streams: { readonly bound: number; readonly resumed: number };
  readonly absences: Absences;
}

export const faultKinds = ["close", "freeze", "reload", "crash"] as const;
export type Fault = (typeof faultKinds)[number];

const count = <T>(make: () => T): Record<Fault, T> => ({ close: make(), freeze: make(), reload: make(), crash: make() });
const delay = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Milliseconds for everything to come to rest at the end. */
const restMsMax = 90_000;

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
  // One each, so that the faults of a seed are the same however fast the machine is.
  readonly #faultChance: Chance;
  readonly #sendChance: Chance;
  readonly #writeChance: Chance;
  readonly #tabs: AppTab[] = [];
  readonly #faults = count(() => 0);
  readonly #absences = count<number[]>(() => []);
  /** Texts that a tab has reported as stored, and that it was asked to send. */
  readonly #stored = new Set<string>();
  readonly #asked = new Set<string>();
  /** What the correspondent has written, has read, and why it could not. */
  readonly #written = new Set<string>();
  readonly #arrived: string[] = [];
  readonly #unreadable: string[] = [];
  readonly #sealed: Sealed[] = [];
  /** Codes with which tabs could not be opened. */
  readonly #unopened: string[] = [];
  /** When the renderer of a leader was ended or began anew; only leaders encrypt. */
  readonly #ends: number[] = [];
  #lastLeader: AppTab | undefined;
  /** The last fault of a leader that nobody has replaced yet. */
  #vacancy: { readonly fault: Fault; readonly since: number } | undefined;
  #over = false;

  constructor(stage: TabStage, options: ChaosOptions) {
    this.stage = stage;
    this.#options = options;
    this.#faultChance = new Chance(options.seed);
    this.#sendChance = new Chance(options.seed + 1);
    this.#writeChance = new Chance(options.seed + 2);
    stage.onReport = (tab, report) => { this.#heard(tab, report); };
  }

  async run(): Promise<ChaosVerdict> {
    const { seconds, tabs = 6 } = this.#options;
    for (let i = 0; i < tabs; i++) this.#tabs.push(await this.stage.tab());
    await Promise.all(this.#tabs.map(({ ready }) => ready));
    await this.#tabs[0]?.call("ready");
    const reading = this.#read();
    const end = Date.now() + seconds * 1_000;
    const busy = [this.#send(), this.#write()];
    while (Date.now() < end) {
      await delay(this.#faultChance.between(300, 1_500));
      await this.#strike();
    }
    this.#over = true;
    await Promise.all(busy);
    await this.#rest();
    const timelines = await Promise.all(this.#tabs.map((tab) => within(10_000, tab.shown(), undefined)));
    void reading;
    const { bound, resumed, departures, streams } = this.stage.watch;
    return {
      faults: this.#faults, sent: this.#stored.size, received: this.#written.size, streams: { bound, resumed }, absences: this.#absences,
      ...judge({
        asked: [...this.#asked], stored: [...this.#stored], written: [...this.#written], arrived: this.#arrived, unreadable: this.#unreadable, timelines,
        unopened: this.#unopened, uncaught: this.stage.browser.complaints, sealed: this.#sealed, departures, streams, ends: this.#ends, now: Date.now(),
      }),
    };
  }

  #heard(tab: AppTab, report: PageReport): void {
    if (report.kind === "encrypted") this.#sealed.push(report);
    else if (report.kind === "failed") this.#unopened.push(report.code);
    if (report.kind !== "leads") return;
    this.#lastLeader = tab;
    if (this.#vacancy !== undefined) {
      const { fault, since } = this.#vacancy;
      this.#vacancy = undefined;
      this.#absences[fault].push(report.at - since);
      this.#log(`${fault} of the leader: replaced after ${(report.at - since).toFixed(0)} ms`);
    }
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

  /** One fault, more often than not of the leader. */
  async #strike(): Promise<void> {
    await this.#replaceLost();
    const fault = this.#faultChance.one(faultKinds);
    const atLeader = this.#faultChance.between(1, 10) <= 6;
    const frozenMs = this.#faultChance.between(500, 6_500);
    if (this.#usable.length < 3) return; // somebody has to be there, or nobody would notice
    const leader = atLeader ? await this.#leader() : undefined;
    const tab = leader ?? this.#faultChance.one(this.#usable);
    this.#faults[fault] += 1;
    this.#log(`${fault}${leader === undefined ? "" : " of the leader"}`);
    if (leader !== undefined) this.#vacancy = { fault, since: Date.now() };
    if (fault === "freeze") {
      await tab.freeze();
      setTimeout(() => { tab.thaw().catch(() => undefined); }, frozenMs); // unless it is gone by then
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

  #noteEnd(tab: AppTab): void {
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
      this.#tabs[i] = await this.stage.tab();
    }
  }

  /** Any tab sends, all the while. */
  async #send(): Promise<void> {
    const under: Promise<void>[] = [];
    for (let n = 1; !this.#over; n++) {
      const text = `romeo ${n.toString()}`;
      this.#asked.add(text);
      const usable = this.#usable;
      if (usable.length > 0) under.push(this.#sendChance.one(usable).call("send", text).then(() => { this.#stored.add(text); }, () => undefined)); // the tab is gone: nobody knows
      await delay(this.#sendChance.between(100, 400));
    }
    await within(restMsMax, Promise.all(under).then(() => true), false);
  }

  /** The correspondent writes, all the while. */
  async #write(): Promise<void> {
    const conversation = this.stage.peer.conversation(this.stage.account);
    for (let n = 1; !this.#over; n++) {
      const text = `juliet ${n.toString()}`;
      await conversation.send({ text }).reached("stored");
      this.#written.add(text);
      await delay(this.#writeChance.between(150, 550));
    }
  }

  async #read(): Promise<void> {
    for await (const message of this.stage.peer.messages({ after: 0 })) {
      if (message.unreadable === undefined) this.#arrived.push(message.text);
      else this.#unreadable.push(message.unreadable);
    }
  }

  /** Until all that was sent has arrived everywhere. */
  async #rest(): Promise<void> {
    await this.#replaceLost();
    await Promise.all(this.#tabs.filter(({ frozen }) => frozen).map((tab) => tab.thaw().catch(() => undefined)));
    await this.#replaceLost();
    const end = Date.now() + restMsMax;
    const isAtRest = async (): Promise<boolean> => {
      const shown = await Promise.all(this.#tabs.map((tab) => within(5_000, tab.shown(), undefined)));
      const arrived = new Set(this.#arrived);
      return [...this.#stored].every((text) => arrived.has(text)) && shown.every((messages) => this.#isSettled(messages, arrived))
        && new Set(shown.map((messages) => JSON.stringify(messages))).size === 1;
    };
    while (Date.now() < end && !(await isAtRest())) await delay(500);
  }

  /** Whether a tab shows everything that was written to it, and nothing of its own that has yet to go or to arrive. */
  #isSettled(messages: readonly ShownMessage[] | undefined, arrived: ReadonlySet<string>): boolean {
    const texts = new Set(messages?.map(({ text }) => text));
    return [...this.#written].every((text) => texts.has(text))
      && messages?.every(({ text, state }) => state === undefined || (state !== "stored" && state !== "sealed" && arrived.has(text))) === true;
  }
}

/** `work`, or `otherwise` if it fails or takes too long. */
async function within<T, E>(ms: number, work: Promise<T>, otherwise: E): Promise<T | E> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<E>((resolve) => { timer = setTimeout(() => { resolve(otherwise); }, ms); });
  try {
    return await Promise.race([work.catch(() => otherwise), late]);
  } finally {
    clearTimeout(timer);
  }
}
