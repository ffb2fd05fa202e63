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
import { type EventSource, eventSource, stateOpener } from "./sources.js";
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

/** What is watched under one number. */
interface Watch {
  /** Absent while it is being opened. */
  stop?: Unsubscribe;
  timeline?: Promise<Timeline>;
}

type Told = (news: StateNews) => void;

/** All of it ends with {@link close}. */
export class ServedWatches {
  readonly #d: WatchesDeps;
  readonly #watches = new Map<number, Watch>();
  /** Those that no answer may overtake: parts that are being made. */
  readonly #opening = new Set<Promise<unknown>>();

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

  /** The timeline that is watched under `id`, once it is open. */
  timeline(id: unknown): Promise<Timeline> | undefined {
    return this.#watches.get(id as number)?.timeline;
  }

  /** @throws ClientError for a source that does not exist, or a number that is taken */
  open(id: number, source: Source): void {
    const { send, fail } = this.#d;
    const { of } = source;
    if (typeof of !== "string" || this.#watches.has(id)) throw malformed();
    const isTimeline = of === "timeline";
    const events = eventSource(of);
    if (!isTimeline && stateOpener(of) === undefined && events === undefined) throw malformed();
    const watch: Watch = {};
    this.#watches.set(id, watch);
    const told: Told = (news) => { if (this.#watches.get(id) === watch) send({ kind: "state", id, ...news }); };
    const opened = isTimeline ? this.#openTimeline(source, watch, told) : events === undefined ? this.#openState(source, told) : this.#listen(id, events, told);
    const opening = opened.then((stop) => {
      if (this.#watches.get(id) === watch) watch.stop = stop;
      else stop(); // not wanted any more
    }, (error: unknown) => {
      if (this.#watches.get(id) !== watch) return;
      this.#watches.delete(id);
      fail(id, error);
    }).finally(() => { this.#opening.delete(opening); });
    if (!isTimeline) this.#opening.add(opening); // one may ask the archive
  }

  stop(id: number): void {
    this.#watches.get(id)?.stop?.();
    this.#watches.delete(id);
  }

  close(): void {
    for (const { stop } of this.#watches.values()) stop?.();
    this.#watches.clear();
  }

  async #listen(id: number, events: EventSource, told: Told): Promise<Unsubscribe> {
    const { client, states, send } = this.#d;
    const stop = events(client, (event) => {
      states.flush();
      try {
        send({ kind: "event", id, event: pack(event) });
      } catch (error) {
        client.core.onError(error);
      }
    });
    const stopped = stop instanceof Promise ? await stop : stop;
    told({ full: true });
    return stopped;
  }

  /** As much of it as a former leader has shown: what is on the screen stays there. */
  async #openState({ of, count }: Source, told: Told): Promise<Unsubscribe> {
    const { client, states } = this.#d;
    if (of === "conversations" && typeof count === "number") await (await client.conversations()).show(count);
    return states.watch(await states.source(of), told);
  }

  async #openTimeline(source: Source, watch: Watch, told: Told): Promise<Unsubscribe> {
    const opened = openTimeline(this.#d.client, source);
    watch.timeline = opened.then(({ timeline }) => timeline);
    watch.timeline.catch(() => undefined); // told as what became of the opening
    const { timeline, release } = await opened;
    const stop = this.#d.states.watch(timelineSource(timeline), told);
    return () => {
      stop();
      release();
    };
  }
}
