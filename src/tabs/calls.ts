/**
 * The facade's side of a link: whether there is a leader to speak to, and what each new one is told. Everything begins again with it: what is
 * watched, what was asked and not answered yet, whoever follows.
 * Spec: docs/decisions/0013-tabs-and-workers.md. Not here: calls across leaders (open-calls.ts), what is watched (watches.ts), what the answers
 * mean (facade.ts and its parts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import type { Unsubscribe } from "../base/events.js";
import { ClientError, type AnySottoError } from "../client/errors.js";
import { cloned, withoutSignal } from "./arguments.js";
import { type FacadeFrame, type Greeting, type HostFrame, type Place, protocolVersion, type Source } from "./frames.js";
import type { LeaderLink } from "./link.js";
import { OpenCalls } from "./open-calls.js";
import { type Sink, type Watch, Watches } from "./watches.js";
import { fromWire, unpack } from "./wire.js";

/** Something that begins again under each leader: frames to be sent first, and what is told. */
export interface Follower {
  /** The leader is there: sends what it must know. */
  readonly begin: () => void;
  /** A frame that may be this follower's. */
  readonly take: (frame: HostFrame) => void;
  /** Nothing is going to come, for now (another leader may) or any more. */
  readonly end: (error: AnySottoError) => void;
  /** True while an answer is waited for that should come at once. */
  readonly waits?: () => boolean;
}

/** `refused`: until another leader comes; `ended`, `closed`: for ever. */
type State = { readonly kind: "waiting" | "open" } | { readonly kind: "refused"; readonly error: AnySottoError } | Over;

interface Over {
  readonly kind: "ended" | "closed";
  readonly error: AnySottoError;
}

export interface CallsDeps {
  readonly link: LeaderLink;
  /** What a new leader is told. */
  readonly greeting: () => Greeting;
  /** Told whenever there is, or is no, leader to speak to; of one when he was told everything. */
  readonly onState: (state: State) => void;
  /** For whatever has listeners of the application: what one of them throws (threats H07). */
  readonly listenerFailed: (error: unknown) => void;
  readonly clock: Clock | undefined;
}

/** What is under way. */
export class Calls {
  /** See {@link CallsDeps}. */
  readonly listenerFailed: (error: unknown) => void;
  readonly #link: LeaderLink;
  readonly #stop: readonly Unsubscribe[] = [];
  readonly #calls: OpenCalls;
  readonly #followers = new Set<Follower>();
  readonly #greeting: () => Greeting;
  readonly #onState: (state: State) => void;
  readonly #watches: Watches;
  #state: State = { kind: "waiting" };
  #lastId = 0;
  #session = 0;

  constructor({ link, greeting, onState, listenerFailed, clock }: CallsDeps) {
    this.#link = link;
    this.listenerFailed = listenerFailed;
    const tell = (frame: FacadeFrame): void => { this.tell(frame); };
    const answered = (): void => { this.#answered(); };
    this.#calls = new OpenCalls(tell, answered);
    this.#watches = new Watches(tell, answered, clock);
    this.#greeting = greeting;
    this.#onState = onState;
    this.#stop = [
      link.onEpoch(() => { this.#begin(); }), link.onFrame((frame) => { this.#take(frame); }), link.onEnd((error) => { this.#end({ kind: "ended", error }); }),
    ];
    link.waiting(true);
  }

  get isOpen(): boolean {
    return this.#state.kind === "open";
  }

  /** A number that was not used before. */
  newId(): number {
    return ++this.#lastId;
  }

  /** @throws UsageError `ERR_CLOSED` */
  assertOpen(): void {
    if (this.#state.kind === "closed") throw this.#state.error;
  }

  /** Which leader is spoken to, as this tab counts them: another session with the same one counts, too. */
  get session(): number {
    return this.#session;
  }

  /** Why nothing can be asked; `undefined` if it can, now or with the next leader. */
  get refusal(): AnySottoError | undefined {
    return "error" in this.#state ? this.#state.error : undefined;
  }

  /** Whether nothing will be answered any more, by whichever leader. */
  get isOver(): boolean {
    return this.#state.kind === "ended" || this.#state.kind === "closed";
  }

  /** Why nothing will be answered any more; `undefined` while somebody may. */
  get end(): AnySottoError | undefined {
    return this.#state.kind === "ended" ? this.#state.error : undefined;
  }

  /**
   * Asks the leader, or the next one.
   * @param again the arguments for asking again, where they differ
   * @throws what the call throws; ClientError `ERR_LEADER_LOST` (retryable) for a change whose answer was lost; UsageError `ERR_CLOSED`, `ERR_ABORTED`,
   *   `ERR_INVALID_ARGUMENT` for what cannot leave this tab, such as functions
   */
  async ask(on: Place, method: string, args: readonly unknown[], again?: readonly unknown[]): Promise<unknown> {
    const { refusal } = this;
    if (refusal !== undefined) throw refusal;
    const { plain, signal, at } = withoutSignal(args);
    const frame = { kind: "call", id: this.newId(), on, method, args: cloned(plain), ...(at === undefined ? {} : { signal: at }) } as const;
    const answer = this.#calls.ask({ frame, again, signal }, this.isOpen ? this.#session : undefined);
    if (this.#calls.size > 0) this.#link.waiting(true); // not for one that was called off before
    return answer;
  }

  /** Follows a source under all leaders. @param source what to ask for, made anew each time */
  watch(source: () => Source, sink: Sink): Watch {
    const { refusal } = this;
    const watch = this.#watches.add(this.newId(), source, sink, refusal);
    if (refusal === undefined) this.#link.waiting(true);
    return watch;
  }

  /** Adds what begins again under each leader; at once, if there is one. */
  follow(follower: Follower): Unsubscribe {
    this.#followers.add(follower);
    if (this.isOpen) follower.begin();
    return () => { this.#followers.delete(follower); };
  }

  /** Sends a frame to the leader of now, if there is one. */
  tell(frame: FacadeFrame): void {
    if (this.isOpen) this.#link.send(frame);
  }

  /** A follower has begun to wait for something, or not any more. */
  review(waits: boolean): void {
    if (waits) this.#link.waiting(true);
    else this.#answered();
  }

  /** Ends everything; nothing is answered any more. */
  async close(error: AnySottoError): Promise<void> {
    if (this.#state.kind === "closed") return;
    this.tell({ kind: "bye" });
    this.#end({ kind: "closed", error });
    await this.#link.close();
  }

  #end(state: Over): void {
    for (const stop of this.#stop) stop();
    this.#become(state);
    this.#giveUp(state.error);
    this.#followers.clear();
    this.#watches.end();
  }

  /** Somebody else leads from now on. */
  #begin(): void {
    this.#session += 1;
    this.#watches.begin();
    this.#become({ kind: "waiting" });
    this.#calls.lose();
    this.#link.send({ kind: "hello", protocol: protocolVersion, ...this.#greeting() });
    this.#link.waiting(true);
  }

  #take(frame: HostFrame): void {
    switch (frame.kind) {
      case "hello":
        if (frame.protocol === protocolVersion) this.#open();
        else this.#refuse(frame.protocol);
        return;
      case "refused": this.#refuse(frame.protocol); return;
      case "result": this.#calls.settle(frame.id, { value: unpack(frame.value) }); break;
      case "error": this.#calls.settle(frame.id, { error: fromWire(frame.error) }); break;
      default: break; // about what is watched, or a follower's
    }
    this.#watches.take(frame);
    for (const follower of [...this.#followers]) follower.take(frame);
  }

  #open(): void {
    if (this.isOpen) return;
    this.#state = { kind: "open" };
    this.#watches.open();
    for (const follower of [...this.#followers]) follower.begin();
    this.#calls.askAll(this.#session);
    this.#onState(this.#state); // last: whoever hears of it may ask for something, and the leader knows by now what that is about
    this.#answered();
  }

  #refuse(theirs: number): void {
    const error = new ClientError("ERR_TAB_VERSION", "another tab runs another build of the application", { details: { protocol: protocolVersion, theirs } });
    this.#become({ kind: "refused", error });
    this.#giveUp(error);
  }

  #giveUp(error: AnySottoError): void {
    this.#calls.giveUp(error);
    this.#watches.giveUp(error);
    for (const follower of [...this.#followers]) follower.end(error);
    this.#answered();
  }

  #become(state: State): void {
    this.#state = state;
    this.#onState(state);
  }

  #answered(): void {
    if (this.#state.kind === "waiting" || this.#calls.size > 0) return;
    if (this.#watches.isWaiting || [...this.#followers].some(({ waits }) => waits?.() === true)) return;
    this.#link.waiting(false);
  }
}
