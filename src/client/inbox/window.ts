/**
 * What the inbox holds in memory: which messages are open, how often each was handed out, and which conversations are being served.
 * It follows the commits. Of conversations that wait it holds positions only.
 * Not here: rows and commits (consumer.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { MessageLog } from "../log/message-log.js";
import type { InboxItem } from "./rows.js";

/** Open messages that are held; beyond that the log is read on when some are settled. */
export const openMax = 2_000;
const pageSize = 500;

/** An open message. */
export interface OpenMessage {
  readonly position: number;
  readonly conversation: BareJid;
  attempts: number;
}

/** The open messages, in order. */
export class InboxWindow {
  readonly #log: MessageLog;
  readonly #open = new Map<number, OpenMessage>();
  /** Positions beyond `settled` that have a row saying that they are acknowledged. */
  readonly #acked = new Set<number>();
  /** Attempts of messages that are not read from the log yet. */
  readonly #attempts = new Map<number, number>();
  readonly #served = new Set<BareJid>();
  /** Conversations whose next message is not due yet. */
  readonly #resting = new Set<BareJid>();
  #settled: number;
  #scanned: number;

  constructor(log: MessageLog, settled: number, items: readonly InboxItem[]) {
    this.#log = log;
    this.#settled = settled;
    this.#scanned = settled;
    for (const { position, attempts, acked } of items) {
      if (acked) this.#acked.add(position);
      else this.#attempts.set(position, attempts);
    }
  }

  /** Positions of messages that were taken back from the dead letters: they lie before everything that is read from the log. */
  get retried(): readonly number[] {
    return [...this.#attempts.keys()].filter((position) => position <= this.#settled);
  }

  /** Reads on in the log while there is room; true if anything was found. */
  async fill(): Promise<boolean> {
    let found = false;
    for (let more = true; more && this.#open.size < openMax;) {
      const places = await this.#log.places({ after: this.#scanned, limit: pageSize });
      for (const { position, conversation, kind } of places) {
        this.#scanned = position;
        if (kind !== "received" || this.#acked.has(position)) continue;
        this.add(position, conversation);
        found = true;
      }
      more = places.length === pageSize;
    }
    return found;
  }

  /** Makes a message open. */
  add(position: number, conversation: BareJid, attempts: number = this.#attempts.get(position) ?? 0): void {
    this.#attempts.delete(position);
    this.#acked.delete(position); // a dead letter that is taken back
    this.#open.set(position, { position, conversation, attempts });
  }

  /** Takes the first open message of a conversation that is neither served nor resting. */
  take(): OpenMessage | undefined {
    const passed = new Set<BareJid>();
    for (const message of this.#open.values()) {
      const { conversation } = message;
      if (passed.has(conversation)) continue;
      passed.add(conversation);
      if (this.#served.has(conversation) || this.#resting.has(conversation)) continue;
      this.#served.add(conversation);
      return message;
    }
    return undefined;
  }

  /** The conversation may be served again; `resting`: not before {@link InboxWindow.rested}. */
  giveBack({ conversation }: OpenMessage, resting = false): void {
    this.#served.delete(conversation);
    if (resting) this.#resting.add(conversation);
  }

  rested({ conversation }: OpenMessage): void {
    this.#resting.delete(conversation);
  }

  /**
   * What settling `position` leads to: up to where everything is settled then, at least up to `stored`, and the rows that this makes
   * superfluous. Changes nothing; works that are committed together with it may be missing here, and only leave rows for a later call.
   */
  afterSettling(position: number, stored: number): { readonly settled: number; readonly superfluous: readonly number[] } {
    let settled = this.#scanned;
    for (const open of this.#open.keys()) if (open !== position && open > this.#settled) settled = Math.min(settled, open - 1);
    settled = Math.max(settled, stored);
    return { settled, superfluous: [...this.#acked].filter((each) => each <= settled) };
  }

  /** After the commit. */
  settle(position: number, settled: number): void {
    this.#open.delete(position);
    if (position > settled) this.#acked.add(position);
    this.#settled = Math.max(this.#settled, settled);
    for (const each of this.#acked) if (each <= this.#settled) this.#acked.delete(each);
  }
}
