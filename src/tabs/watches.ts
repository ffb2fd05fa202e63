/**
 * States and events that a tab follows: told once whole, then as they change, and asked for again of each leader.
 * Not here: calls (calls.ts), what is made of a state (mirror.ts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import type { Unsubscribe } from "../base/events.js";
import type { AnySottoError } from "../client/errors.js";
import type { FacadeFrame, HostFrame, Source } from "./frames.js";
import { Reopening } from "./reopening.js";
import { fromWire, unpack } from "./wire.js";

/** Takes what is told of a source. */
export interface Sink {
  readonly state?: (frame: Extract<HostFrame, { kind: "state" }>) => void;
  readonly event?: (event: unknown) => void;
  /** Nothing is going to come, for now or any more. */
  readonly over?: () => void;
}

/** A source that is watched. */
export interface Watch {
  readonly id: number;
  /** Resolves with the first state. @throws what the leader says if the source cannot be had */
  readonly ready: Promise<void>;
  readonly stop: Unsubscribe;
}

interface Watched {
  readonly source: () => Source;
  readonly sink: Sink;
  ready: boolean;
  readonly settle: (error?: AnySottoError) => void;
}

/** All that one tab watches. */
export class Watches {
  readonly #tell: (frame: FacadeFrame) => void;
  readonly #onSettled: () => void;
  readonly #watches = new Map<number, Watched>();
  readonly #reopening: Reopening<number>;

  /** @param tell sends to the leader of now, if there is one; @param onSettled one that was waited for is there, or will not be */
  constructor(tell: (frame: FacadeFrame) => void, onSettled: () => void, clock?: Clock) {
    this.#tell = tell;
    this.#onSettled = onSettled;
    this.#reopening = new Reopening((id) => {
      const watched = this.#watches.get(id);
      if (watched !== undefined) this.#ask(id, watched);
    }, clock);
  }

  /** Whether a first state is waited for. */
  get isWaiting(): boolean {
    return [...this.#watches.values()].some(({ ready }) => !ready);
  }

  /** @param refusal why nothing can be asked for now */
  add(id: number, source: () => Source, sink: Sink, refusal: AnySottoError | undefined): Watch {
    const ready = new Promise<void>((resolve, reject) => {
      const settle = (error?: AnySottoError): void => {
        watched.ready = true;
        this.#onSettled();
        if (error === undefined) resolve();
        else reject(error);
      };
      const watched: Watched = { source, sink, ready: false, settle };
      this.#watches.set(id, watched);
      if (refusal === undefined) this.#ask(id, watched);
      else settle(refusal);
    });
    ready.catch(() => undefined); // whoever waits for it is told
    return { id, ready, stop: () => { this.#stop(id); } };
  }

  /** Another leader: everything is watched anew, as soon as it speaks. */
  begin(): void {
    this.#reopening.stop();
  }

  /** The leader speaks. */
  open(): void {
    for (const [id, watched] of this.#watches) this.#ask(id, watched);
  }

  /** A frame that may be about one of them. */
  take(frame: HostFrame): void {
    switch (frame.kind) {
      case "state": {
        const watched = this.#watches.get(frame.id);
        watched?.sink.state?.(frame);
        if (watched?.ready === false) watched.settle();
        break;
      }
      case "event": this.#watches.get(frame.id)?.sink.event?.(unpack(frame.event)); break;
      case "error": this.#failed(frame.id, fromWire(frame.error)); break;
      default: break;
    }
  }

  /** Nothing is going to come, for now or any more: whoever waits for a first state hears why, and every sink that it is so. */
  giveUp(error: AnySottoError): void {
    for (const watched of this.#watches.values()) {
      if (!watched.ready) watched.settle(error);
      watched.sink.over?.();
    }
  }

  /** Nothing is watched any more. */
  end(): void {
    this.#reopening.stop();
    this.#watches.clear();
  }

  #ask(id: number, { source }: Watched): void {
    this.#tell({ kind: "watch", id, source: source() });
  }

  #stop(id: number): void {
    const watched = this.#watches.get(id);
    if (watched === undefined) return;
    this.#watches.delete(id);
    watched.settle();
    this.#tell({ kind: "unwatch", id });
  }

  #failed(id: number, error: AnySottoError): void {
    // Asked for again by whoever still wants it then: what a former leader has told is shown, and of events nobody hears that they cannot be had.
    if (error.retryable) this.#reopening.later(id);
    const watched = this.#watches.get(id);
    if (watched?.ready === false) watched.settle(error);
  }
}
