/**
 * The list of conversations that applications open with: who, the last message, how many are unread; the one with the newest message first.
 * Nothing is stored for it. It is made from the index over all conversations (`client/timeline/`, no texts), in one pass when somebody asks
 * for it, and follows the log from then on: rows of its own would make each message of everybody dearer, also where nobody shows a list.
 * Spec: docs/architecture.md, State for user interfaces. Not here: the strangers' box, which is no conversation (contact-policy/).
 * @module
 */
import { Emitter, type Observable, type Unsubscribe } from "../../base/events.js";
import { conversationsShownDefault, conversationsShownMax } from "../../base/limits.js";
import type { Ledger } from "../../session/ledger.js";
import { changed, type ConversationSummary, type Entry, type Known, newEntry, note, readFloor, scan, summarize } from "./conversation-tally.js";
import type { LogChange, MessageLog, ReadMove } from "./message-log.js";
import { timelineKind } from "./message-record.js";

/** What there is to render. */
export interface ConversationsSnapshot {
  /** The newest first: by the place of their last messages, which is the order in which this device took them in. */
  readonly conversations: readonly ConversationSummary[];
  /** How many there are, also those that are not shown. */
  readonly total: number;
  /** The unread messages of all of them. */
  readonly unread: number;
}

/** The conversations of the log. Made by `client.conversations()`; complete when that resolves, offline too. */
export class Conversations implements Observable<ConversationsSnapshot> {
  readonly #log: MessageLog;
  readonly #ledger: Ledger;
  readonly #onError: (error: unknown) => void;
  readonly #listeners: Emitter<undefined>;
  #known: Known = { entries: new Map(), reads: new Map() };
  #shown = conversationsShownDefault;
  #snapshot: ConversationsSnapshot = { conversations: [], total: 0, unread: 0 };
  /** Something has changed since the snapshot was made. */
  #stale = true;
  /** What happens while the index is read. Applied behind it; that some of it may be there already does no harm. */
  #since: (() => void)[] | undefined;
  /** The numbers have to be read again: memory does not hold enough of them. */
  #lost = true;
  /** Conversations whose newest message was removed, and the one of them that is looked at. */
  readonly #dirty = new Set<Entry>();
  #renewing: Entry | undefined;
  #scheduled = false;
  #work: Promise<void> | undefined;

  private constructor(log: MessageLog, ledger: Ledger, onError: (error: unknown) => void) {
    this.#log = log;
    this.#ledger = ledger;
    this.#onError = onError;
    this.#listeners = new Emitter(onError);
  }

  /** @internal Reads the index and follows the log from then on. @throws StorageError */
  static async open(log: MessageLog, ledger: Ledger, onError: (error: unknown) => void): Promise<Conversations> {
    const made = new Conversations(log, ledger, onError);
    const stop = [
      log.onChange((change) => { made.#take(() => { made.#follow(change); }); }),
      log.onRead((move) => { made.#take(() => { made.#read(move); }); }),
    ];
    try {
      await made.#settle();
    } catch (error) {
      for (const each of stop) each();
      throw error;
    }
    return made;
  }

  /** What there is to render; the same object until something changes. */
  getSnapshot = (): ConversationsSnapshot => {
    if (this.#stale && !this.#isUnsettled()) this.#publish();
    return this.#snapshot;
  };

  /** Calls `listener` after each change of the snapshot; what one commit brought is one change. */
  subscribe = (listener: () => void): Unsubscribe => this.#listeners.subscribe(listener);

  /**
   * From now on at least the first `count` conversations are shown, at most 1,000; 100 unless asked. Resolves when the snapshot holds them.
   * @throws StorageError
   */
  async show(count: number): Promise<void> {
    const shown = Math.min(Math.trunc(count) || 0, conversationsShownMax);
    if (shown > this.#shown) {
      this.#shown = shown;
      this.#stale = true;
    }
    if (!this.#stale) return;
    await this.#settle();
    this.#listeners.emit(undefined);
  }

  #take(apply: () => void): void {
    if (this.#since !== undefined) this.#since.push(apply);
    else apply();
    this.#stale = true;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#settle().then(() => { this.#listeners.emit(undefined); }, this.#onError);
    });
  }

  #follow({ kind, message }: LogChange): void {
    const { entries, reads } = this.#known;
    const { conversation, position } = message;
    let entry = entries.get(conversation);
    if (kind === "added") {
      if (entry === undefined) entries.set(conversation, entry = newEntry(conversation, position));
      if (position >= entry.last) changed(entry, { last: position, message });
      if (timelineKind(message) === "received" && position > readFloor(reads, conversation)) note(entry, position);
    } else if (entry?.last === position) {
      if (kind === "changed") changed(entry, { message });
      else this.#dirty.add(entry);
    }
    if (kind !== "removed" || entry === undefined) return;
    if (entry === this.#renewing) this.#dirty.add(entry);
    if (entry.unread.includes(position)) {
      changed(entry, { unread: entry.unread.filter((each) => each !== position) });
      this.#lost ||= entry.more; // one that is not at hand takes its place
    }
  }

  #read({ conversation, position }: ReadMove): void {
    const { entries, reads } = this.#known;
    if (reads.get(conversation) === position) return;
    if (position === undefined) reads.delete(conversation);
    else reads.set(conversation, position);
    const entry = entries.get(conversation);
    if (entry === undefined) return;
    const floor = readFloor(reads, conversation);
    changed(entry, { unread: entry.unread.filter((each) => each > floor) }); // those that are not at hand are older
  }

  #isUnsettled(): boolean {
    return this.#lost || this.#dirty.size > 0 || this.#renewing !== undefined || this.#top().some(({ message }) => message === undefined);
  }

  /** Reads what memory lacks, and publishes. */
  #settle(): Promise<void> {
    this.#work ??= this.#complete();
    return this.#work;
  }

  async #complete(): Promise<void> {
    try {
      await Promise.resolve(); // whoever asks from here on joins
      while (this.#isUnsettled()) {
        if (this.#lost) await this.#reload();
        else if (this.#dirty.size > 0) await this.#renew();
        else await this.#fetch(this.#top().filter(({ message }) => message === undefined));
      }
      if (this.#stale) this.#publish();
    } finally {
      this.#work = undefined;
    }
  }

  async #reload(): Promise<void> {
    const since: (() => void)[] = this.#since = [];
    try {
      this.#known = await scan(this.#log, this.#ledger, this.#onError);
      this.#lost = false;
      this.#dirty.clear();
    } finally {
      this.#since = undefined;
      for (const apply of since) apply();
    }
  }

  /** Finds what is the newest message now where the former one was removed. */
  async #renew(): Promise<void> {
    for (const entry of this.#dirty) {
      const { jid, last } = entry;
      this.#dirty.delete(entry);
      this.#renewing = entry;
      try {
        const [message] = await this.#log.page({ conversation: jid, reverse: true, limit: 1 });
        if (entry.last !== last || this.#dirty.has(entry)) continue; // meanwhile another one came, or went
        if (message === undefined) this.#known.entries.delete(jid);
        else changed(entry, { last: message.position, message });
      } catch (error) {
        this.#dirty.add(entry);
        throw error;
      } finally {
        this.#renewing = undefined;
      }
    }
  }

  async #fetch(entries: readonly Entry[]): Promise<void> {
    const messages = await this.#log.read(entries.map(({ jid: conversation, last: position }) => ({ conversation, position })), this.#onError);
    const found = new Map(messages.map((message) => [message.position, message]));
    for (const entry of entries) {
      if (entry.message !== undefined) continue; // a newer one came
      const message = found.get(entry.last);
      if (message === undefined) this.#dirty.add(entry);
      else changed(entry, { message });
    }
  }

  #top(): readonly Entry[] {
    return [...this.#known.entries.values()].sort((a, b) => b.last - a.last).slice(0, this.#shown);
  }

  #publish(): void {
    this.#stale = false;
    const { entries, reads } = this.#known;
    const top = new Set(this.#top());
    let unread = 0;
    for (const entry of entries.values()) {
      unread += entry.unread.length;
      if (!top.has(entry)) changed(entry, { message: undefined }); // memory holds what is shown
    }
    this.#snapshot = { conversations: [...top].map((entry) => summarize(entry, reads.get(entry.jid))), total: entries.size, unread };
  }
}
