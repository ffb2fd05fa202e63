/**
 * The projection that user interfaces render: the newest messages of a conversation, kept up to date, extended backwards on demand.
 * Bounded: a list that grows beyond {@link timelineMax} lets go of its oldest messages; they can be loaded again.
 * Spec: docs/architecture.md, State for user interfaces. Not here: where pages come from, and where they end (history.ts, backfill.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { Emitter, type Observable, type Unsubscribe } from "../../base/events.js";
import { ClientError } from "../errors.js";
import type { Message } from "../message.js";
import type { BackwardRange, HistoryPage } from "./backfill.js";
import type { LogChange, MessageLog } from "./message-log.js";

/** Messages that a timeline holds while it follows the end of the conversation. */
export const timelineMax = 1_000;

/** What there is to render. */
export interface TimelineSnapshot {
  /** Oldest first. */
  readonly messages: readonly Message[];
  /** A page is being read. */
  readonly loading: boolean;
  /**
   * What is shown reaches back to the beginning: of the archive as well, which says so itself. Offline it is false for what was never
   * paged back to there; then {@link Timeline.loadOlder} shows what the log has, rejects behind that, and goes on in the archive once there is a
   * connection.
   */
  readonly complete: boolean;
}

/** A conversation to render. It reads and listens while somebody subscribes. */
export interface Timeline extends Observable<TimelineSnapshot> {
  /**
   * Adds a page of older messages; while one is being read it waits for that one. To be called again while the snapshot is not
   * {@link TimelineSnapshot.complete}: a page may have nothing to show. `limit`: at most this many messages, default 50.
   * @throws TransportError if the archive could not be asked; what the log has is shown nevertheless. ClientError `ERR_OFFLINE` (retryable)
   *   where the log has nothing older and there is no connection to ask the archive
   */
  loadOlder(options?: { readonly limit?: number | undefined; readonly signal?: AbortSignal | undefined }): Promise<void>;
}

/** Reads a page. */
export type PageReader = (range: BackwardRange, signal?: AbortSignal) => Promise<HistoryPage>;

/** Where pages come from. */
export interface TimelinePages {
  /** The log alone: the first page is there at once, and what is in the log also while the archive cannot be asked. */
  readonly local: PageReader;
  /** See {@link History.older}. */
  readonly older: PageReader;
}

export function createTimeline(
  log: Pick<MessageLog, "onChange">, conversation: BareJid, pages: TimelinePages, onError: (error: unknown) => void,
): Timeline {
  return new LogTimeline(log, conversation, pages, onError);
}

type LoadOptions = NonNullable<Parameters<Timeline["loadOlder"]>[0]>;

class LogTimeline implements Timeline {
  readonly #log: Pick<MessageLog, "onChange">;
  readonly #conversation: BareJid;
  readonly #pages: TimelinePages;
  readonly #onError: (error: unknown) => void;
  readonly #listeners: Emitter<undefined>;
  #snapshot: TimelineSnapshot = { messages: [], loading: true, complete: false };
  #unsubscribe: Unsubscribe | undefined;
  /** Changes since the last snapshot, told together. */
  #changes: LogChange[] = [];
  /** What changed while a page is being read: newer than the page. `undefined`: removed. */
  #since: Map<number, Message | undefined> | undefined;
  /** The page that is being read, while there is one; rejects as its caller's does. */
  #loading: Promise<void> | undefined;

  constructor(log: Pick<MessageLog, "onChange">, conversation: BareJid, pages: TimelinePages, onError: (error: unknown) => void) {
    this.#log = log;
    this.#conversation = conversation;
    this.#pages = pages;
    this.#onError = onError;
    this.#listeners = new Emitter(onError);
  }

  getSnapshot = (): TimelineSnapshot => {
    this.#fold();
    return this.#snapshot;
  };

  subscribe = (listener: () => void): Unsubscribe => {
    const unsubscribe = this.#listeners.subscribe(listener);
    if (this.#listeners.size === 1) this.#start();
    return () => {
      unsubscribe();
      if (this.#listeners.size === 0) this.#stop();
    };
  };

  async loadOlder(options: LoadOptions = {}): Promise<void> {
    if (this.#since !== undefined) return this.#loading;
    const load = this.#loadOlder(options);
    // Whoever waits with the caller has called nothing off.
    this.#loading = load.catch((error: unknown) => { if (options.signal?.aborted !== true) throw error; });
    this.#loading.catch(() => undefined); // the caller is told
    return load;
  }

  async #loadOlder(options: LoadOptions): Promise<void> {
    const { local, older } = this.#pages;
    let failed: { readonly error: unknown } | undefined;
    const read: PageReader = async (range, signal) => {
      try {
        const page = await older(range, signal);
        const isStuck = page.messages.length === 0 && !page.complete && page.asked !== true;
        if (isStuck) failed = { error: new ClientError("ERR_OFFLINE", "there is no stream", { retryable: true }) };
        return page;
      } catch (error) {
        if (signal?.aborted === true) throw error; // called off: nothing more is wanted
        failed = { error };
        return local(range);
      }
    };
    await this.#load(read, this.getSnapshot().messages[0]?.position, options);
    if (failed !== undefined) throw failed.error;
  }

  #start(): void {
    this.#unsubscribe = this.#log.onChange((change) => {
      if (change.message.conversation !== this.#conversation) return;
      this.#since?.set(change.message.position, change.kind === "removed" ? undefined : change.message);
      // What one commit brought is one change for whoever renders.
      if (this.#changes.push(change) === 1) queueMicrotask(() => { this.#set(this.getSnapshot()); });
    });
    // Nobody listened in between: what is shown is replaced by what is there now.
    this.#loading = this.#load(this.#pages.local, undefined, {});
    this.#loading.catch(this.#onError);
  }

  #stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  /** @param before `undefined`: the newest page, in place of everything */
  async #load(read: PageReader, before: number | undefined, { limit, signal }: LoadOptions): Promise<void> {
    const since = new Map<number, Message | undefined>();
    this.#since = since;
    // As it is now: what comes meanwhile may push the oldest out of the list, and the page ends just before them.
    const kept = before === undefined ? [] : this.getSnapshot().messages;
    this.#set({ ...this.#snapshot, loading: true });
    try {
      const { messages: page, complete } = await read({
        conversation: this.#conversation,
        ...(before === undefined ? {} : { before }), ...(limit === undefined ? {} : { limit }),
      }, signal);
      // Begun anew in between: that reading sees everything up to its own begin, and follows what comes behind it.
      if (this.#since !== since) return;
      const all = new Map([...page, ...kept].map((message) => [message.position, message]));
      for (const [position, message] of since) {
        if (message === undefined) all.delete(position);
        else if (all.has(position) || isNew(message, all)) all.set(position, message);
      }
      this.#since = undefined;
      this.#set({ messages: inOrder(all), loading: false, complete });
    } finally {
      if (this.#since === since) {
        this.#since = undefined;
        this.#set({ ...this.#snapshot, loading: false });
      }
    }
  }

  /** Brings the snapshot up to date; whoever listens is told in a microtask. */
  #fold(): void {
    const changes = this.#changes;
    if (changes.length === 0) return;
    this.#changes = [];
    const { messages, complete } = this.#snapshot;
    const all = new Map(messages.map((message) => [message.position, message]));
    for (const { kind, message } of changes) {
      if (kind === "removed") all.delete(message.position);
      // In a list that deletions have emptied, what changed may have others before it that are not shown.
      else if (all.has(message.position) || (kind === "added" && isNew(message, all))) all.set(message.position, message);
    }
    const listed = inOrder(all);
    // Whoever has loaded more than that on purpose keeps it.
    const cut = listed.length > timelineMax && messages.length <= timelineMax;
    this.#snapshot = { ...this.#snapshot, messages: cut ? listed.slice(-timelineMax) : listed, complete: complete && !cut };
  }

  #set(snapshot: TimelineSnapshot): void {
    this.#snapshot = snapshot;
    this.#listeners.emit(undefined);
  }
}

/** Older history is shown when it is asked for, in its order. */
function isNew(message: Message, shown: ReadonlyMap<number, Message>): boolean {
  const [first = 0] = shown.keys();
  return message.position > 0 && (shown.size === 0 || message.position > first);
}

function inOrder(messages: ReadonlyMap<number, Message>): readonly Message[] {
  return [...messages.values()].sort((a, b) => a.position - b.position);
}
