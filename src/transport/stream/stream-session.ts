/**
 * What outlives a connection: the identity of a session of XEP-0198, its counters and what the server has not acknowledged.
 * Spec: XEP-0198 sections 4 and 5. Counters go on beyond 2^32 (counters.ts).
 * Threats Q12, H03: the resumption id is a secret and stands in no property that printing, JSON or cloning would reach.
 * Not here: what is said when (managed-stream.ts), how a session begins (establish.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import type { FullJid } from "../../base/jid.js";
import type { XmlElement } from "../../base/xml.js";
import { OutboundQueue } from "./outbound-queue.js";

/** What survives a restart of the process. The id is a secret: store it like a key (threats Q12). */
export interface ResumptionState {
  readonly id: string;
  readonly jid: FullJid;
  /** Stanzas received in this session whose effect is durable. */
  readonly inbound: number;
  /** Stanzas sent that the server is known to have handled: from here on the `h` of `<resumed/>` is read beyond 2^32. Default 0. */
  readonly acknowledged?: number;
  /** Seconds for which the server keeps the session without a connection. */
  readonly maxSeconds?: number;
  /** Where the server prefers to be asked for the session: `host`, `host:port`, `[address]:port`. A wish; it weakens no check. */
  readonly location?: string;
}

/** One session, from `<enabled/>` or a restored state to its end. */
export class StreamSession {
  readonly #identity: Omit<ResumptionState, "inbound" | "acknowledged">;
  readonly #queue: OutboundQueue;
  #restored: boolean;
  #inbound: number;
  #start: number;
  #ledger: { readonly handled: number } | undefined;
  #usable = true;
  #features: XmlElement | undefined;

  /** @internal Use {@link StreamSession.restore}. */
  constructor(state: ResumptionState, restored: boolean) {
    const { inbound, acknowledged = 0, ...identity } = state;
    if (![inbound, acknowledged].every((count) => Number.isSafeInteger(count) && count >= 0)) throw new UsageError("ERR_INVALID_ARGUMENT", "not a count of stanzas");
    this.#identity = identity;
    this.#inbound = inbound;
    this.#start = inbound;
    this.#queue = new OutboundQueue(acknowledged, true);
    this.#restored = restored;
  }

  /**
   * A session of an earlier process: nothing is queued, and the outbound counter is what `<resumed/>` says.
   * @throws UsageError `ERR_INVALID_ARGUMENT` for counts that are none
   */
  static restore(state: ResumptionState): StreamSession {
    return new StreamSession(state, true);
  }

  /** For persisting. Holds the secret. */
  get state(): ResumptionState {
    return { ...this.#identity, inbound: this.#inbound, acknowledged: this.#queue.acknowledged };
  }

  /** The address that the session is bound to. */
  get jid(): FullJid {
    return this.#identity.jid;
  }

  /** The last sequence given out. */
  get outbound(): number {
    return this.#queue.outbound;
  }

  /** Stanzas of ours that the server has handled. */
  get acknowledged(): number {
    return this.#queue.acknowledged;
  }

  /**
   * @internal For a sender that recovers by itself: the numbers of stanzas up to this are with the server, those above are void, since the session
   * was taken up again. `undefined` if that has not happened since the last call.
   */
  takeRecalled(): number | undefined {
    return this.#queue.takeRecalled();
  }

  /** @internal Stanzas received whose effect is durable. */
  get inbound(): number {
    return this.#inbound;
  }

  /** @internal Stanzas received that may be acknowledged, durable or not. */
  get handled(): number {
    return Math.max(this.#inbound, this.#ledger?.handled ?? 0);
  }

  /** @internal The `h` that was last asked with: what comes next is counted from there. */
  get start(): number {
    return this.#start;
  }

  /** @internal */
  get queue(): OutboundQueue {
    return this.#queue;
  }

  /** @internal True until this process has resumed it: what was sent before is not known. */
  get restored(): boolean {
    return this.#restored;
  }

  /** @internal False once the server has said something impossible about it; then it is not resumed. */
  get usable(): boolean {
    return this.#usable;
  }

  /** @internal Stream features of its latest connection: one that is resumed within SASL 2 has none of its own. */
  get features(): XmlElement | undefined {
    return this.#features;
  }

  set features(features: XmlElement | undefined) {
    this.#features = features;
  }

  /** @internal The server is asked to go on behind what is durable now; returns that count. */
  begin(): number {
    this.#start = this.#inbound;
    return this.#start;
  }

  /** @internal Counts the latest connection. */
  countWith(ledger: { readonly handled: number }): void {
    this.#ledger = ledger;
  }

  /** @internal The server has told how much was sent. */
  known(): void {
    this.#restored = false;
  }

  /** @internal `h` is durable now. */
  saved(h: number): void {
    this.#inbound = Math.max(this.#inbound, h);
  }

  /** @internal */
  abandon(): void {
    this.#usable = false;
  }

  /** Without the secret. */
  toJSON(): object {
    return { jid: this.jid, inbound: this.#inbound, outbound: this.outbound, acknowledged: this.acknowledged };
  }
}
