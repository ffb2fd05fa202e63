/**
 * Who leads: the holder of one lock. Everybody waits for it in the platform's own queue, so the next one leads in the moment in which the
 * holder is gone, however it went. One that does not answer can have it taken away; it hears of it when it runs again.
 * Spec: Web Locks, `steal`. Threats D10: two may believe to lead for a moment, and the store's fence decides.
 * Not here: when a lock is taken away (leader-watch.ts), what leading means (leadership.ts).
 * @module
 */
import type { TabNames } from "./channels.js";
import type { TabLocks } from "./platform.js";
import { ownedLock } from "./tab-locks.js";

export interface ElectionDeps {
  readonly locks: TabLocks;
  readonly names: TabNames;
  /** This tab's name. */
  readonly id: string;
  /** The lock is ours. */
  readonly won: () => void;
  /** It was taken away from us. */
  readonly lost: () => void;
}

/** One tab's part in the election. */
export class Election {
  readonly #d: ElectionDeps;
  /** Waiting in the queue. */
  #waiting: AbortController | undefined;
  /** Gives the lock back. */
  #release: (() => void) | undefined;
  /** Who held it when this tab wanted to take it away. */
  #former: string | undefined;
  /** Not even if it was asked for, and is granted later. */
  #retired = false;

  constructor(deps: ElectionDeps) {
    this.#d = deps;
  }

  /** Waits for the lock, unless it does or has it. */
  enter(): void {
    if (this.#waiting !== undefined || this.#release !== undefined) return;
    const waiting = new AbortController();
    this.#waiting = waiting;
    this.#request({ signal: waiting.signal }, () => !waiting.signal.aborted);
  }

  /**
   * Takes the lock away from `suspect`, or from whoever has it. Not if it has changed hands meanwhile, and only one tab at a time.
   * @param insist also beside another tab that began to, for that one may be frozen too; only from whoever held it the last time: many tabs may insist
   *   in the same moment, and whoever has it by then was not asked yet
   * @param still whether that is wanted still; asked last, when everything that waited in the queue of this tab was heard
   * @returns whether it was taken
   */
  async seize({ suspect, insist, still }: { readonly suspect: string | undefined; readonly insist: boolean; readonly still: () => boolean }): Promise<boolean> {
    const { locks, names } = this.#d;
    const former = this.#former;
    this.#former = await this.#clientOf(names.account);
    const take = async (): Promise<boolean> => {
      const holder = await this.#clientOf(names.account);
      if (insist && holder !== former) return false;
      if (holder !== undefined && suspect !== undefined && holder !== await this.#clientOf(names.alive(suspect))) return false;
      if (this.#release !== undefined || !still()) return false;
      await this.#steal();
      return this.#isHeld();
    };
    return insist ? take() : locks.request(names.thief, { ifAvailable: true }, async (lock) => (lock === null ? false : take()));
  }

  /** Whether the platform says that the lock is ours: it answers no page that is frozen. */
  async holds(): Promise<boolean> {
    const { names, id } = this.#d;
    if (this.#release === undefined) return false;
    const holder = await this.#clientOf(names.account);
    return holder !== undefined && holder === await this.#clientOf(names.alive(id)) && this.#isHeld();
  }

  /** Whether that tab's locks and ours are of one world. After "clear all data" Chromium's are not, though messages pass (0013). */
  async sees(tab: string): Promise<boolean> {
    return await this.#clientOf(this.#d.names.alive(tab)) !== undefined;
  }

  /** Never wants the lock again; keeps it if it has it. */
  retire(): void {
    this.#retired = true;
    this.#waiting?.abort();
    this.#waiting = undefined;
  }

  /** Gives the lock back, or waits for it no longer. */
  leave(): void {
    this.#waiting?.abort();
    this.#waiting = undefined;
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  #steal(): Promise<void> {
    this.#waiting?.abort();
    this.#waiting = undefined;
    return new Promise((resolve) => { this.#request({ steal: true }, () => true, resolve); });
  }

  #request(options: { readonly signal?: AbortSignal; readonly steal?: boolean }, wanted: () => boolean, ended?: () => void): void {
    const { locks, names, won, lost } = this.#d;
    let mine: (() => void) | undefined;
    const run = (): Promise<void> => new Promise<void>((release) => {
      if (this.#retired || !wanted() || this.#release !== undefined) {
        release();
        return;
      }
      mine = release;
      this.#release = release;
      this.#waiting = undefined;
      won();
      ended?.();
    });
    locks.request(names.account, options, run).catch(() => {
      // Taken away, or given up by ourselves before it was ours.
      if (mine === undefined || this.#release !== mine) return;
      this.#release = undefined;
      lost();
    }).finally(() => { ended?.(); });
  }

  async #clientOf(lock: string): Promise<string | undefined> {
    return ownedLock(await this.#d.locks.query(), lock)?.clientId;
  }

  #isHeld(): boolean {
    return this.#release !== undefined;
  }
}
