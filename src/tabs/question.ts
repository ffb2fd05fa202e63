/**
 * Is the leader there? Asked by a tab that somebody looks at, while it waits for an answer or when it comes into view: one message, one timer.
 * A leader that does not answer in time is frozen, and this tab takes over.
 * Not here: how the lock changes hands (election.ts), how a leader answers (leader-talk.ts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import { leaderAnswerMsMax } from "../base/limits.js";

export interface QuestionDeps {
  readonly clock: Clock;
  /** Whether this tab follows, and somebody looks at it. */
  readonly mayAsk: () => boolean;
  /** Sends the question. */
  readonly ask: () => void;
  /** Nobody has answered, for the `times`-th time in a row. */
  readonly unanswered: (times: number) => void;
}

/** One question at a time. */
export class Question {
  readonly #d: QuestionDeps;
  #waiting = false;
  #cancel: (() => void) | undefined;
  #answered = false;
  #silences = 0;

  constructor(deps: QuestionDeps) {
    this.#d = deps;
  }

  /** See {@link Link.waiting}. */
  waiting(is: boolean): void {
    this.#waiting = is;
    if (is) this.ask();
  }

  /** There is another leader to ask, or none. */
  goOn(): void {
    if (this.#waiting) this.ask();
  }

  /** Asks, if somebody looks and no question is open. */
  ask(): void {
    if (this.#cancel !== undefined || !this.#d.mayAsk()) return;
    this.#answered = false;
    this.#cancel = this.#d.clock.schedule(leaderAnswerMsMax, () => { this.#due(); });
    this.#d.ask();
  }

  /** Whether a question was sent and nobody has answered it. */
  get isUnanswered(): boolean {
    return !this.#answered;
  }

  /** A leader has given a sign of life. */
  answered(): void {
    this.#answered = true;
    this.#silences = 0;
  }

  /** Nothing is asked any more, for now: this tab leads, or is closed. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#silences = 0;
  }

  #due(): void {
    this.#cancel = undefined;
    if (!this.#answered) {
      this.#silences += 1;
      this.#d.unanswered(this.#silences);
    }
    this.goOn(); // the leader may be frozen in the middle of the work
  }
}
