/**
 * A tab's eye on the leader that it follows: it notices when that one is gone, has it asked whether it is there, and takes over from whoever is
 * silent. A tab that only reads waits for no answer, so it has to notice by itself that the next in the queue for the lock is frozen.
 * Spec: Web Locks. Threats D10.
 * Not here: when a question is due (question.ts), how the lock changes hands (election.ts), what is said of leaders (leader-talk.ts).
 * @module
 */
import type { Unsubscribe } from "../base/events.js";
import type { TabNames } from "./channels.js";
import type { Election } from "./election.js";
import type { KnownLeader } from "./known-leader.js";
import type { LeaderTalk } from "./leader-talk.js";
import type { TabPlatform } from "./platform.js";
import { Question } from "./question.js";
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

/** See the module. */
export class LeaderWatch {
  readonly #d: LeaderWatchDeps;
  readonly #question: Question;
  readonly #stopLooking: Unsubscribe;
  #unwatch: Unsubscribe = () => undefined;

  constructor(deps: LeaderWatchDeps) {
    const { platform: { clock, visibility }, talk, isFollowing } = deps;
    this.#d = deps;
    this.#question = new Question({
      clock,
      mayAsk: () => isFollowing() && visibility.isVisible(),
      ask: () => { talk.ask(); },
      unanswered: (times) => { this.#seize(times); },
    });
    this.#stopLooking = visibility.onChange(() => { this.#question.ask(); });
  }

  /** See {@link Link.waiting}. */
  waiting(is: boolean): void {
    this.#question.waiting(is);
  }

  /** The leader has given a sign of life. */
  answered(): void {
    this.#question.answered();
  }

  /** This tab follows another leader than before, who has just said so. */
  follow(): void {
    const { known: { present }, names, platform: { locks } } = this.#d;
    this.#unwatch();
    this.#question.settled();
    if (present !== undefined) this.#unwatch = whenFree(locks, names.alive(present.tab), () => { this.gone(); });
  }

  /** Whoever led does so no more: the next leader says so unasked, unless the lock went to a tab that is frozen. */
  gone(): void {
    this.#question.expect();
  }

  /** This tab leads. */
  rest(): void {
    this.#unwatch();
    this.#question.stop();
  }

  close(): void {
    this.#stopLooking();
    this.rest();
  }

  #seize(times: number): void {
    const { election, known, talk, isFollowing } = this.#d;
    const leader = known.present;
    const still = (): boolean => isFollowing() && this.#question.isUnanswered && known.present === leader;
    // The second time all were asked: whoever has the lock does not answer, be it somebody who took it and froze before he said so.
    const insist = times > 1;
    election.seize({ suspect: insist ? undefined : leader?.tab, insist, still }).then(
      (taken) => {
        if (taken || !isFollowing()) return;
        talk.askAll(); // somebody else may lead by now
        this.#question.ask();
      },
      () => undefined, // a page that ends takes nothing
    );
  }
}
