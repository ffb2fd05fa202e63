/** The handle of one message on its way: states with their evidence (docs/decisions/0006-outbox.md). @module */
import { UsageError } from "../../base/errors.js";
import { Emitter, type Observable, type Unsubscribe } from "../../base/events.js";
import type { BareJid } from "../../base/jid.js";
import type { DeviceReport } from "../../session/outcome.js";
import type { AnySottoError } from "../errors.js";
import { until, type Verdict } from "../until.js";

/** How far a message is. Each is reported only on its evidence, and only forward: a receipt that comes before the server's acknowledgement skips `sent`. */
export type SendState =
  /** Handed in; not yet durable. */
  | "accepted"
  /** The plaintext is in the outbox, durable. It survives a crash from here on. */
  | "stored"
  /** Encrypted; final bytes and ratchet states are durable in one commit. It can no longer be cancelled. */
  | "sealed"
  /** The server has it: acknowledged by XEP-0198, answered by a ping behind it, or found in the archive. */
  | "sent"
  /** The addressee's device says that it has come. */
  | "delivered"
  /** The addressee's device says that it was shown. */
  | "displayed"
  /**
   * It will not be sent any more, or was refused; see `error`. The end of the handle: should the addressee say that he has what was refused, the message
   * in the log becomes `delivered`, and this stays.
   */
  | "failed";

/** States in the order in which a message walks through them. */
const order: readonly SendState[] = ["accepted", "stored", "sealed", "sent", "delivered", "displayed"];

/** A snapshot of one message's progress. */
export interface SendProgress {
  readonly state: SendState;
  /** It was found in our archive. May come late, or never on servers without one. */
  readonly archived: boolean;
  /** Of `delivered` and `displayed`: the news came inside the encryption. */
  readonly authenticated?: boolean;
  /** Why it failed. */
  readonly error?: AnySottoError;
  /** Why it has to wait; it is tried again without anybody's doing. */
  readonly obstacle?: AnySottoError;
  /** Which devices were encrypted for, which not, and why. Empty until the first attempt. */
  readonly report: readonly DeviceReport[];
}

/** What a pipeline learns about a message; `state` only moves forward. */
export interface SendNews {
  readonly state?: Exclude<SendState, "accepted" | "failed">;
  readonly archived?: boolean;
  readonly authenticated?: boolean;
  readonly obstacle?: AnySottoError;
  readonly report?: readonly DeviceReport[];
}

/**
 * What `send()` returns at once. Of the messages that have left, the client follows the newest 1,000 and those with a listener or a waiting
 * {@link SendHandle.reached}, 20,000 in all. Any other handle shows what it knew last, until it is asked: then it is followed again, and reads what
 * it has missed.
 */
export interface SendHandle extends Observable<SendProgress> {
  /** The message's id, in the local log and on the wire. */
  readonly id: string;
  readonly to: BareJid;
  /**
   * Resolves when the message has come at least as far as `state`. A handle that nobody asks never rejects. It waits also while the client is
   * offline or `stopped`, for the message does: `client.status` tells, and `client.ready()` rejects with the reason. A state that depends on the
   * addressee may never come; give a `signal`.
   * @throws the reason if the message failed; UsageError `ERR_INVALID_ARGUMENT` for another word than a state, `ERR_ABORTED` if `signal` aborts (its `cause` is what the message waits for, if
   *   anything), or if it has waited longest of more than 20,000 messages that have left; `ERR_CLOSED` when the client closes, StorageError when its
   *   store has ended: what was stored before is sent by the next run all the same.
   */
  reached(state: Exclude<SendState, "accepted" | "failed">, options?: { readonly signal?: AbortSignal | undefined }): Promise<SendProgress>;
  /**
   * Takes the message back: true if it will never leave, in which case the handle fails with `ERR_MESSAGE_CANCELLED`. False once it is
   * sealed: from then on it may be on the wire.
   */
  cancel(): Promise<boolean>;
}

/** An {@link Observable} whose functions need no object. */
interface Detached {
  readonly getSnapshot: () => SendProgress;
  readonly subscribe: (listener: () => void) => Unsubscribe;
}

/** The side of a handle that the pipeline moves. Small: thousands of them wait at a time. */
export class SendTracker implements SendHandle {
  readonly id: string;
  readonly to: BareJid;
  readonly #cancel: (id: string) => Promise<boolean>;
  readonly #onListenerError: ((error: unknown) => void) | undefined;
  #progress: SendProgress = { state: "accepted", archived: false, report: [] };
  #changes: Emitter<undefined> | undefined;
  #observable: Detached | undefined;
  /** Why no more news will come. */
  #end: Error | undefined;
  /** Has news come here again, after {@link park}. */
  #resume: (() => void) | undefined;

  constructor(id: string, to: BareJid, cancel: (id: string) => Promise<boolean>, onListenerError?: (error: unknown) => void) {
    this.id = id;
    this.to = to;
    this.#cancel = cancel;
    this.#onListenerError = onListenerError;
  }

  /** Can be called without its object, as user-interface libraries do; made when somebody asks. */
  get getSnapshot(): () => SendProgress {
    return (this.#observable ??= this.#observe()).getSnapshot;
  }

  /** As {@link SendTracker.getSnapshot}. */
  get subscribe(): (listener: () => void) => Unsubscribe {
    return (this.#observable ??= this.#observe()).subscribe;
  }

  /** Whether somebody waits for news. */
  get isWatched(): boolean {
    return (this.#changes?.size ?? 0) > 0;
  }

  /** Takes over what is new; a state behind the present one changes nothing. */
  advance(news: SendNews): void {
    const now = this.#progress;
    if (now.state === "failed") return;
    const { state = now.state, archived = now.archived, authenticated = now.authenticated, obstacle, report = now.report } = news;
    const further = order.indexOf(state) > order.indexOf(now.state);
    if (!further && archived === now.archived && authenticated === now.authenticated && obstacle === now.obstacle && report === now.report) return;
    this.#set({
      state: further ? state : now.state, archived, report,
      ...(authenticated === undefined ? {} : { authenticated }), ...(obstacle === undefined ? {} : { obstacle }),
    });
  }

  /** The end of the way; nothing changes it afterwards. */
  fail(error: AnySottoError, report?: readonly DeviceReport[]): void {
    const { state, archived, report: known } = this.#progress;
    if (state !== "failed") this.#set({ state: "failed", archived, error, report: report ?? known });
  }

  /** No more news will come: whoever waits hears why. Nothing is said about the message, which is where it is. */
  end(reason: Error): void {
    this.#end ??= reason;
    this.#changes?.emit(undefined);
  }

  /** No more news come here until somebody asks: then `resume` is called. Whoever waits now hears that it is over, and why. */
  park(resume: () => void, reason?: Error): void {
    const end = this.#end;
    if (this.isWatched) this.end(reason ?? tooMany());
    this.#end = end;
    this.#resume = resume;
  }

  /** From now on this one learns what `other` does, another handle on the same message: only that one is told. */
  mirror(other: SendTracker): void {
    let stop: Unsubscribe = () => undefined;
    const take = (): void => {
      const { state, error, ...rest } = other.#progress;
      this.advance({ ...rest, ...(state === "accepted" || state === "failed" ? {} : { state }) });
      if (error !== undefined) this.fail(error, rest.report);
      if (this.isWatched && other.#end === undefined) return;
      stop();
      this.park(() => { this.mirror(other); }, other.#end);
    };
    stop = other.subscribe(take);
    take();
  }

  cancel(): Promise<boolean> {
    return this.#cancel(this.id);
  }

  reached(state: Exclude<SendState, "accepted" | "failed">, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<SendProgress> {
    if (order.indexOf(state) < 1) return Promise.reject(new UsageError("ERR_INVALID_ARGUMENT", "there is no such state"));
    const judge = (now: SendProgress): Verdict<SendProgress> => {
      if (now.error !== undefined) return { error: now.error };
      if (order.indexOf(now.state) >= order.indexOf(state)) return { value: now };
      return this.#end === undefined ? undefined : { error: this.#end };
    };
    return until(this.#observe(), options.signal, judge, (now) => now.obstacle);
  }

  #observe(): Detached {
    return {
      getSnapshot: () => {
        this.#ask();
        return this.#progress;
      },
      subscribe: (listener) => {
        const stop = (this.#changes ??= new Emitter(this.#onListenerError)).subscribe(listener);
        this.#ask();
        return () => {
          stop();
          if (!this.isWatched) this.#changes = undefined;
        };
      },
    };
  }

  #ask(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  #set(progress: SendProgress): void {
    this.#progress = progress;
    this.#changes?.emit(undefined);
  }
}

const tooMany = (): UsageError => new UsageError("ERR_ABORTED", "too many handles wait at a time: this one has waited longest");
