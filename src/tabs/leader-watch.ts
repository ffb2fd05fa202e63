/**
 * Is the leader there? Asked by a tab that somebody looks at, while it waits for an answer or when it comes into view: one message, one timer. A leader
 * that does not answer in time is frozen, and this tab takes over. When the leader is gone the next one is waited for without a message: a tab that only
 * reads waits for no answer, and has to notice by itself that the next in the queue for the lock is frozen.
 * Spec: Web Locks. Threats D10.
 * Not here: how the lock changes hands (election.ts), what is said of leaders, and how they answer (leader-talk.ts).
 * @module
 */
import type { Unsubscribe } from "../base/events.js";
import { leaderAnswerMsMax, leaderQuestionGapMs } from "../base/limits.js";
import type { TabNames } from "./channels.js";
import type { Election } from "./election.js";
import type { KnownLeader } from "./known-leader.js";
import type { LeaderTalk } from "./leader-talk.js";
import type { TabPlatform } from "./platform.js";
import { whenFree } from "./tab-locks.js";

export interface LeaderWatchDeps {
  readonly platform: Pick<TabPlatform, "clock" | "locks" | "visibility">;
  readonly names: TabNames;
  readonly election: Pick<Election, "seize">;
  readonly known: Pick<KnownLeader, "present">;
  readonly talk: Pick<LeaderTalk, "ask" | "askAll">;
  /** Whether this tab neither leads nor is closed. */
  readonly isFollowing: () => boolean;
}

/** A tab's eye on the leader that it follows. */
export class LeaderWatch {
  readonly #d: LeaderWatchDeps;
  readonly #stopLooking: Unsubscribe;
  #unwatch: Unsubscribe = () => undefined;
  /** See {@link Link.waiting}. */
  #waiting = false;
  /** While a question is open, or the next one is due. */
  #cancel: (() => void) | undefined;
  #answered = false;
  /** When the question that is open was asked. */
  #since = 0;
  /** How often in a row nobody has answered. */
  #silences = 0;

  constructor(deps: LeaderWatchDeps) {
    this.#d = deps;
    this.#stopLooking = deps.platform.visibility.onChange(() => { this.#ask(); });
  }

  /** See {@link Link.waiting}. */
  waiting(is: boolean): void {
    this.#waiting = is;
    if (is) this.#ask();
  }

  /** A leader has given a sign of life. It says nothing of the time after it, so whoever waits then asks again soon. */
  answered(): void {
    this.#silences = 0;
    if (this.#answered) return;
    this.#answered = true;
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#dueIn(this.#since + leaderQuestionGapMs - this.#d.platform.clock.monotonic());
  }

  /** This tab follows another leader than before, who has just said so: nothing of the former one is open, unless somebody waits for an answer. */
  follow(): void {
    const { known: { present }, names, platform: { locks } } = this.#d;
    this.#unwatch();
    if (!this.#waiting) this.#stop();
    if (present !== undefined) this.#unwatch = whenFree(locks, names.alive(present.tab), () => { this.gone(); });
  }

  /** Whoever led does so no more. The next leader says so unasked, unless the lock went to a tab that is frozen: only his silence counts. */
  gone(): void {
    if (this.#answered) this.#stop(); // what was open was answered by the one who is gone
    this.#begin();
  }

  /** This tab leads. */
  rest(): void {
    this.#unwatch();
    this.#stop();
  }

  close(): void {
    this.#stopLooking();
    this.rest();
  }

  /** Asks, if somebody looks and no question is open. */
  #ask(): void {
    if (this.#begin()) this.#d.talk.ask();
  }

  #begin(): boolean {
    const { platform: { clock, visibility }, isFollowing } = this.#d;
    if (this.#cancel !== undefined || !isFollowing() || !visibility.isVisible()) return false;
    this.#answered = false;
    this.#since = clock.monotonic();
    this.#dueIn(leaderAnswerMsMax);
    return true;
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#silences = 0;
  }

  #dueIn(ms: number): void {
    this.#cancel = this.#d.platform.clock.schedule(Math.max(0, ms), () => { this.#due(); });
  }

  #due(): void {
    this.#cancel = undefined;
    if (!this.#answered) {
      this.#silences += 1;
      this.#seize();
    }
    if (this.#waiting) this.#ask(); // the leader may be frozen in the middle of the work
  }

  #seize(): void {
    const { election, known, talk, isFollowing } = this.#d;
    const leader = known.present;
    const still = (): boolean => isFollowing() && !this.#answered && known.present === leader;
    // The second time all were asked: whoever has the lock does not answer, be it somebody who took it and froze before he said so.
    const insist = this.#silences > 1;
    election.seize({ suspect: insist ? undefined : leader?.tab, insist, still }).then(
      (taken) => {
        if (taken || !isFollowing()) return;
        talk.askAll(); // somebody else may lead by now
        this.#ask();
      },
      () => undefined, // a page that ends takes nothing
    );
  }
}
