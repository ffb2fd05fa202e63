/**
 * Every change of an entry as one piece of a transaction: its row, its message in the log, and what memory and handle learn after the
 * commit. Work reads rows through the transaction, never from memory, which follows the commits.
 * Spec: docs/decisions/0006-outbox.md. Not here: when (send-intake.ts, flow.ts, sender.ts).
 * @module
 */
import { utf8 } from "../../base/bytes.js";
import type { Clock } from "../../base/clock.js";
import type { BareJid } from "../../base/jid.js";
import { isElement, serializeXml, textOf, type XmlElement } from "../../base/xml.js";
import type { DeviceReport } from "../../session/outcome.js";
import type { StoreKey } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { clientNamespace } from "../../transport/xep/namespaces.js";
import { unlessDamaged } from "../damaged.js";
import type { AnySottoError } from "../errors.js";
import type { MessageLog } from "../log/message-log.js";
import type { DeliveryState, Message } from "../message.js";
import { gatheredCharsMax } from "./automatic.js";
import { failedBy, movedOn } from "./delivery.js";
import { decodeEntry, encodeEntry, isOwn, joinedContent, outboxKey, ownKey, type OutboxEntry, type Protection, type Purpose } from "./entry.js";
import type { SendTracker } from "./send-handle.js";
import type { Lane, Slot, Slots } from "./slots.js";
import type { Trackers } from "./trackers.js";
import type { Window } from "./window.js";

export interface RowsDeps {
  readonly account: BareJid;
  readonly clock: Clock;
  readonly log: MessageLog;
  readonly slots: Slots;
  readonly window: Window;
  readonly trackers: Trackers;
  /** The newest time that the archive is known to hold. */
  readonly archiveStamp: (tx: Transaction) => Promise<number | undefined>;
  /** A message has failed; told once for each. */
  readonly onFailed: ((message: Message) => void) | undefined;
  /** Whether the account blocks `jid`, or hides from it, by now. */
  readonly isBlocked: (jid: BareJid) => boolean;
  /** An entry waits to leave. */
  readonly onStored: (lane: Lane) => void;
  readonly onRemoved: (slot: Slot) => void;
}

/** A message as it is handed in. */
export interface EntryDraft {
  readonly to: BareJid;
  readonly content: readonly XmlElement[];
  /** The same as {@link contentText}. */
  readonly text: string;
  readonly protection: Protection;
  readonly purpose: Purpose;
  /** What was reserved for it. */
  readonly bytes: number;
}

/**
 * What a message in the archive is to this store. `lost`: it waits here as plaintext, though nobody has said that the store is an old
 * copy; then a state that was lost has sent it (threats R21). `unknown`: nobody here knows the id.
 */
export type ArchivedFate = "known" | "lost" | "unknown";

/** Changes of entries. */
export class Rows {
  readonly #d: RowsDeps;

  constructor(deps: RowsDeps) {
    this.#d = deps;
  }

  /** Stores a new entry and its message. Its place in the order is given here. Nobody has a handle on what is automatic. */
  async store(tx: Transaction, { to, content, text, protection, purpose, bytes }: EntryDraft, id: string, tracker?: SendTracker): Promise<Slot> {
    const { slots, log, account, clock } = this.#d;
    const seq = slots.nextSeq();
    const storedAt = clock.now();
    const anchor = await this.#d.archiveStamp(tx);
    const position = purpose !== "message" ? undefined : log.append(tx, {
      id, conversation: to, from: account, direction: "sent", text: bodyOf(content), receivedAt: storedAt,
      security: { level: protection === "omemo" ? "own" : "none" }, delivery: { state: "stored", archived: false },
    }).position;
    tx.put(outboxKey(seq), encodeEntry({ seq, id, to, protection, purpose, position, storedAt, anchor, content: text }));
    const slot = slots.stage({ seq, id, to, protection, purpose, position, bytes, anchor, sealed: false, whereabouts: { kind: "here" } });
    tx.onUndone(() => { slots.unstage(slot); });
    tx.afterCommit(() => {
      const lane = slots.add(slot, purpose === "message" ? content : undefined); // what is automatic may be gathered in the store
      tracker?.advance({ state: "stored" });
      this.#d.onStored(lane);
    });
    return slot;
  }

  /**
   * Puts a receipt or marker into one of its kind that waits unsealed. A marker takes the other's place: it is about all before it, too.
   * False if there is none, or no room in it.
   */
  async gather(tx: Transaction, draft: EntryDraft): Promise<boolean> {
    const { slots } = this.#d;
    const slot = slots.newestOf(draft);
    if (slot === undefined || slot.sealed || slot.whereabouts.kind !== "here") return false;
    const entry = await unlessDamaged(() => this.entry(tx, slot.id));
    if (typeof entry !== "object" || entry.content === undefined) return false; // sealed or taken out by work before this one, or not to be read (threats D13)
    const content = draft.purpose === "marker" ? draft.text : joinedContent(entry.content, draft.text);
    if (content === undefined || content.length > gatheredCharsMax) return false;
    const more = utf8(content).length - utf8(entry.content).length;
    if (!slots.resize(slot, more)) return false;
    tx.onUndone(() => { slots.resize(slot, -more); });
    tx.put(outboxKey(slot.seq), encodeEntry({ ...entry, content }));
    return true;
  }

  /** What nobody asked for does not leave for somebody who was blocked, or hidden from, since it was stored (threats V01, V04). */
  isBarred({ purpose, to }: Slot): boolean {
    return purpose !== "message" && this.#d.isBlocked(to);
  }

  /** Takes receipts and markers out that are not to leave any more. They are in no log, and nobody has a handle on them. */
  takeOut(tx: Transaction, slots: readonly Slot[]): void {
    for (const slot of slots) {
      this.#remove(tx, slot);
      if (slot.sealed) this.noteOwn(tx, slot.id); // the archive may have it
    }
  }

  /** The entry of message `id` as `tx` would leave it. */
  async entry(tx: Transaction, id: string): Promise<OutboxEntry | undefined> {
    const slot = this.#d.slots.find(id);
    const row = slot === undefined ? undefined : await tx.get(outboxKey(slot.seq));
    return row === undefined ? undefined : decodeEntry(row);
  }

  /**
   * Reads ahead what the changes of `slots` will look at: one read instead of many. One row that cannot be read takes no other with it; nor can
   * one be read that is another message's, found again by the medium after a message without a row was given its place (mending/orphans.ts).
   * @returns the entries, in order
   */
  async readAhead(tx: Transaction, slots: readonly Slot[]): Promise<readonly (OutboxEntry | "damaged" | undefined)[]> {
    await unlessDamaged(() => tx.getMany(slots.flatMap((slot) => [outboxKey(slot.seq), ...this.#logKeys(slot)])));
    return Promise.all(slots.map(async (slot) => {
      const entry = await unlessDamaged(() => this.entry(tx, slot.id));
      return typeof entry === "object" && entry.id !== slot.id ? "damaged" : entry;
    }));
  }

  /** The final bytes, in the transaction that holds the new ratchet states: after a crash there are both or neither. */
  async seal(tx: Transaction, slot: Slot, entry: OutboxEntry, stanza: XmlElement, report: readonly DeviceReport[]): Promise<string> {
    const sealed = serializeXml(stanza);
    const anchor = (await this.#d.archiveStamp(tx)) ?? entry.anchor;
    tx.put(outboxKey(slot.seq), encodeEntry({ ...entry, content: undefined, sealed, anchor }));
    this.noteOwn(tx, slot.id);
    await this.#moveOn(tx, slot.id, "sealed");
    tx.afterCommit(() => {
      slot.sealed = true;
      this.#d.slots.keepStanza(slot, stanza, sealed.length);
      slot.anchor = anchor;
      this.#d.trackers.get(slot.id)?.advance({ state: "sealed", report });
    });
    return sealed;
  }

  /** Remembers that this device sealed `id`; again when it leaves, for it may have waited long. What is in the log is known without. */
  noteOwn(tx: Transaction, id: string): void {
    const key = ownKey(id);
    if (key !== undefined) tx.put(key, utf8(String(this.#d.clock.now())));
  }

  /** The server has them. What became of an entry otherwise in the meantime stays: deleting twice does no harm, and states only grow. */
  async sent(tx: Transaction, slots: readonly Slot[]): Promise<void> {
    await unlessDamaged(() => tx.getMany(slots.flatMap((slot) => this.#logKeys(slot))));
    for (const slot of slots) {
      this.#remove(tx, slot);
      if (slot.position === undefined) this.noteOwn(tx, slot.id);
      await this.#moveOn(tx, slot.id, "sent");
    }
    this.#d.window.save(tx);
  }

  /** Our archive has it. */
  async archived(tx: Transaction, id: string, stanzaId: string): Promise<ArchivedFate> {
    const { slots, log, trackers } = this.#d;
    const slot = slots.find(id);
    const entry = await unlessDamaged(() => this.entry(tx, id)); // one that cannot be read leaves all the same (threats D13)
    const lost = typeof entry === "object" && entry.sealed === undefined && slot?.whereabouts.kind !== "unclear";
    if (slot !== undefined && entry !== undefined) {
      this.#remove(tx, slot);
      if (slot.position === undefined) this.noteOwn(tx, id);
    }
    await this.#moveOn(tx, id, "sent", true);
    await unlessDamaged(() => log.bindStanzaId(tx, id, stanzaId));
    tx.afterCommit(() => { trackers.get(id)?.advance({ state: "sent", archived: true }); });
    return lost ? "lost" : entry !== undefined || (await unlessDamaged(() => log.sentPlace(tx, id))) !== undefined || (await isOwn(tx, id)) ? "known" : "unknown";
  }

  /** It will not be sent, or was refused. A message whose arrival is known stays what it is, and so does one that has failed: the first reason counts. */
  async fail(tx: Transaction, id: string, error: AnySottoError, report?: readonly DeviceReport[]): Promise<void> {
    const { slots, log, trackers } = this.#d;
    const waiting = slots.find(id);
    if (waiting !== undefined) this.#remove(tx, waiting);
    let failed = false;
    const message = await unlessDamaged(() => log.updateSent(tx, id, (known) => {
      const next = failedBy(known, error);
      failed = next !== known;
      return next;
    }));
    tx.afterCommit(() => {
      if (failed && message !== undefined && message !== "damaged") this.#d.onFailed?.(message);
      const tracker = trackers.get(id);
      const state = tracker?.getSnapshot().state;
      if (state !== "delivered" && state !== "displayed") tracker?.fail(error, report);
    });
  }

  #logKeys({ id, to, position }: Slot): readonly StoreKey[] {
    const { keys } = this.#d.log;
    return position === undefined ? [] : [keys.sent(id), keys.message(to, position)];
  }

  #remove(tx: Transaction, slot: Slot): void {
    tx.delete(outboxKey(slot.seq));
    tx.afterCommit(() => {
      this.#d.slots.remove(slot);
      this.#d.trackers.settle(slot.id);
      this.#d.onRemoved(slot);
    });
  }

  /** A message that cannot be read leaves all the same (threats D13). */
  async #moveOn(tx: Transaction, id: string, state: DeliveryState, archived = false): Promise<void> {
    await unlessDamaged(() => this.#d.log.updateSent(tx, id, (message) => movedOn(message, state, archived)));
  }
}

function bodyOf(content: readonly XmlElement[]): string {
  const body = content.find((element) => isElement(element, clientNamespace, "body"));
  return body === undefined ? "" : textOf(body);
}
