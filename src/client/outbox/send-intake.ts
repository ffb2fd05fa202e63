/**
 * Handing messages in: each gets its handle, room is reserved for it, and it is stored in one commit. One that is known under its id is
 * told of, not stored twice; one that is not sealed yet can be taken back.
 * Spec: docs/decisions/0006-outbox.md. Threats D06, Q03, Q15.
 * Not here: rows (rows.ts), the way to the wire (flow.ts), what connections and evidence prove (sender.ts).
 * @module
 */
import { utf8 } from "../../base/bytes.js";
import type { BareJid } from "../../base/jid.js";
import { isXmlText, type XmlElement } from "../../base/xml.js";
import type { Ledger } from "../../session/ledger.js";
import type { Transaction } from "../../session/transaction.js";
import { StorageError } from "../../storage/errors.js";
import { type AnySottoError, asSottoError, ClientError } from "../errors.js";
import { hurriedMax } from "./automatic.js";
import { contentText, type Protection, type Purpose } from "./entry.js";
import { recalled, type Recalled, type RecallDeps } from "./recall.js";
import type { EntryDraft, Rows } from "./rows.js";
import { SendTracker } from "./send-handle.js";
import type { Slot } from "./slots.js";
import type { Trackers } from "./trackers.js";

export interface SendIntakeDeps extends RecallDeps {
  readonly ledger: Ledger;
  readonly newId: () => string;
  readonly trackers: Trackers;
  readonly rows: Rows;
  /** Whether the store has room for new messages beside what receiving needs; absent: as far as it can tell (threats D06). */
  readonly hasRoom: (() => Promise<boolean>) | undefined;
  /** Seals it in the commit that stores it, if that can be done at once. Nothing before the first stream. */
  readonly sealAtOnce: (tx: Transaction, slot: Slot, content: readonly XmlElement[]) => Promise<void> | undefined;
  /** Also for what listeners of handles throw. */
  readonly onError: (error: AnySottoError) => void;
}

/** How a message is to be sent. */
export interface SendOptions {
  /** Default `omemo`. */
  readonly protection?: Protection;
}

/** Where all that is to be sent comes in. */
export class SendIntake {
  readonly #d: SendIntakeDeps;
  readonly #onListenerError = (error: unknown): void => { this.#d.onError(asSottoError(error)); };
  /** The application was told that receipts are left out. */
  #leftOut = false;

  constructor(deps: SendIntakeDeps) {
    this.#d = deps;
  }

  /** Accepts a message; never throws. The handle exists at once, storing goes on behind it, and a failure is the handle's. */
  accept(to: BareJid, content: readonly XmlElement[], options: SendOptions = {}): SendTracker {
    const tracker = this.#newTracker(to);
    try {
      const draft = this.#draft(to, content, options);
      this.#d.ledger.run((tx) => this.#storeIn(tx, draft, tracker)).catch(() => undefined); // the handle tells
    } catch (error) {
      this.#refuse(tracker, error);
    }
    return tracker;
  }

  /** As {@link accept}, once or again: what outbox or log know under `id`, also from an earlier run, is not sent anew, and the handle is on that. */
  acceptAs(id: string, to: BareJid, content: readonly XmlElement[], options: SendOptions = {}): SendTracker {
    const present = this.#d.trackers.get(id);
    if (present !== undefined) return present;
    const tracker = this.#newTracker(to, id);
    this.#d.ledger.run(async (tx) => {
      const known = await recalled(this.#d, tx, id);
      // Room is asked for last: what is in the outbox already must not be refused because it is full.
      if (known === undefined) await this.#storeIn(tx, this.#draft(to, content, options), tracker);
      else tx.afterCommit(() => { this.#remind(tracker, known); });
    }).catch((error: unknown) => { this.#refuse(tracker, error); });
    return tracker;
  }

  /** Handles on messages that were handed in before; those that nobody knows are left out. @throws StorageError */
  async follow(messages: readonly { readonly id: string; readonly to: BareJid }[]): Promise<readonly SendTracker[]> {
    return this.#d.ledger.read(async (tx) => {
      const found: SendTracker[] = [];
      for (const { id, to } of messages) {
        // Before anything is read: news must not pass it by.
        const present = this.#d.trackers.get(id);
        const tracker = present ?? this.#newTracker(to, id);
        const known = await recalled(this.#d, tx, id);
        if (known !== undefined) this.#remind(tracker, known);
        else if (present === undefined) this.#d.trackers.settle(id);
        if (known !== undefined || present !== undefined) found.push(tracker);
      }
      return found;
    });
  }

  /** A handle on a message to `to` that this device sent, in whichever run; `undefined` if the log does not have it. @throws StorageError */
  async find(id: string, to: BareJid): Promise<SendTracker | undefined> {
    if (!isXmlText(id)) return undefined; // what no message can be called is no row either
    const known = await this.#d.ledger.read((tx) => recalled(this.#d, tx, id));
    return known?.to === to ? (await this.follow([{ id, to }]))[0] : undefined;
  }

  /** News come to `tracker` again, of a message that has left; what it missed is read. */
  followAgain(tracker: SendTracker): void {
    const { trackers, ledger } = this.#d;
    const { id } = tracker;
    const present = trackers.get(id);
    if (present !== undefined && present !== tracker) {
      tracker.mirror(present);
      return;
    }
    trackers.add(tracker); // before anything is read: news must not pass it by
    void ledger.read((tx) => recalled(this.#d, tx, id)).then(
      (known) => { known?.tell(tracker); },
      (error: unknown) => { tracker.park(() => { this.followAgain(tracker); }, asSottoError(error)); }, // read when it is asked again
    ).then(() => { trackers.settle(id); });
  }

  /**
   * Accepts a message as part of `tx`: it is sent if, and only if, that commits.
   * @throws ClientError `ERR_OUTBOX_FULL`
   */
  async acceptIn(tx: Transaction, to: BareJid, content: readonly XmlElement[], options: SendOptions & { readonly id?: string } = {}): Promise<SendTracker> {
    const draft = this.#draft(to, content, options);
    const tracker = this.#newTracker(to, options.id);
    await this.#storeIn(tx, draft, tracker);
    return tracker;
  }

  /**
   * Stores a receipt or marker as part of `tx`: in one that waits unsealed, or in an entry of its own. Where too many wait already none is made,
   * which is told once: what others cause must not take the room for what the user writes (threats Q15, L02).
   */
  async notify(
    tx: Transaction, to: BareJid, content: readonly XmlElement[], { protection, purpose }: { readonly protection: Protection; readonly purpose: Exclude<Purpose, "message"> },
  ): Promise<void> {
    const { slots, rows } = this.#d;
    const text = contentText(content);
    const draft: EntryDraft = { to, content, text, protection, purpose, bytes: utf8(text).length };
    if (await rows.gather(tx, draft)) return;
    if (!slots.reserveAutomatic(to, draft.bytes)) {
      tx.afterCommit(() => { this.#tellLeftOut(); });
      return;
    }
    tx.onUndone(() => { slots.releaseAutomatic(to, draft.bytes); });
    const slot = await rows.store(tx, draft, this.#d.newId());
    if (slots.automaticFor(to) <= hurriedMax) await this.#d.sealAtOnce(tx, slot, content);
  }

  /** Takes message `id` back: true if it will never leave. False once it is sealed. */
  cancel(id: string): Promise<boolean> {
    return this.#d.ledger.run(async (tx) => {
      const entry = await this.#d.rows.entry(tx, id);
      // An old copy of the store may have sent it in the life that was lost: the archive is asked first (threats R21).
      const isUnclear = this.#d.slots.find(id)?.whereabouts.kind === "unclear";
      if (entry === undefined || entry.sealed !== undefined || isUnclear) return false;
      await this.#d.rows.fail(tx, id, new ClientError("ERR_MESSAGE_CANCELLED", "the message was taken back before it was encrypted"));
      return true;
    });
  }

  /** Whether message `id` was taken back: the answer to a {@link cancel} whose own was lost. */
  async isCancelled(id: string): Promise<boolean> {
    const { ledger, log } = this.#d;
    return ledger.read(async (tx) => {
      const code = (await log.sent(tx, id))?.delivery?.error?.code ?? (await log.sentPlace(tx, id))?.failed;
      return code === "ERR_MESSAGE_CANCELLED";
    });
  }

  #draft(to: BareJid, content: readonly XmlElement[], { protection = "omemo" }: SendOptions): EntryDraft {
    const text = contentText(content);
    const bytes = utf8(text).length;
    this.#d.slots.reserve(bytes);
    return { to, content, text, protection, purpose: "message", bytes };
  }

  #newTracker(to: BareJid, id: string = this.#d.newId()): SendTracker {
    const tracker = new SendTracker(id, to, (own) => this.cancel(own), this.#onListenerError);
    this.#d.trackers.add(tracker);
    return tracker;
  }

  async #storeIn(tx: Transaction, draft: EntryDraft, tracker: SendTracker): Promise<void> {
    tx.onUndone((error) => {
      this.#d.slots.release(draft.bytes);
      this.#refuse(tracker, error);
    });
    await this.#store(tx, draft, tracker);
  }

  /** Stores it, and seals it in the same commit where that can be done at once. */
  async #store(tx: Transaction, draft: EntryDraft, tracker: SendTracker): Promise<void> {
    if (this.#d.hasRoom !== undefined && !(await this.#d.hasRoom())) {
      throw new StorageError("ERR_STORE_FULL", "the store has no room for new messages", { retryable: true });
    }
    const slot = await this.#d.rows.store(tx, draft, tracker.id, tracker);
    await this.#d.sealAtOnce(tx, slot, draft.content);
  }

  #tellLeftOut(): void {
    if (this.#leftOut) return;
    this.#leftOut = true;
    this.#d.onError(new ClientError("ERR_OUTBOX_FULL", "too many receipts wait to be sent; further ones are left out", { retryable: true }));
  }

  #remind(tracker: SendTracker, { waits, tell }: Recalled): void {
    tell(tracker);
    if (!waits) this.#d.trackers.settle(tracker.id);
  }

  #refuse(tracker: SendTracker, error: unknown): void {
    tracker.fail(asSottoError(error));
    this.#d.trackers.settle(tracker.id);
  }
}
