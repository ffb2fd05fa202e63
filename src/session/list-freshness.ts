/**
 * How long a device list needs no new look, and what ends that early. Who does not share his presence with us has no news pushed to us: that a
 * device writes which his list lacks is then the only sign of a new one. It is no proof of anything. It makes us look again, a few times at most,
 * and the list that is fetched decides.
 * Spec: docs/protocol.md 4.3; threats H06, L02, Q19. Lives no longer than the process. Not here: fetching (planner.ts), stored lists (device-list.ts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import type { BareJid } from "../base/jid.js";
import { freshDeviceListsMax, listDoubtsMax, listFreshMs } from "../base/limits.js";
import { remember } from "../base/recent.js";
import { RateLimit } from "./rate-limit.js";

/** One question for a list that is on its way. */
export interface ListLookup {
  readonly jid: BareJid;
  /** The answer may have been given before what made us doubt: it counts, but not as fresh. */
  outdated: boolean;
}

/** Which of the remembered lists are fresh. */
export class ListFreshness {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #since = new Map<BareJid, number>();
  readonly #lookups = new Set<ListLookup>();
  readonly #doubts: RateLimit;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
    this.#doubts = new RateLimit(clock, listDoubtsMax, listFreshMs);
  }

  /** Whether the list of `jid` needs no new look. */
  has(jid: BareJid): boolean {
    const since = this.#since.get(jid);
    return since !== undefined && this.#clock.monotonic() - since < listFreshMs;
  }

  /** The list has just been told by the account, or fetched with `lookup`, and needs no new look for `forMs` milliseconds. */
  renew(jid: BareJid, lookup?: ListLookup, forMs: number = listFreshMs): void {
    if (lookup?.outdated !== true) remember(this.#since, jid, this.#clock.monotonic() - listFreshMs + forMs, freshDeviceListsMax);
  }

  /** Runs `look` with a lookup that hears of doubts until its answer is settled. */
  async during<T>(jid: BareJid, look: (lookup: ListLookup) => Promise<T>): Promise<T> {
    const lookup: ListLookup = { jid, outdated: false };
    this.#lookups.add(lookup);
    try {
      return await look(lookup);
    } finally {
      this.#lookups.delete(lookup);
    }
  }

  /** Whether a doubt about the list of `jid` would change anything and is allowed now; if so, it counts. */
  mayDoubt(jid: BareJid): boolean {
    return (this.has(jid) || this.#lookupsOf(jid).length > 0) && this.#doubts.allow(jid);
  }

  /** The doubt was given up. */
  giveBack(jid: BareJid): void {
    this.#doubts.giveBack(jid);
  }

  /** The next plan looks again. */
  drop(jid: BareJid): void {
    this.#since.delete(jid);
    for (const lookup of this.#lookupsOf(jid)) lookup.outdated = true;
  }

  /** After a reconnect nothing is fresh. */
  clear(): void {
    this.#since.clear();
    for (const lookup of this.#lookups) lookup.outdated = true;
  }

  #lookupsOf(jid: BareJid): readonly ListLookup[] {
    return [...this.#lookups].filter((lookup) => lookup.jid === jid && !lookup.outdated);
  }
}
