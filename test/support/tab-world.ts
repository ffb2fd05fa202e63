/**
 * The tabs of one origin in memory: Web Locks, BroadcastChannel, visibility and time, with tabs that freeze, thaw and die. Modelled on what Chromium
 * was seen to do: a frozen page still hears its channels, but its timers and everything about locks wait until it runs again.
 * @module
 */
import type { Clock } from "../../src/base/clock.js";
import { Emitter } from "../../src/base/events.js";
import type { TabChannel, TabLocks, TabPlatform } from "../../src/tabs/platform.js";
import { seededRng } from "./ratchet-pair.js";

interface Request {
  readonly tab: Tab;
  readonly name: string;
  readonly shared: boolean;
  readonly grant: () => void;
  readonly steal: () => void;
}

/** Timers of all tabs, moved by hand. */
class WorldClock {
  now = 0;
  readonly timers = new Set<{ readonly at: number; readonly tab: Tab; readonly task: () => void }>();
}

/** One page or worker. */
export class Tab {
  readonly platform: TabPlatform;
  readonly clientId: string;
  readonly #world: TabWorld;
  readonly #seen = new Emitter<undefined>();
  readonly #late: (() => void)[] = [];
  #visible: boolean;
  isFrozen = false;
  isDead = false;

  constructor(world: TabWorld, seed: number, visible: boolean) {
    this.#world = world;
    this.clientId = `client-${seed.toString()}`;
    this.#visible = visible;
    this.platform = {
      locks: world.locksOf(this),
      channel: (name, listener) => world.openChannel(this, name, listener),
      visibility: { isVisible: () => this.#visible, onChange: (listener) => this.#seen.subscribe(listener) },
      clock: world.clockOf(this),
      rng: seededRng(seed),
    };
  }

  show(visible: boolean): void {
    this.#visible = visible;
    this.#seen.emit(undefined);
  }

  freeze(): void {
    this.isFrozen = true;
  }

  thaw(): void {
    this.isFrozen = false;
    for (const task of this.#late.splice(0)) task();
  }

  /** As when its process ends: nothing of it runs any more, and its locks are free. */
  kill(): void {
    this.isDead = true;
    this.#world.forget(this);
  }

  /** Runs `task` in this tab, when it runs. */
  run(task: () => void): void {
    if (this.isDead) return;
    if (this.isFrozen) this.#late.push(task);
    else task();
  }
}

/** The origin. */
export class TabWorld {
  readonly #clock = new WorldClock();
  readonly #held = new Map<string, readonly Request[]>();
  readonly #queues = new Map<string, Request[]>();
  readonly #channels = new Map<string, Set<{ readonly tab: Tab; readonly listener: ((message: unknown) => void) | undefined; readonly arrive: (message: unknown) => Promise<void> }>>();
  /** Messages on their way; a test may lose some. */
  lose: (message: unknown) => boolean = () => false;
  /** Turns in which a message that has arrived waits to be heard. In Firefox a page waits for the ring of a port longer than for a lock. */
  ring = 0;
  /** Where news of stolen locks wait, if a test holds them back. */
  stolen: (() => void)[] | undefined;
  #tabs = 0;

  open(options: { readonly visible?: boolean } = {}): Tab {
    this.#tabs += 1;
    return new Tab(this, this.#tabs, options.visible ?? true);
  }

  /** Names of the channels that a tab has open, or of those that it hears. */
  channelsOf(tab: Tab, which: "open" | "heard" = "open"): readonly string[] {
    const isOne = (member: { readonly tab: Tab; readonly listener: unknown }): boolean => member.tab === tab && (which === "open" || member.listener !== undefined);
    return [...this.#channels].flatMap(([name, members]) => [...members].filter(isOne).map(() => name)).sort();
  }

  /** The tab that holds a lock alone. */
  holder(name: string): Tab | undefined {
    return this.#heldOf(name).find(({ shared }) => !shared)?.tab;
  }

  get timers(): number {
    return this.#clock.timers.size;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  }

  /** Moves time on, timer by timer. */
  async advance(ms: number): Promise<void> {
    const end = this.#clock.now + ms;
    for (;;) {
      await this.settle();
      const next = [...this.#clock.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#clock.now = Math.max(this.#clock.now, next.at);
      this.#clock.timers.delete(next);
      next.tab.run(next.task);
    }
    this.#clock.now = end;
    await this.settle();
  }

  clockOf(tab: Tab): Clock {
    return {
      now: () => this.#clock.now,
      monotonic: () => this.#clock.now,
      schedule: (delayMs, task) => {
        const timer = { at: this.#clock.now + delayMs, tab, task };
        this.#clock.timers.add(timer);
        return () => { this.#clock.timers.delete(timer); };
      },
    };
  }

  openChannel(tab: Tab, name: string, listener?: (message: unknown) => void): TabChannel {
    const members = this.#channels.get(name) ?? new Set();
    this.#channels.set(name, members);
    const arrived: unknown[] = [];
    const hearNext = (): boolean => {
      if (arrived.length === 0 || tab.isDead || !members.has(self)) return false;
      listener?.(structuredClone(arrived.shift()));
      return true;
    };
    const arrive = async (message: unknown): Promise<void> => {
      arrived.push(message);
      for (let turn = 0; turn < this.ring; turn++) await Promise.resolve();
      hearNext();
    };
    const self = { tab, listener, arrive };
    members.add(self);
    return {
      postMessage: (message) => {
        if (tab.isDead) return;
        const text: unknown = structuredClone(message);
        for (const member of [...members]) {
          if (member === self || member.listener === undefined || this.lose(text)) continue;
          queueMicrotask(() => { void member.arrive(text); });
        }
      },
      catchUp: () => { while (hearNext()) continue; },
      close: () => { members.delete(self); },
    };
  }

  locksOf(tab: Tab): TabLocks {
    return {
      request: (name, options, callback) => new Promise((resolve, reject) => {
        const aborted = (): void => { tab.run(() => { reject(new DOMException("", "AbortError")); }); };
        const request: Request = {
          tab, name, shared: options.mode === "shared",
          grant: () => {
            options.signal?.removeEventListener("abort", giveUp);
            tab.run(() => {
              Promise.resolve(callback({})).finally(() => { this.#free(request); }).then(resolve, reject);
            });
          },
          steal: aborted,
        };
        const giveUp = (): void => {
          const queue = this.#queues.get(name) ?? [];
          this.#queues.set(name, queue.filter((each) => each !== request));
          aborted();
        };
        queueMicrotask(() => {
          if (options.signal?.aborted === true) { aborted(); return; }
          if (options.ifAvailable === true && !this.#isFree(request)) {
            tab.run(() => { Promise.resolve(callback(null)).then(resolve, reject); });
            return;
          }
          if (options.steal === true) {
            const former = this.#heldOf(name);
            this.#held.set(name, [request]);
            for (const { steal } of former) {
              if (this.stolen === undefined) steal();
              else this.stolen.push(steal);
            }
            queueMicrotask(request.grant);
            return;
          }
          options.signal?.addEventListener("abort", giveUp);
          this.#queues.set(name, [...(this.#queues.get(name) ?? []), request]);
          this.#next(name);
        });
      }),
      query: () => new Promise((resolve) => {
        const held = [...this.#held.values()].flat().map(({ name, shared, tab: { clientId } }) => ({ name, clientId, mode: shared ? "shared" : "exclusive" } as const));
        queueMicrotask(() => { tab.run(() => { resolve({ held }); }); });
      }),
    };
  }

  forget(tab: Tab): void {
    for (const [name, queue] of this.#queues) this.#queues.set(name, queue.filter((request) => request.tab !== tab));
    for (const request of [...this.#held.values()].flat()) if (request.tab === tab) this.#free(request);
    for (const timer of [...this.#clock.timers]) if (timer.tab === tab) this.#clock.timers.delete(timer);
  }

  #free(request: Request): void {
    const held = this.#heldOf(request.name);
    if (!held.includes(request)) return;
    this.#held.set(request.name, held.filter((each) => each !== request));
    this.#next(request.name);
  }

  #heldOf(name: string): readonly Request[] {
    return this.#held.get(name) ?? [];
  }

  #isFree({ name, shared }: Request): boolean {
    const held = this.#heldOf(name);
    return held.length === 0 || (shared && held.every((each) => each.shared));
  }

  #next(name: string): void {
    for (;;) {
      const [first, ...rest] = this.#queues.get(name) ?? [];
      if (first === undefined || !this.#isFree(first)) return;
      this.#queues.set(name, rest);
      this.#held.set(name, [...this.#heldOf(name), first]);
      queueMicrotask(first.grant);
    }
  }
}
