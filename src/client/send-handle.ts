/** The handle of one message on its way: states with their evidence (design section 4). @module */
import type { BareJid } from "../base/jid.js";
import { UsageError } from "../base/errors.js";
import { type Observable, ObservableValue, type Unsubscribe } from "../base/events.js";
import type { DeviceReport } from "../session/outcome.js";
import type { AnySottoError } from "./errors.js";

/** How far a message is. Each is reported only on its evidence. */
export type SendState =
  /** Handed in; not yet durable. */
  | "accepted"
  /** The plaintext is in the outbox, durable. It survives a crash from here on. */
  | "stored"
  /** Encrypted; final bytes and ratchet states are durable in one commit. */
  | "sealed"
  /** The server answered a request that followed the message on the same stream, so it has taken the message. */
  | "sent"
  /** Known not to be deliverable; see `error`. */
  | "failed";

/** States in the order in which a message walks through them. */
const order: readonly SendState[] = ["accepted", "stored", "sealed", "sent"];

/** A snapshot of one message's progress. */
export interface SendProgress {
  readonly state: SendState;
  /** Why it failed. */
  readonly error?: AnySottoError;
  /** Which devices were encrypted for, which not, and why. Empty until sealed or failed. */
  readonly report: readonly DeviceReport[];
}

/** What `send()` returns at once. */
export interface SendHandle extends Observable<SendProgress> {
  /** The message's id, also inside its stanza. */
  readonly id: string;
  readonly to: BareJid;
  /**
   * Resolves when the message has come at least as far as `state`. A handle that nobody asks never rejects.
   * @throws the reason if the message failed; UsageError `ERR_ABORTED` if `signal` aborts.
   */
  reached(state: "stored" | "sealed" | "sent", options?: { readonly signal?: AbortSignal }): Promise<SendProgress>;
}

/** The side of a handle that the pipeline moves. */
export class SendTracker implements SendHandle {
  readonly id: string;
  readonly to: BareJid;
  readonly #progress = new ObservableValue<SendProgress>({ state: "accepted", report: [] });

  constructor(id: string, to: BareJid) {
    this.id = id;
    this.to = to;
  }

  getSnapshot = (): SendProgress => this.#progress.getSnapshot();

  subscribe = (listener: () => void): Unsubscribe => this.#progress.subscribe(listener);

  /** Moves forward; a state behind the present one changes nothing. */
  advance(state: Exclude<SendState, "failed">, report?: readonly DeviceReport[]): void {
    const now = this.getSnapshot();
    if (now.state === "failed" || order.indexOf(state) <= order.indexOf(now.state)) return;
    this.#progress.set({ state, report: report ?? now.report });
  }

  fail(error: AnySottoError, report?: readonly DeviceReport[]): void {
    const now = this.getSnapshot();
    if (now.state === "failed") return;
    this.#progress.set({ state: "failed", error, report: report ?? now.report });
  }

  reached(state: "stored" | "sealed" | "sent", options: { readonly signal?: AbortSignal } = {}): Promise<SendProgress> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const settle = (): boolean => {
        const now = this.getSnapshot();
        if (now.error !== undefined) reject(now.error);
        else if (order.indexOf(now.state) >= order.indexOf(state)) resolve(now);
        else if (signal?.aborted === true) reject(new UsageError("ERR_ABORTED", "waiting for a message was aborted"));
        else return false;
        return true;
      };
      if (settle()) return;
      const check = (): void => {
        if (!settle()) return;
        unsubscribe();
        signal?.removeEventListener("abort", check);
      };
      const unsubscribe = this.subscribe(check);
      signal?.addEventListener("abort", check);
    });
  }
}
