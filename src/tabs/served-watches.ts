/**
 * What one tab watches: states, timelines and events of the client.
 * Not here: how a change becomes a frame (state-source.ts), which states and events there are (sources.ts).
 * @module
 */
import type { Unsubscribe } from "../base/events.js";
import type { SottoClient } from "../client/client.js";
import type { Timeline } from "../client/log/timeline.js";
import { malformed } from "./frame-fields.js";
import type { HostFrame, Source } from "./frames.js";
import type { HostStates } from "./host-states.js";
import { openTimeline, timelineSource } from "./served-timeline.js";
import { eventSource } from "./sources.js";
import type { StateNews } from "./state-source.js";
import { pack } from "./wire.js";

/** What the watches of a tab need. */
export interface WatchesDeps {
  readonly client: SottoClient;
  readonly states: HostStates;
  readonly send: (frame: HostFrame) => void;
  /** A source cannot be had. */
  readonly fail: (id: number, error: unknown) => void;
}

type Open = (told: (news: StateNews) => void, event: (event: unknown) => void) => Promise<Unsubscribe>;

/** All of it ends with {@link close}. */
export class ServedWatches {
  readonly #d: WatchesDeps;
  /** `undefined` while it is being opened. */
  readonly #watches = new Map<number, Unsubscribe | undefined>();
  /** Those that no answer may overtake: parts that are being made. */
  readonly #opening = new Set<Promise<unknown>>();
  readonly #timelines = new Map<number, Timeline>();

  constructor(deps: WatchesDeps) {
    this.#d = deps;
  }

  get size(): number {
    return this.#watches.size;
  }

  /** What an answer has to wait for. */
  get opening(): Iterable<Promise<unknown>> {
    return this.#opening;
  }

  /** The timeline that is watched under `id`. */
  timeline(id: unknown): Timeline | undefined {
    return this.#timelines.get(id as number);
  }

  /** @throws ClientError for a source that does not exist, or a number that is taken */
  open(id: number, source: Source): void {
    const { client, states, send, fail } = this.#d;
    if (typeof source.of !== "string" || this.#watches.has(id)) throw malformed();
    const open = this.#opener(id, source);
    this.#watches.set(id, undefined);
    const opening = open((news) => { send({ kind: "state", id, ...news }); }, (event) => {
      states.flush();
      try {
        send({ kind: "event", id, event: pack(event) });
      } catch (error) {
        client.core.onError(error);
      }
    }).then((stop) => {
      if (this.#watches.has(id)) this.#watches.set(id, stop);
      else stop(); // not wanted any more
    }, (error: unknown) => {
      this.#watches.delete(id);
      fail(id, error);
    }).finally(() => { this.#opening.delete(opening); });
    if (source.of !== "timeline") this.#opening.add(opening); // which may ask the archive
  }

  stop(id: number): void {
    this.#watches.get(id)?.();
    this.#watches.delete(id);
    this.#timelines.delete(id);
  }

  close(): void {
    for (const stop of this.#watches.values()) stop?.();
    this.#watches.clear();
    this.#timelines.clear();
  }

  #opener(id: number, source: Source): Open {
    const { client, states } = this.#d;
    if (source.of === "timeline") return (told) => this.#openTimeline(id, source, told);
    if (states.has(source.of)) return (told) => states.watch(source.of, told);
    const events = eventSource(source.of);
    if (events === undefined) throw malformed();
    return async (told, event) => {
      const stop = events(client, event);
      const stopped = stop instanceof Promise ? await stop : stop;
      told({ full: true });
      return stopped;
    };
  }

  async #openTimeline(id: number, source: Source, told: (news: StateNews) => void): Promise<Unsubscribe> {
    const { timeline, release } = await openTimeline(this.#d.client, source);
    this.#timelines.set(id, timeline); // before it is told: what is asked of it then finds it
    const stop = this.#d.states.watchOwn(timelineSource(timeline), told);
    return () => {
      stop();
      release();
    };
  }
}
