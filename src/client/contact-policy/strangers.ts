/** What applications hold: the strangers' box. Threats V03, F22. Not here: who gets into it (gate.ts). @module */
import type { Observable, Unsubscribe } from "../../base/events.js";
import { type BareJid, bareJid } from "../../base/jid.js";
import type { Message } from "../message.js";
import type { Engine } from "./engine.js";
import type { Stranger, StrangerMessage } from "./types.js";

/** How {@link Strangers.accept} goes on. */
export interface AcceptOptions {
  /** Also ask to see his presence. Nothing is granted to him by it. Default false. */
  readonly subscribe?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Asks for a subscription, see the roster. */
export type Subscribe = (jid: BareJid, options: { readonly signal?: AbortSignal | undefined }) => Promise<void>;

/** The box: whoever is in it, the one who wrote last first. */
export class Strangers implements Observable<readonly Stranger[]> {
  readonly #engine: Engine;
  readonly #subscribe: Subscribe;

  /** @internal */
  constructor(engine: Engine, subscribe: Subscribe) {
    this.#engine = engine;
    this.#subscribe = subscribe;
  }

  /** Who is in the box; the same object until something changes. */
  getSnapshot = (): readonly Stranger[] => this.#engine.strangers.getSnapshot();

  /** Calls `listener` after each change of the snapshot. */
  subscribe = (listener: () => void): Unsubscribe => this.#engine.strangers.subscribe(listener);

  /** What `jid` wrote, oldest first. Reading tells nobody anything. @throws UsageError `ERR_INVALID_JID` */
  async messages(jid: string): Promise<readonly StrangerMessage[]> {
    return this.#engine.read(bareJid(jid));
  }

  /**
   * Moves what `jid` wrote to the end of the conversation, where readers of messages get it, and lets what he writes from now on go there
   * at once. He is told nothing; only what the user sends him makes him somebody who may get receipts.
   * @returns the messages, in order
   * @throws UsageError `ERR_INVALID_JID`; StorageError; with `subscribe` what the roster throws: then he is accepted nevertheless
   */
  async accept(jid: string, options: AcceptOptions = {}): Promise<readonly Message[]> {
    const address = bareJid(jid);
    const messages = await this.#engine.accept(address);
    if (options.subscribe === true) await this.#subscribe(address, { signal: options.signal });
    return messages;
  }

  /** Deletes what `jid`, or everybody, has in the box. @returns how many messages */
  async discard(jid?: string): Promise<number> {
    return this.#engine.discard(jid === undefined ? undefined : bareJid(jid));
  }
}
