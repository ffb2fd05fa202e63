/**
 * Sending: commit, then send. Takes messages in, says what a connection proves about those that were written before, and settles them on
 * their evidence. Every state stands on what the server, the archive or the addressee has said (threats Q01, F15).
 * Spec: design sections 3 and 4; docs/decisions/0006-outbox.md. Not here: the way from the outbox to the wire (flow.ts).
 * @module
 */
import { utf8 } from "../../base/bytes.js";
import type { Clock } from "../../base/clock.js";
import type { Unsubscribe } from "../../base/events.js";
import { type BareJid, domainOf } from "../../base/jid.js";
import type { Rng } from "../../base/rng.js";
import type { XmlElement } from "../../base/xml.js";
import type { Ledger } from "../../session/ledger.js";
import type { Store } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { StorageError } from "../../storage/errors.js";
import type { TransportError } from "../../transport/errors.js";
import type { StreamSession } from "../../transport/stream/stream-session.js";
import { type AnySottoError, asSottoError, ClientError } from "../errors.js";
import type { Connection } from "../link.js";
import type { LogChange } from "../log/message-log.js";
import { Blame, isBlameable } from "./blame.js";
import { contentText, decodeEntry, outboxKey, ownKey, type Protection, type Purpose, suspectKey } from "./entry.js";
import type { Flow, FlowDeps } from "./flow.js";
import { judge } from "./judge.js";
import { loadSlots } from "./load.js";
import { recalled, type RecallDeps, type Recalled } from "./recall.js";
import { type ArchivedFate, type EntryDraft, Rows, type SentLog } from "./rows.js";
import { SendTracker } from "./send-handle.js";
import { Settler } from "./settler.js";
import type { Slot, Slots } from "./slots.js";
import { Trackers } from "./trackers.js";
import { Window } from "./window.js";

export interface SenderDeps {
  readonly account: BareJid;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly newId: () => string;
  readonly log: SentLog;
  /** The newest time that the archive is known to hold, by its own clock. */
  readonly archiveStamp: (tx: Transaction) => Promise<number | undefined>;
  /** Whether the account blocks `jid` by now (threats V04). */
  readonly isBlocked: (jid: BareJid) => boolean;
  readonly onError: (error: AnySottoError) => void;
  /** Whether the store has room for new messages beside what receiving needs; absent: as far as it can tell (threats D06). */
  readonly hasRoom?: () => Promise<boolean>;
}

/** How a message is to be sent. */
export interface SendOptions {
  /** Default `omemo`. */
  readonly protection?: Protection;
  /** Default `message`. */
  readonly purpose?: Purpose;
}

/** The outbox of one client. */
export class Sender {
  readonly #d: SenderDeps;
  readonly #slots: Slots;
  readonly #window: Window = new Window();
  readonly #trackers: Trackers = new Trackers();
  readonly #blame: Blame = new Blame();
  readonly #rows: Rows;
  readonly #flowDeps: Omit<FlowDeps, "omemo">;
  /** Comes with the first stream. */
  #flow: Flow | undefined;
  readonly #settler: Settler;
  /** The session of XEP-0198 that the window belongs to, while this process holds it. */
  #session: StreamSession | undefined;
  #begun: Connection | undefined;
  #unsubscribe: readonly Unsubscribe[] = [];

  private constructor(deps: SenderDeps, slots: Slots) {
    const { account, ledger, clock, rng, log, archiveStamp, isBlocked, onError } = deps;
    const window = this.#window;
    const trackers = this.#trackers;
    this.#d = deps;
    this.#slots = slots;
    this.#rows = new Rows({
      account, clock, log, slots, window, trackers, archiveStamp,
      onStored: (lane) => { this.#flow?.kick(lane); },
      onRemoved: (slot) => { this.#blame.acquit(slot); },
    });
    this.#flowDeps = { account, ledger, clock, rng, slots, window, rows: this.#rows, trackers, blame: this.#blame, isBlocked, onError };
    this.#settler = new Settler({ ledger, clock, rng, onError, settle: (tx, confirmed) => this.#rows.sent(tx, confirmed) });
    log.onChange((change) => { this.#follow(change); });
  }

  /** Reads what an earlier run left. */
  static async load(store: Store, deps: SenderDeps): Promise<Sender> {
    return new Sender(deps, await loadSlots(store, deps.onError));
  }

  /** Gives it the way to the wire, before the first stream. Without one everything waits. */
  equip(openFlow: (deps: Omit<FlowDeps, "omemo">) => Flow): void {
    this.#flow ??= openFlow(this.#flowDeps);
  }

  /** Messages that wait to leave or to be confirmed. */
  get waiting(): number {
    return this.#slots.count;
  }

  /** Calls `listener` when {@link waiting} has changed. */
  onWaiting(listener: () => void): Unsubscribe {
    return this.#slots.counted.subscribe(listener);
  }

  /** Accepts a message; never throws. The handle exists at once, storing goes on behind it, and a failure is the handle's. */
  accept(to: BareJid, content: readonly XmlElement[], options: SendOptions = {}): SendTracker {
    const tracker = this.#newTracker(to);
    try {
      const draft = this.#draft(to, content, options);
      this.#d.ledger.run((tx) => this.#store(tx, draft, tracker)).catch((error: unknown) => {
        this.#slots.release(draft.bytes);
        this.#refuse(tracker, error);
      });
    } catch (error) {
      this.#refuse(tracker, error);
    }
    return tracker;
  }

  /** As {@link accept}, once or again: what outbox or log know under `id`, also from an earlier run, is not sent anew, and the handle is on that. */
  acceptAs(id: string, to: BareJid, content: readonly XmlElement[], options: SendOptions = {}): SendTracker {
    const present = this.#trackers.get(id);
    if (present !== undefined) return present;
    const tracker = this.#newTracker(to, id);
    this.#d.ledger.run(async (tx) => {
      const known = await recalled(this.#recallDeps, tx, id);
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
        const present = this.#trackers.get(id);
        const tracker = present ?? this.#newTracker(to, id);
        const known = await recalled(this.#recallDeps, tx, id);
        if (known !== undefined) this.#remind(tracker, known);
        else if (present === undefined) this.#trackers.settle(id);
        if (known !== undefined || present !== undefined) found.push(tracker);
      }
      return found;
    });
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

  async #storeIn(tx: Transaction, draft: EntryDraft, tracker: SendTracker): Promise<void> {
    tx.onUndone((error) => {
      this.#slots.release(draft.bytes);
      this.#refuse(tracker, error);
    });
    await this.#store(tx, draft, tracker);
  }

  #refuse(tracker: SendTracker, error: unknown): void {
    tracker.fail(asSottoError(error));
    this.#trackers.settle(tracker.id);
  }

  /** Devices or keys have changed. */
  forgetPlans(): void {
    this.#flow?.forgetPlans();
  }

  /** Stores it, and seals it in the same commit where that can be done at once. */
  async #store(tx: Transaction, draft: EntryDraft, tracker: SendTracker): Promise<void> {
    if (draft.purpose === "message" && this.#d.hasRoom !== undefined && !(await this.#d.hasRoom())) {
      throw new StorageError("ERR_STORE_FULL", "the store has no room for new messages", { retryable: true });
    }
    const slot = await this.#rows.store(tx, draft, tracker);
    await this.#flow?.sealAtOnce(tx, slot, draft.content);
  }

  /**
   * In the stream's first turn: what its session says about the messages that were written before, and what it will say about those
   * to come. Nothing is written yet.
   */
  begin(connection: Connection): void {
    if (this.#begun === connection) return;
    const { stream, epoch } = connection;
    const { start, session } = stream;
    const resumed = start.kind === "resumed";
    const same = resumed && session !== undefined && session === this.#session;
    // A connection that was over before it got here may have given numbers out anew.
    const recalled = (resumed ? session : this.#session)?.takeRecalled();
    const confirmed = [
      ...(same ? this.#window.confirm(recalled ?? Math.max(start.handled, session.acknowledged)) : []),
      ...judge(this.#slots.all(), start, epoch, recalled),
    ];
    this.#window.restart(epoch);
    this.#begun = connection;
    this.#session = session;
    this.#confirm(confirmed);
    this.#unsubscribe = [
      stream.onAcknowledged((upTo) => {
        this.#confirm(this.#window.confirm(upTo));
        this.#flow?.unblock();
      }),
      stream.onEnd(({ error }) => { this.#blame.ended(error, this.#window.slots()); }),
    ];
    // Sequences that are stored must not outlive the numbering that they are of: the next stanza gets one of them.
    this.#d.ledger.run((tx) => { this.#window.save(tx); }).catch(() => stream.close());
  }

  /** The stream is set up: everything that waits leaves, what was sealed before as the identical bytes. */
  attach(connection: Connection): void {
    this.begin(connection);
    this.#flow?.attach(connection);
  }

  /** The stream is gone; entries stay where they are. */
  detach(): void {
    for (const stop of this.#unsubscribe) stop();
    this.#unsubscribe = [];
    this.#begun = undefined;
    this.#flow?.detach();
  }

  /** Whether a message of ours may have caused this end of the stream: then connecting again is right, for it will be found (threats Q13). */
  mayBlame(error: TransportError): boolean {
    return isBlameable(error) && this.#window.size > 0;
  }

  /** Ends all timers; resolves when nothing runs any more. To be called after {@link detach}. */
  async settled(): Promise<void> {
    await this.#flow?.settled();
    await this.#settler.stop();
  }

  /** Our archive has the message `originId` of this account. */
  async archived(tx: Transaction, originId: string, stanzaId: string): Promise<ArchivedFate> {
    const fate = await this.#rows.archived(tx, originId, stanzaId);
    return fate === "unknown" && (await this.knows(tx, originId)) ? "known" : fate;
  }

  /** Whether this device has ever sealed `id`: messages, receipts, empty messages. */
  async knows(tx: Transaction, id: string): Promise<boolean> {
    const key = ownKey(id);
    return key !== undefined && (await tx.get(key)) !== undefined;
  }

  /** Remembers an id that is sealed outside the outbox, in the commit that seals it. */
  noteOwn(tx: Transaction, id: string): void {
    this.#rows.noteOwn(tx, id);
  }

  /** An error stanza came back for message `id`. Only the addressee, our account or our server may say so (threats F15). */
  async refused(id: string, from: BareJid, condition: string, type?: string): Promise<void> {
    const { account, ledger, log } = this.#d;
    const error = new ClientError("ERR_MESSAGE_REFUSED", "the recipient's side refused the message", { details: { condition }, retryable: type === "wait" });
    await ledger.run(async (tx) => {
      const to = (await this.#entryIn(tx, id))?.to ?? (await log.sent(tx, id))?.conversation;
      if (to === undefined || ![to, account, domainOf(account)].includes(from)) return;
      await this.#rows.fail(tx, id, error);
    });
  }

  /** Takes message `id` back: true if it will never leave. False once it is sealed. */
  cancel(id: string): Promise<boolean> {
    return this.#d.ledger.run(async (tx) => {
      const entry = await this.#entryIn(tx, id);
      if (entry === undefined || entry.sealed !== undefined) return false;
      await this.#rows.fail(tx, id, new ClientError("ERR_MESSAGE_CANCELLED", "the message was taken back before it was encrypted"));
      return true;
    });
  }

  /** Whether message `id` was taken back: the answer to a {@link cancel} whose own was lost. */
  async isCancelled(id: string): Promise<boolean> {
    const message = await this.#d.ledger.read((tx) => this.#d.log.sent(tx, id));
    return message?.delivery?.error?.code === "ERR_MESSAGE_CANCELLED";
  }

  /**
   * The store is an old copy: everything that waits may have been sent by the state that was lost. The archive is asked before any of
   * it is encrypted or written, also after a restart (threats R21).
   */
  async suspect(): Promise<void> {
    const upTo = this.#slots.lastSeq;
    await this.#d.ledger.run((tx) => { tx.put(suspectKey, utf8(String(upTo))); });
    for (const slot of this.#slots.all()) if (slot.seq <= upTo && slot.whereabouts.kind === "here") slot.whereabouts = { kind: "unclear" };
  }

  /** The server has them, which is told at once: it is true, whatever becomes of the commit that notes it. */
  #confirm(slots: readonly Slot[]): void {
    for (const { id } of slots) this.#trackers.get(id)?.advance({ state: "sent" });
    this.#settler.add(slots);
  }

  /** The entry as `tx` would leave it. */
  async #entryIn(tx: Transaction, id: string): Promise<ReturnType<typeof decodeEntry> | undefined> {
    const slot = this.#slots.find(id);
    const row = slot === undefined ? undefined : await tx.get(outboxKey(slot.seq));
    return row === undefined ? undefined : decodeEntry(row);
  }

  #newTracker(to: BareJid, id: string = this.#d.newId()): SendTracker {
    const tracker = new SendTracker(id, to, (own) => this.cancel(own));
    this.#trackers.add(tracker);
    return tracker;
  }

  #remind(tracker: SendTracker, { waits, tell }: Recalled): void {
    tell(tracker);
    if (!waits) this.#trackers.settle(tracker.id);
  }

  get #recallDeps(): RecallDeps {
    return { slots: this.#slots, log: this.#d.log, knows: (tx, id) => this.knows(tx, id) };
  }

  #draft(to: BareJid, content: readonly XmlElement[], { protection = "omemo", purpose = "message" }: SendOptions): EntryDraft {
    const text = contentText(content);
    const bytes = utf8(text).length;
    this.#slots.reserve(bytes);
    return { to, content, text, protection, purpose, bytes };
  }

  /** News that others bring to the log: receipts, markers, the archive. */
  #follow({ kind, message }: LogChange): void {
    const { delivery } = message;
    if (kind !== "changed" || delivery === undefined || delivery.state === "failed") return;
    this.#trackers.get(message.id)?.advance({
      state: delivery.state, archived: delivery.archived, ...(delivery.authenticated === undefined ? {} : { authenticated: delivery.authenticated }),
    });
  }
}
