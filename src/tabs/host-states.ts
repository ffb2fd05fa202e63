/** The states that a host shares among its tabs: each is read once, whoever watches. @module */
import { ObservableValue, type Observable, type Unsubscribe } from "../base/events.js";
import type { BareJid } from "../base/jid.js";
import { effectiveAskedMax } from "../base/limits.js";
import type { SottoClient } from "../client/client.js";
import type { Carry } from "./frames.js";
import { type SourceDeps, stateOpener } from "./sources.js";
import type { StateNews, StateSource } from "./state-source.js";

/** See the module. */
export class HostStates {
  readonly #d: SourceDeps;
  readonly #asked = new ObservableValue<ReadonlySet<BareJid>>(new Set());
  readonly #open = new Map<string, Promise<StateSource>>();
  /** Those that have been opened: told together, in one order. */
  readonly #ready = new Set<StateSource>();
  #scheduled = false;
  #closed = false;

  constructor(client: SottoClient, carry: Observable<Carry>) {
    this.#d = { client, carry, asked: this.#asked };
  }

  /** The state `name`, of which there is one, for all tabs. @throws what making that part of the client throws */
  source(name: string): Promise<StateSource> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const opened = Promise.resolve(stateOpener(name)?.(this.#d) as StateSource | Promise<StateSource>);
    this.#open.set(name, opened);
    opened.catch(() => { this.#open.delete(name); }); // whoever watches is told
    return opened;
  }

  /** Tells `sink` of a state, which may be one tab's own. */
  watch(source: StateSource, sink: (news: StateNews) => void): Unsubscribe {
    this.#ready.add(source);
    const stop = source.watch((news) => { if (!this.#closed) sink(news); }, () => { this.#changed(); });
    return () => {
      stop();
      if (source.size === 0) this.#ready.delete(source);
    };
  }

  /** What `jid` may see of the user is followed from now on. */
  ask(jid: BareJid): void {
    const asked = this.#asked.getSnapshot();
    if (!asked.has(jid)) this.#asked.set(new Set([...asked, jid].slice(-effectiveAskedMax)));
  }

  /** What others may see of the user may have changed: something was said of him. */
  reconsider(): void {
    if (this.#d.client.presence.hasPolicy) this.#asked.set(new Set(this.#asked.getSnapshot()));
  }

  /** Everything that has changed is told now: an answer must not come before the state that it is about. */
  flush(): void {
    if (this.#closed) return;
    for (const source of this.#ready) source.flush();
  }

  close(): void {
    this.#closed = true;
    this.#ready.clear();
    this.#open.clear();
  }

  /** What one turn brings is told together. */
  #changed(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.flush();
    });
  }
}
