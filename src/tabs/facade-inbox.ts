/**
 * The inbox of a tab. Handlers run here; under a new leader the inbox is opened again and goes on. A handler that is running, or has come to
 * its end without anybody having said that this is settled, is not called again for the same message: its outcome is handed in again. One that no
 * leader was told yet is the same attempt, whoever leads. A leader that hands the message out though it was told that outcome could not settle it, such
 * as a reply that cannot be sent: then the handler is called again. So it is by the next leader if it has failed: that is what another attempt is for.
 * Not here: what is handed out (facade-delivery.ts), the leader's side (served-inbox.ts).
 * @module
 */
import { UsageError } from "../base/errors.js";
import { inboxOutcomesMax } from "../base/limits.js";
import { textContent } from "../client/draft.js";
import { type AnySottoError, asSottoError } from "../client/errors.js";
import { checkedReplies } from "../client/inbox/replies.js";
import type { Inbox, InboxDelivery, InboxHandler, ProcessOptions } from "../client/inbox/types.js";
import type { Message } from "../client/message.js";
import type { Calls } from "./calls.js";
import { RemoteDelivery } from "./facade-delivery.js";
import type { HostFrame, OutgoingDraft, WireDelivery } from "./frames.js";
import { remoteReader } from "./reader.js";
import type { Sends } from "./sends.js";
import { fromWire, toWire, type WireError } from "./wire.js";

interface Process {
  readonly handler: InboxHandler;
  readonly options: ProcessOptions;
  /** Only those handlers are waited for that are running. */
  stopping: boolean;
  readonly resolve: () => void;
  readonly reject: (error: AnySottoError) => void;
}

/** The last handler of a conversation. */
interface Handled {
  readonly position: number;
  /** Of the message: after a loss of the store another one has its position. */
  readonly receivedAt: number;
  readonly outcome: Promise<Outcome>;
  failed: boolean;
  /** Which leader was told, the last one of them. */
  toldIn?: number;
}

/** What became of a handler. */
type Outcome = { readonly replies?: readonly OutgoingDraft[] } | { readonly error: WireError };

/** The last inbox that a facade has closed, until its leader knows. */
const closings = new WeakMap<Calls, Promise<unknown>>();

/** One consumer, as long as nobody closes it. */
export class RemoteInbox implements Inbox {
  readonly #calls: Calls;
  readonly #sends: Sends;
  readonly #stop: () => void;
  readonly #processes = new Map<number, Process>();
  /** The last handler of each conversation, running or done; the newest stand last. */
  readonly #outcomes = new Map<string, Handled>();
  readonly #ends = new Set<() => void>();
  /** Calls of {@link process} that have not ended. */
  readonly #running = new Set<Promise<void>>();
  #isOpen = false;
  #closed = false;
  /** No leader says anything to it any more. */
  #over = false;

  private constructor(calls: Calls, sends: Sends) {
    this.#calls = calls;
    this.#sends = sends;
    this.#stop = calls.follow({
      begin: () => { if (this.#isOpen) this.#begin(); },
      take: (frame) => { this.#take(frame); },
      end: (error) => { this.#end(error.code === "ERR_CLOSED" ? undefined : error); },
    });
  }

  /** Waits for the handlers of one that this tab has closed. @throws ClientError `ERR_INBOX_BUSY` */
  static async open(calls: Calls, sends: Sends): Promise<RemoteInbox> {
    await closings.get(calls);
    const inbox = new RemoteInbox(calls, sends);
    try {
      await inbox.#ask("open", []);
      inbox.#isOpen = true;
      return inbox;
    } catch (error) {
      inbox.#stop();
      throw error;
    }
  }

  process(handler: InboxHandler, options: ProcessOptions = {}): Promise<void> {
    const { signal } = options;
    if (this.#closed) return Promise.resolve();
    if (typeof handler !== "function") return Promise.reject(new UsageError("ERR_INVALID_ARGUMENT", "process needs a handler: without one every message would go aside"));
    if (signal?.aborted === true) return Promise.resolve();
    const running = new Promise<void>((resolve, reject) => {
      const id = this.#calls.newId();
      const stop = (): void => {
        const process = this.#processes.get(id);
        if (process === undefined) return;
        process.stopping = true;
        this.#calls.tell({ kind: "abort", id });
        if (this.#over) this.#afterHandlers(process); // else the leader says when it is done
      };
      const settle = (how: () => void): void => {
        this.#processes.delete(id);
        this.#ends.delete(stop);
        this.#running.delete(running);
        signal?.removeEventListener("abort", stop);
        how();
      };
      this.#processes.set(id, { handler, options, stopping: false, resolve: () => { settle(resolve); }, reject: (error) => { settle(() => { reject(error); }); } });
      this.#ends.add(stop);
      signal?.addEventListener("abort", stop);
      this.#serve(id, options);
    });
    this.#running.add(running);
    return running;
  }

  async deadLetters(): Promise<readonly Message[]> {
    return await this.#ask("deadLetters", []) as readonly Message[];
  }

  async retryDeadLetter(position: number): Promise<void> {
    await this.#ask("retryDeadLetter", [position]);
  }

  [Symbol.asyncIterator](): AsyncIterator<InboxDelivery> {
    const reader = remoteReader<WireDelivery>(this.#calls, { from: () => ({ of: "inbox" }) });
    const end = (): void => { void reader.return?.(); };
    this.#ends.add(end);
    if (this.#closed) end();
    return {
      next: async () => {
        const item = await reader.next();
        return item.done === true ? { done: true, value: undefined } : { done: false, value: new RemoteDelivery(item.value, this.#calls, this.#sends) };
      },
      return: () => {
        end();
        this.#ends.delete(end);
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const end of [...this.#ends]) end();
    const close = (): Promise<unknown> => {
      this.#stop();
      return this.#ask("close", []).catch(() => undefined); // a leader that is gone has closed it
    };
    // Not before: what comes of handlers that are running counts, and nobody else gets their messages meanwhile.
    closings.set(this.#calls, this.#running.size === 0 ? close() : Promise.allSettled(this.#running).then(close));
  }

  #ask(method: string, args: readonly unknown[]): Promise<unknown> {
    return this.#calls.ask({ part: "inbox" }, method, args);
  }

  /** Another leader: whoever gets the inbox first has it. */
  #begin(): void {
    if (!this.#closed) this.#calls.tell({ kind: "call", id: this.#calls.newId(), on: { part: "inbox" }, method: "open", args: [this.#untold()] });
    for (const [id, process] of this.#processes) {
      if (process.stopping) this.#afterHandlers(process);
      else this.#serve(id, process.options);
    }
  }

  /** Messages whose outcome nobody was told yet: a former leader has counted that attempt. */
  #untold(): readonly number[] {
    return [...this.#outcomes.values()].filter(({ toldIn }) => toldIn === undefined).map(({ position }) => position);
  }

  #afterHandlers({ resolve }: Process): void {
    void Promise.all([...this.#outcomes.values()].map(({ outcome }) => outcome)).then(resolve);
  }

  #serve(id: number, { attemptsMax, concurrency }: ProcessOptions): void {
    this.#calls.tell({ kind: "process", id, options: { ...(attemptsMax === undefined ? {} : { attemptsMax }), ...(concurrency === undefined ? {} : { concurrency }) } });
  }

  #end(error: AnySottoError | undefined): void {
    this.#closed = true;
    this.#over = true;
    this.#stop();
    if (error !== undefined) for (const { reject } of [...this.#processes.values()]) reject(error);
    for (const end of [...this.#ends]) end();
  }

  #take(frame: HostFrame): void {
    if (frame.kind === "delivery") this.#handle(frame).catch(() => undefined); // its outcome says what went wrong
    else if (frame.kind === "result") this.#processes.get(frame.id)?.resolve();
    else if (frame.kind === "error") this.#processes.get(frame.id)?.reject(fromWire(frame.error));
  }

  async #handle({ process, message, attempt }: Extract<HostFrame, { kind: "delivery" }>): Promise<void> {
    const { position, conversation, receivedAt } = message;
    const known = this.#outcomes.get(conversation);
    const handler = this.#processes.get(process)?.handler;
    if (handler === undefined) return;
    const { session } = this.#calls;
    const counts = known?.position === position && known.receivedAt === receivedAt && (known.toldIn === undefined || (known.toldIn !== session && !known.failed));
    const delivery = new RemoteDelivery({ message, attempt }, this.#calls, this.#sends);
    const handled: Handled = counts ? known : { position, receivedAt, failed: false, outcome: this.#run(handler, delivery) };
    this.#outcomes.delete(conversation);
    this.#outcomes.set(conversation, handled);
    for (const oldest of [...this.#outcomes.keys()].slice(0, Math.max(0, this.#outcomes.size - inboxOutcomesMax))) this.#outcomes.delete(oldest);
    const made = await handled.outcome;
    handled.failed = "error" in made;
    if (this.#calls.session !== session) return; // the leader of now hands the message out itself
    handled.toldIn = session;
    this.#calls.tell({ kind: "handled", position, ...made });
  }

  async #run(handler: InboxHandler, delivery: RemoteDelivery): Promise<Outcome> {
    try {
      const replies = checkedReplies(await handler(delivery) ?? []); // from JavaScript it may be anything
      for (const draft of replies) textContent(draft); // what is no text might not even get to the leader
      return { replies: this.#sends.drafts(replies) };
    } catch (error) {
      return { error: toWire(asSottoError(error)) };
    }
  }
}
