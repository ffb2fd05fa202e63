/**
 * When the server is asked for evidence of what it has, and how a dead link is found.
 * After 10 stanzas or 1 s at the latest, whatever else goes on (threats Q10); at once behind a message when no question is open, so that
 * a sender who waits for each message is not slowed down. An unanswered question ends the link, a quiet link is probed (threats N19).
 * Spec: XEP-0198 section 4. Not here: what is asked - `<r/>` or a ping (managed-stream.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { ackAnswerBusyMs, ackAnswerMs, ackDelayMsMax, ackStanzasMax, linkProbeMs, resumedAnswerMs, slowLinkBytesPerSecond } from "../../base/limits.js";

/** What an {@link Evidence} needs. Times are in milliseconds. */
export interface EvidenceOptions {
  readonly clock: Clock;
  /** Asks. */
  readonly ask: () => void;
  /** A question stayed unanswered: the link is dead. `proven`: false if none was answered yet where that was to be proven. */
  readonly dead: (proven: boolean) => void;
  /** False where an earlier session goes on: does the server read what comes on this connection (failed-resumption.ts)? */
  readonly proven: boolean;
  /** At most one open question. */
  readonly single: boolean;
  /** After this time without a sign of life the server is asked; default `linkProbeMs`. */
  readonly probeMs?: number | undefined;
  /** When a piece came of something that is not complete yet. */
  readonly progressAt?: () => number | undefined;
}

/** Asks in time. */
export class Evidence {
  readonly #o: EvidenceOptions;
  readonly #probeMs: number;
  /** Stanzas written since the last question. */
  #unasked = 0;
  /** Bytes written since the last question. */
  #bytes = 0;
  /** The open questions, oldest first: bytes between each and the one before. */
  readonly #open: number[] = [];
  /** Somebody waits for evidence of one of them. */
  #eager = false;
  #proven: boolean;
  #heard: number;
  #over = false;
  #cancelDelay: (() => void) | undefined;
  #cancelDeadline: (() => void) | undefined;
  #cancelProbe: () => void = () => undefined;

  constructor(options: EvidenceOptions) {
    this.#o = options;
    this.#proven = options.proven;
    this.#probeMs = options.probeMs ?? linkProbeMs;
    this.#heard = options.clock.monotonic();
    this.#probe(this.#probeMs);
  }

  /** Asks at once. */
  ask(): void {
    this.#unasked = 0;
    this.#eager = false;
    this.#cancelDelay?.();
    this.#cancelDelay = undefined;
    this.#open.push(this.#bytes);
    this.#bytes = 0;
    this.#o.ask();
    if (this.#cancelDeadline === undefined && !this.#over) this.#await();
  }

  /** A stanza of so many bytes was written; `eager`: somebody waits for the evidence. */
  sent(bytes: number, eager: boolean): void {
    this.#unasked++;
    this.#bytes += bytes;
    if (this.#unasked >= ackStanzasMax && this.#mayAsk) {
      this.ask();
      return;
    }
    this.#cancelDelay ??= this.#o.clock.schedule(ackDelayMsMax, () => { this.#due(); });
    if (!eager) return;
    this.#eager = true;
    queueMicrotask(() => { this.#askEagerly(); }); // behind everything that is written in this turn
  }

  /** An answer came. */
  answered(): void {
    this.#proven = true;
    this.#open.shift();
    this.#cancelDeadline?.();
    this.#cancelDeadline = undefined;
    if (this.#open.length > 0) this.#await();
    else this.#askEagerly();
  }

  /** Anything came. */
  heard(): void {
    this.#heard = this.#o.clock.monotonic();
  }

  /** No timer is left. */
  stop(): void {
    this.#over = true;
    this.#cancelDelay?.();
    this.#cancelDeadline?.();
    this.#cancelProbe();
  }

  get #mayAsk(): boolean {
    return !this.#o.single || this.#open.length === 0;
  }

  #due(): void {
    this.#cancelDelay = undefined;
    if (this.#mayAsk) this.ask(); // else the answer to the open question asks the next one: pings are for messages, which are eager
  }

  #askEagerly(): void {
    if (this.#eager && this.#open.length === 0) this.ask();
  }

  // Servers that limit rates read slowly: what lies before the oldest question gets its time too. So does what the answer queues behind on a slow link.
  // `asked`: when the question was written; `quietFrom`: since when nothing has been heard that would count for it.
  #await(asked = this.#o.clock.monotonic(), quietFrom = asked): void {
    const { clock, dead, progressAt } = this.#o;
    const answerMs = (this.#proven ? ackAnswerMs : resumedAnswerMs) + Math.ceil((1000 * (this.#open[0] ?? 0)) / slowLinkBytesPerSecond);
    this.#cancelDeadline = clock.schedule(quietFrom + answerMs - clock.monotonic(), () => {
      // What is arriving has a deadline of its own (connection/stanza-deadline.ts), and the answer queues behind it.
      if ((progressAt?.() ?? quietFrom) > quietFrom) this.#await();
      else if (this.#heard > quietFrom && clock.monotonic() - asked < ackAnswerBusyMs) this.#await(asked, this.#heard);
      else dead(this.#proven);
    });
  }

  #probe(delayMs: number): void {
    this.#cancelProbe = this.#o.clock.schedule(delayMs, () => {
      const silentMs = this.#o.clock.monotonic() - this.#heard;
      if (silentMs >= this.#probeMs && this.#open.length === 0) this.ask();
      if (!this.#over) this.#probe(silentMs >= this.#probeMs ? this.#probeMs : this.#probeMs - silentMs);
    });
  }
}
