/**
 * What the inbox holds in memory: which messages are open, how often each was handed out, and which conversations are being served.
 * It follows the commits. A conversation that waits must not hide the others (threats L02): of one with many open messages a part is
 * held, and beyond that only where to read on. So memory is bounded by {@link openMax}, and one message for each conversation that waits.
 * Not here: rows and commits (consumer.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { isDamaged } from "../damaged.js";
import type { MessageLog } from "../log/message-log.js";
import type { InboxItem } from "./rows.js";

/** Open messages that are held of one conversation; it is read on when they are settled. */
export const heldMax = 200;
/** Open messages that are held of all; beyond that it is one of each conversation. */
export const openMax = 2_000;
const pageSize = 500;

/** An open message. */
export interface OpenMessage {
  readonly position: number;
  readonly conversation: BareJid;
  attempts: number;
}

/** What is open of one conversation. */
interface Queue {
  readonly conversation: BareJid;
  /** By position; the first is the next one. */
  readonly open: OpenMessage[];
  /** From here on nothing is held; nothing from here on counts as settled. */
  unread: number | undefined;
  /** In somebody's hands, or not yet due again. */
  served: OpenMessage | undefined;
}

/** The open messages, in order. */
export class InboxWindow {
  readonly #log: MessageLog;
  readonly #onError: (error: unknown) => void;
  readonly #queues = new Map<BareJid, Queue>();
  /** Positions beyond `settled` that have a row saying that they are acknowledged. */
  readonly #acked = new Set<number>();
  /** Attempts of messages that are not held. */
  readonly #attempts = new Map<number, number>();
  #held = 0;
  #settled: number;
  #scanned: number;

  /** @param onError told of rows that cannot be read */
  constructor(log: MessageLog, settled: number, items: readonly InboxItem[], onError: (error: unknown) => void) {
    this.#log = log;
    this.#onError = onError;
    this.#settled = settled;
    this.#scanned = settled;
    for (const { position, attempts, acked } of items) {
      if (acked) this.#acked.add(position);
      else this.#attempts.set(position, attempts);
    }
  }

  /** Number of messages that are held. */
  get held(): number {
    return this.#held;
  }

  /** Positions of messages that were taken back from the dead letters: they lie before everything that is read from the log. */
  get retried(): readonly number[] {
    return [...this.#attempts.keys()].filter((position) => position <= this.#settled);
  }

  /**
   * Reads on: conversations of which nothing is held any more, and a page of the log. One call at a time. True if there may be more: a
   * long log is not read to its end before its first message is handed out.
   */
  async fill(): Promise<boolean> {
    for (const queue of this.#queues.values()) await this.#readOn(queue);
    const places = await this.#log.places({ after: this.#scanned, limit: pageSize }, this.#onError);
    for (const { position, conversation, kind } of places) {
      this.#scanned = position;
      if (kind === "received" && !this.#acked.has(position)) this.#meet(position, this.#queue(conversation));
    }
    return places.length === pageSize;
  }

  /** Makes a message open that was taken back from the dead letters. */
  add(position: number, conversation: BareJid): void {
    this.#acked.delete(position);
    this.#hold(position, this.#queue(conversation));
  }

  /** Takes the first open message of a conversation that is not served. */
  take(): OpenMessage | undefined {
    let next: Queue | undefined;
    for (const queue of this.#queues.values()) {
      if (queue.served === undefined && headOf(queue) < headOf(next)) next = queue;
    }
    if (next !== undefined) next.served = next.open[0];
    return next?.served;
  }

  /** Its conversation may be served again, unless that serves another message by now. */
  giveBack(open: OpenMessage): void {
    const queue = this.#queues.get(open.conversation);
    if (queue?.served !== open) return;
    queue.served = undefined;
    this.#leave(queue);
  }

  /**
   * What settling `message` leads to: up to where everything is settled then, at least up to `stored`, and the positions up to there that
   * have a row saying that they are acknowledged, as far as is known here. Changes nothing; works that are committed together with it may
   * be missing here, and those of other consumers are.
   */
  afterSettling(message: OpenMessage, stored: number): { readonly settled: number; readonly acked: readonly number[] } {
    let settled = this.#scanned;
    for (const { open, unread = Infinity } of this.#queues.values()) {
      const first = open.find(({ position }) => position !== message.position && position > this.#settled)?.position ?? Infinity;
      settled = Math.min(settled, first - 1, unread - 1);
    }
    settled = Math.max(settled, stored);
    return { settled, acked: [...this.#acked].filter((each) => each <= settled) };
  }

  /** After the commit. */
  settle({ position, conversation }: OpenMessage, settled: number): void {
    const queue = this.#queues.get(conversation);
    const at = queue?.open.findIndex((each) => each.position === position) ?? -1;
    if (queue !== undefined && at >= 0) {
      queue.open.splice(at, 1);
      this.#held -= 1;
      this.#leave(queue);
    }
    if (position > settled) this.#acked.add(position);
    this.#settled = Math.max(this.#settled, settled);
    for (const each of this.#acked) if (each <= this.#settled) this.#acked.delete(each);
  }

  /** Goes on in the log of a conversation of which nothing is held, up to where the log is read. */
  async #readOn(queue: Queue): Promise<void> {
    while (queue.unread !== undefined && queue.open.length === 0) {
      const limit = Math.max(1, Math.min(heldMax, openMax - this.#held));
      const after = queue.unread - 1;
      const places = await this.#log.placesOf(queue.conversation, { after, before: this.#scanned + 1, limit }).catch(async (error: unknown) => {
        if (!isDamaged(error)) throw error;
        const ofAll = await this.#log.places({ after, limit }, this.#onError); // without touching the messages, of which one may be damaged
        return ofAll.filter(({ position }) => position <= this.#scanned);
      });
      const last = places.at(-1);
      queue.unread = last === undefined || places.length < limit ? undefined : last.position + 1;
      for (const { position, conversation, kind } of places) {
        if (conversation === queue.conversation && kind === "received" && !this.#acked.has(position)) this.#hold(position, queue);
      }
    }
    this.#leave(queue);
  }

  /** A message that the log is read up to: held, if there is room. */
  #meet(position: number, queue: Queue): void {
    if (queue.unread !== undefined) return;
    const full = queue.open.length >= (this.#held < openMax ? heldMax : 1);
    if (full) queue.unread = position;
    else this.#hold(position, queue);
  }

  #hold(position: number, queue: Queue): void {
    const behind = queue.open.findLastIndex((each) => each.position <= position); // mostly the last one
    if (queue.open[behind]?.position === position) return;
    queue.open.splice(behind + 1, 0, { position, conversation: queue.conversation, attempts: this.#attempts.get(position) ?? 0 });
    this.#attempts.delete(position);
    this.#held += 1;
  }

  #queue(conversation: BareJid): Queue {
    let queue = this.#queues.get(conversation);
    if (queue === undefined) {
      queue = { conversation, open: [], unread: undefined, served: undefined };
      this.#queues.set(conversation, queue);
    }
    return queue;
  }

  /** Nothing is kept of a conversation of which nothing is open. */
  #leave({ conversation, open, unread, served }: Queue): void {
    if (open.length === 0 && unread === undefined && served === undefined) this.#queues.delete(conversation);
  }
}

/** The position of the next message; beyond all others where there is none. */
const headOf = (queue: Queue | undefined): number => queue?.open[0]?.position ?? Infinity;
