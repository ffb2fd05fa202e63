/**
 * Calls that nobody has answered yet, across leaders: what changes nothing is asked again, and a change whose answer was lost is rejected, for nobody
 * knows whether it was made.
 * Spec: docs/decisions/0013-tabs-and-workers.md. Not here: whether there is a leader to ask (calls.ts), what travels how (surface-table.ts).
 * @module
 */
import { UsageError } from "../base/errors.js";
import { type AnySottoError, ClientError } from "../client/errors.js";
import type { FacadeFrame } from "./frames.js";
import { isWrite } from "./surface-table.js";

type CallFrame = Extract<FacadeFrame, { kind: "call" }>;

/** What a call comes to. */
type Outcome = { readonly value: unknown } | { readonly error: AnySottoError };

/** A call as it is asked. */
export interface Asked {
  readonly frame: CallFrame;
  /** The arguments for the second time, if they differ. */
  readonly again: readonly unknown[] | undefined;
  readonly signal: AbortSignal | undefined;
}

interface Call extends Asked {
  /** Under which leader, the last time; `undefined`: under none. */
  sentIn: number | undefined;
  readonly settle: (outcome: Outcome) => void;
}

/** By their numbers. */
export class OpenCalls {
  readonly #tell: (frame: FacadeFrame) => void;
  readonly #onSettled: () => void;
  readonly #calls = new Map<number, Call>();

  /** @param tell sends to the leader of now, if there is one; @param onSettled one less is open */
  constructor(tell: (frame: FacadeFrame) => void, onSettled: () => void) {
    this.#tell = tell;
    this.#onSettled = onSettled;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** @param session the leader that is asked at once; without one the next is @throws what the call comes to; UsageError `ERR_ABORTED` */
  async ask(asked: Asked, session: number | undefined): Promise<unknown> {
    const { signal, frame: { id } } = asked;
    if (signal?.aborted === true) throw aborted(signal);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#tell({ kind: "abort", id });
        settle({ error: aborted(signal) });
      };
      const settle = (outcome: Outcome): void => {
        if (!this.#calls.delete(id)) return;
        signal?.removeEventListener("abort", onAbort);
        this.#onSettled();
        if ("error" in outcome) reject(outcome.error);
        else resolve(outcome.value);
      };
      signal?.addEventListener("abort", onAbort);
      const call: Call = { ...asked, sentIn: undefined, settle };
      this.#calls.set(id, call);
      if (session !== undefined) this.#send(call, session);
    });
  }

  /** The leader has answered. */
  settle(id: number, outcome: Outcome): void {
    this.#calls.get(id)?.settle(outcome);
  }

  /** Whoever was asked is gone. */
  lose(): void {
    for (const { frame: { on, method }, sentIn, settle } of [...this.#calls.values()]) {
      if (sentIn !== undefined && isWrite(on.part, method)) settle({ error: lost() });
    }
  }

  /** Asks the leader of `session` what he was not asked: once, for while one is greeted others ask, too. */
  askAll(session: number): void {
    for (const call of [...this.#calls.values()]) this.#send(call, session);
  }

  /** Nobody answers any more, for now or ever. */
  giveUp(error: AnySottoError): void {
    for (const { settle } of [...this.#calls.values()]) settle({ error });
  }

  #send(call: Call, session: number): void {
    const { frame, again, sentIn } = call;
    if (sentIn === session) return;
    call.sentIn = session;
    this.#tell(sentIn === undefined || again === undefined ? frame : { ...frame, args: again });
  }
}

/** As without tabs: the signal's reason is kept as `cause`. */
const aborted = (signal: AbortSignal | undefined): UsageError => new UsageError("ERR_ABORTED", "the caller aborted", { cause: signal?.reason as unknown });
const lost = (): ClientError => new ClientError("ERR_LEADER_LOST", "the tab that did the work is gone; whether it was done is not known", { retryable: true });
