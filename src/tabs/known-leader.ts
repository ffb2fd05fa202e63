/**
 * Who leads, as one tab knows it. Each leader's epoch is higher than all that were heard of before, so a tab that comes back late is told that its own
 * is over.
 * Not here: whether the lock agrees (election.ts), how tabs tell each other (leader-talk.ts).
 * @module
 */
import type { Wishes } from "./hub-messages.js";

/** A tab that leads, or says so. */
export interface Leader {
  readonly tab: string;
  readonly epoch: number;
}

/** What a tab says that it leads. */
export interface LeaderNews {
  readonly from: string;
  readonly epoch: number;
  readonly wishes: Wishes;
}

/** See the module. */
export class KnownLeader {
  /** What a next leader has to open its host with. */
  wishes: Wishes = {};
  #present: Leader | undefined;
  #newest = 0;

  /** `undefined`: nobody that we know of. */
  get present(): Leader | undefined {
    return this.#present;
  }

  /** The newest epoch of the tabs that was heard of. */
  get newest(): number {
    return this.#newest;
  }

  /** Whether the one who leads says it. */
  isFrom({ from, epoch }: { readonly from: string; readonly epoch: number }): boolean {
    return this.#present?.tab === from && this.#present.epoch === epoch;
  }

  /** `tab` leads, which has the lock. @returns its epoch */
  begin(tab: string): number {
    this.#newest += 1;
    this.#present = { tab, epoch: this.#newest };
    return this.#newest;
  }

  /** Somebody says that he leads. @returns whether we knew, follow him from now on, or he is mistaken */
  hear(news: LeaderNews): "known" | "new" | "past" {
    const { from, epoch, wishes } = news;
    const known = this.isFrom(news);
    if (!known && epoch <= this.#newest) return "past";
    this.wishes = wishes;
    if (known) return "known";
    this.#present = { tab: from, epoch };
    this.#newest = epoch;
    return "new";
  }

  /** Somebody has heard of that epoch. */
  count(epoch: number): void {
    this.#newest = Math.max(this.#newest, epoch);
  }

  /** Whoever led does so no more. */
  forget(): void {
    this.#present = undefined;
  }
}
