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

/** What is watched under one number. */
interface Watch {
  /** Absent while it is being opened. */
  stop?: Unsubscribe;
  timeline?: Promise<Timeline>;
}

interface Opening {
  readonly stop: Promise<Unsubscribe>;
  readonly timeline?: Promise<Timeline>;
}

type Open = (told: (news: StateNews) => void, event: (event: unknown) => void) => Opening;

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
    const { client, states, send, fail } = this.#d;
    if (typeof source.of !== "string" || this.#watches.has(id)) throw malformed();
    const open = this.#opener(source);
    const watch: Watch = {};
    this.#watches.set(id, watch);
    const { stop: opened, timeline } = open((news) => { if (this.#watches.get(id) === watch) send({ kind: "state", id, ...news }); }, (event) => {
      states.flush();
      try {
        send({ kind: "event", id, event: pack(event) });
      } catch (error) {
        client.core.onError(error);
      }
    });
    if (timeline !== undefined) {
      timeline.catch(() => undefined); // told as what became of the opening
      watch.timeline = timeline;
    }
    const opening = opened.then((stop) => {
      if (this.#watches.get(id) === watch) watch.stop = stop;
      else stop(); // not wanted any more
    }, (error: unknown) => {
      if (this.#watches.get(id) !== watch) return;
      this.#watches.delete(id);
      fail(id, error);
    }).finally(() => { this.#opening.delete(opening); });
    if (timeline === undefined) this.#opening.add(opening); // one may ask the archive
  }

  stop(id: number): void {
    this.#watches.get(id)?.stop?.();
    this.#watches.delete(id);
  }

  close(): void {
    for (const { stop } of this.#watches.values()) stop?.();
    this.#watches.clear();
  }

  #opener(source: Source): Open {
    const { client, states } = this.#d;
    if (source.of === "timeline") return (told) => this.#openTimeline(source, told);
    if (states.has(source.of)) return (told) => ({ stop: this.#openState(source, told) });
    const events = eventSource(source.of);
    if (events === undefined) throw malformed();
    const listen = async (told: (news: StateNews) => void, event: (event: unknown) => void): Promise<Unsubscribe> => {
      const stop = events(client, event);
      const stopped = stop instanceof Promise ? await stop : stop;
      told({ full: true });
      return stopped;
    };
    return (told, event) => ({ stop: listen(told, event) });
  }

  /** As much of it as a former leader has shown: what is on the screen stays there. */
  async #openState({ of, count }: Source, told: (news: StateNews) => void): Promise<Unsubscribe> {
    const { client, states } = this.#d;
    if (of === "conversations" && typeof count === "number") await (await client.conversations()).show(count);
    return states.watch(of, told);
  }

  #openTimeline(source: Source, told: (news: StateNews) => void): Opening {
    const opened = openTimeline(this.#d.client, source);
    const watched = async (): Promise<Unsubscribe> => {
      const { timeline, release } = await opened;
      const stop = this.#d.states.watchOwn(timelineSource(timeline), told);
      return () => {
        stop();
        release();
      };
    };
    return { stop: watched(), timeline: opened.then(({ timeline }) => timeline) };
  }
}
