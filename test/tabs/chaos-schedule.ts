/** Which faults a campaign has, by its seed, and what they have hit. Not here: how a tab is struck (chaos.ts). @module */
import { Chance } from "../faults/chance.js";

export const faultKinds = ["close", "freeze", "reload", "crash"] as const;
export type Fault = (typeof faultKinds)[number];

/** Something for each kind of fault. */
export const forEachKind = <T>(make: () => T): Record<Fault, T> => ({ close: make(), freeze: make(), reload: make(), crash: make() });

/** How often a kind of fault was done, and how often to who led. */
export interface Strikes {
  readonly all: number;
  readonly ofLeader: number;
}

/** One fault; whom it hits depends on who leads then. */
export interface Strike {
  readonly fault: Fault;
  readonly atLeader: boolean;
  readonly frozenMs: number;
}

/** First each kind hits a leader once; then anything comes. */
export class Schedule {
  readonly #chance: Chance;
  /** Kinds that have not hit a leader, in the order in which they are to. */
  readonly #owed: Fault[];
  readonly #done = forEachKind<{ all: number; ofLeader: number }>(() => ({ all: 0, ofLeader: 0 }));

  constructor(seed: number) {
    this.#chance = new Chance(seed);
    const left = [...faultKinds];
    this.#owed = faultKinds.map(() => left.splice(this.#chance.between(0, left.length - 1), 1)[0] as Fault);
  }

  /** Whether each kind has hit a leader. */
  get isCovered(): boolean {
    return this.#owed.length === 0;
  }

  get done(): Readonly<Record<Fault, Strikes>> {
    return this.#done;
  }

  /** Milliseconds to the next fault. */
  pauseMs(): number {
    return this.#chance.between(300, 1_500);
  }

  /** @param possible whether the present leader may have such a fault */
  next(possible: (fault: Fault) => boolean): Strike {
    const fault = this.#chance.one(faultKinds);
    const atLeader = this.#chance.between(1, 10) <= 6; // more often than not
    const frozenMs = this.#chance.between(500, 6_500);
    const owed = this.#owed.find(possible);
    return owed === undefined ? { fault, atLeader, frozenMs } : { fault: owed, atLeader: true, frozenMs };
  }

  one<T>(values: readonly T[]): T {
    return this.#chance.one(values);
  }

  struck(fault: Fault, ofLeader: boolean): void {
    this.#done[fault].all += 1;
    if (!ofLeader) return;
    this.#done[fault].ofLeader += 1;
    const at = this.#owed.indexOf(fault);
    if (at !== -1) this.#owed.splice(at, 1);
  }
}
