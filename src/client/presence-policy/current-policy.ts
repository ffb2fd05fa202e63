/**
 * The policy as an application reads it back and watches it. One thing to subscribe to: it changes with all that it says, and whenever what
 * somebody sees of us may have changed, which it does not say itself (`effective`).
 * Not here: what is in force and why (policy-announcer.ts), when it is touched (standing.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { Emitter, type Observable, type Unsubscribe } from "../../base/events.js";
import { effectiveDelayMs } from "../../base/limits.js";
import { sameData } from "../../base/same-data.js";
import type { Contact } from "../roster/contact.js";
import type { Target } from "./plan.js";
import type { StoredPolicy } from "./policy-row.js";
import type { RuleBook } from "./rules.js";
import type { CurrentPolicy, PolicyLoss, PolicyResult, PolicyState } from "./types.js";

export interface CurrentPolicyDeps {
  readonly clock: Clock;
  /** The policy as it is now, for whoever watches it. */
  readonly read: () => CurrentPolicy | undefined;
  readonly onError: (error: unknown) => void;
}

/** See the module. The snapshot is the same object until something has changed; listeners are called at most once per turn. */
export class CurrentPolicyView implements Observable<CurrentPolicy | undefined> {
  readonly #d: CurrentPolicyDeps;
  readonly #changes: Emitter<undefined>;
  #value: CurrentPolicy | undefined;
  /** What listeners were called for. */
  #told: CurrentPolicy | undefined;
  #isStale = true;
  #isScheduled = false;
  #cancelLater: (() => void) | undefined;

  constructor(deps: CurrentPolicyDeps) {
    this.#d = deps;
    this.#changes = new Emitter(deps.onError);
  }

  getSnapshot = (): CurrentPolicy | undefined => {
    if (!this.#isStale) return this.#value;
    this.#isStale = false;
    const now = this.#d.read();
    if (!sameData(now, this.#value)) this.#value = now;
    return this.#value;
  };

  subscribe = (listener: () => void): Unsubscribe => this.#changes.subscribe(listener);

  /** What it says may have changed. `forced`: what somebody sees may have, too. */
  touch(forced: boolean = false): void {
    this.#isStale = true;
    if (forced) this.#value = undefined; // the next snapshot is another object even if it says the same
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      const value = this.getSnapshot();
      if (value === this.#told) return;
      this.#told = value;
      this.#changes.emit(undefined);
    });
  }

  /** Somebody came, and sees what he may. Told a little later: when a stream begins they all come at once, and each changes little. */
  soon(): void {
    this.#cancelLater ??= this.#d.clock.schedule(effectiveDelayMs, () => {
      this.#cancelLater = undefined;
      this.touch(true);
    });
  }

  /** Nothing more is told by itself. */
  end(): void {
    this.#cancelLater?.();
    this.#cancelLater = undefined;
  }
}

/** What no policy has a hold over. */
export const outsideOfAny: PolicyResult["outside"] = ["other-clients", "personal-events"];

/** What `stored` says at `now`. */
export function describePolicy({ rules, override, withoutPrivacyLists, book }: StoredPolicy, state: CurrentPolicy["state"], contacts: readonly Contact[], now: number): CurrentPolicy {
  return {
    rules, withoutPrivacyLists, ...(override === undefined || override.until <= now ? {} : { override }), state, outside: outsideOfAny,
    emptyGroups: emptyGroups(book, contacts),
  };
}

/** How it stands for whoever looks: events tell of beginnings and ends, this also of the way there. */
export function onTheWay(told: PolicyState, { online, running }: { readonly online: boolean; readonly running: boolean }): CurrentPolicy["state"] {
  if (told.kind === "none") return { kind: online ? "applying" : "waiting" };
  return told.kind === "in-force" && running ? { kind: "applying" } : told;
}

/** What is lost without privacy lists. */
export function lossesOf(lists: boolean, { broadcast }: Target): readonly PolicyLoss[] {
  if (lists) return [];
  return broadcast === undefined ? ["live-messages", "logins-unseen", "crash-leaves-presence"] : ["new-contacts-see-broadcast"];
}

/** The groups that the rules name and no contact is in. Without a single contact none is: the roster may not have been there yet. */
export function emptyGroups({ groups }: RuleBook, contacts: readonly Contact[]): readonly string[] {
  if (contacts.length === 0) return [];
  const used = new Set(contacts.flatMap((contact) => contact.groups));
  return [...groups.keys()].filter((group) => !used.has(group));
}
