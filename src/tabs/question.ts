/**
 * Is the leader there? Asked by a tab that somebody looks at, while it waits for an answer or when it comes into view: one message, one timer.
 * When the leader is gone the next one is waited for without a message. A leader that does not answer in time is frozen, and this tab takes over.
 * Not here: how the lock changes hands (election.ts), how a leader answers (leader-talk.ts), who notices that a leader is gone
 * (leader-watch.ts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import { leaderAnswerMsMax, leaderQuestionGapMs } from "../base/limits.js";

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
  /** When the question that is open was asked. */
  #since = 0;
  #silences = 0;

  constructor(deps: QuestionDeps) {
    this.#d = deps;
  }

  /** See {@link Link.waiting}. */
  waiting(is: boolean): void {
    this.#waiting = is;
    if (is) this.ask();
  }

  /** Asks, if somebody looks and no question is open. */
  ask(): void {
    if (this.#begin()) this.#d.ask();
  }

  /** Whoever leads next says so unasked: only his silence counts. A hand-over among tabs that run costs no message. */
  expect(): void {
    if (this.#answered) this.stop(); // what was open was answered by the one who is gone
    this.#begin();
  }

  /** There is another leader, who has just been heard: nothing of the former one is open, unless somebody waits for an answer. */
  settled(): void {
    if (!this.#waiting) this.stop();
  }

  /** Whether a question was sent and nobody has answered it. */
  get isUnanswered(): boolean {
    return !this.#answered;
  }

  /** A leader has given a sign of life. It says nothing of the time after it, so whoever waits then asks again soon. */
  answered(): void {
    this.#silences = 0;
    if (this.#answered) return;
    this.#answered = true;
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#dueIn(this.#since + leaderQuestionGapMs - this.#d.clock.monotonic());
  }

  /** Nothing is asked any more, for now: this tab leads, or is closed. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#silences = 0;
  }

  #begin(): boolean {
    if (this.#cancel !== undefined || !this.#d.mayAsk()) return false;
    this.#answered = false;
    this.#since = this.#d.clock.monotonic();
    this.#dueIn(leaderAnswerMsMax);
    return true;
  }

  #dueIn(ms: number): void {
    this.#cancel = this.#d.clock.schedule(Math.max(0, ms), () => { this.#due(); });
  }

  #due(): void {
    this.#cancel = undefined;
    if (!this.#answered) {
      this.#silences += 1;
      this.#d.unanswered(this.#silences);
    }
    if (this.#waiting) this.ask(); // the leader may be frozen in the middle of the work
  }
}
