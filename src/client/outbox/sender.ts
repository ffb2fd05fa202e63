/**
 * Sending: commit, then send. Says what a connection proves about the messages that were written before, and settles them on their
 * evidence. Every state stands on what the server, the archive or the addressee has said (threats Q01, F15).
 * Spec: docs/decisions/0006-outbox.md.
 * Not here: handing messages in (send-intake.ts), the way from the outbox to the wire (flow.ts).
 * @module
 */
import { utf8 } from "../../base/bytes.js";
import type { Clock } from "../../base/clock.js";
import type { Unsubscribe } from "../../base/events.js";
import { type BareJid, domainOf } from "../../base/jid.js";
import type { Rng } from "../../base/rng.js";
import type { Ledger } from "../../session/ledger.js";
import type { Store } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import type { TransportError } from "../../transport/errors.js";
import type { StreamSession } from "../../transport/stream/stream-session.js";
import { unlessDamaged } from "../damaged.js";
import { type AnySottoError, asSottoError, ClientError, loaded } from "../errors.js";
import type { Connection } from "../link.js";
import type { LogChange, MessageLog } from "../log/message-log.js";
import type { Message } from "../message.js";
import { Blame, isBlameable } from "./blame.js";
import { isOwn, outboxKey, suspectKey, unreadableEntry } from "./entry.js";
import type { Flow, FlowDeps } from "./flow.js";
import { judge } from "./judge.js";
import { loadSlots } from "./load.js";
import { type ArchivedFate, Rows } from "./rows.js";
import { SendIntake } from "./send-intake.js";
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
  readonly log: MessageLog;
  /** The newest time that the archive is known to hold, by its own clock. */
  readonly archiveStamp: (tx: Transaction) => Promise<number | undefined>;
  /** Whether the account blocks `jid`, or hides from it, by now (threats V01, V04). */
  readonly isBlocked: (jid: BareJid) => boolean;
  readonly onError: (error: AnySottoError) => void;
  /** A message has failed; told once for each, after the commit that says so. */
  readonly onFailed?: (message: Message) => void;
  /** Whether the store has room for new messages beside what receiving needs; absent: as far as it can tell (threats D06). */
  readonly hasRoom?: () => Promise<boolean>;
}

/** The outbox of one client. */
export class Sender {
  /** Where messages are handed in. */
  readonly intake: SendIntake;
  readonly #d: SenderDeps;
  readonly #slots: Slots;
  readonly #window: Window = new Window();
  readonly #trackers: Trackers = new Trackers((_id, tracker) => { tracker.park(() => { this.intake.followAgain(tracker); }); });
  readonly #blame: Blame = new Blame();
  readonly #rows: Rows;
  readonly #flowDeps: Omit<FlowDeps, "omemo" | "mend">;
  /** Comes with the first stream. */
  #flow: Flow | undefined;
  readonly #settler: Settler;
  /** The session of XEP-0198 that the window belongs to, while this process holds it. */
  #session: StreamSession | undefined;
  #begun: Connection | undefined;
  #unsubscribe: readonly Unsubscribe[] = [];

  private constructor(deps: SenderDeps, slots: Slots) {
    const { account, ledger, clock, rng, newId, log, archiveStamp, isBlocked, onError, onFailed, hasRoom } = deps;
    const window = this.#window;
    const trackers = this.#trackers;
    this.#d = deps;
    this.#slots = slots;
    this.#rows = new Rows({
      account, clock, log, slots, window, trackers, archiveStamp, isBlocked, onFailed,
      onStored: (lane) => { this.#flow?.kick(lane); },
      onRemoved: (slot) => { this.#blame.acquit(slot); },
    });
    this.intake = new SendIntake({
      ledger, newId, log, slots, trackers, rows: this.#rows, hasRoom, onError,
      sealAtOnce: (tx, slot, content) => this.#flow?.sealAtOnce(tx, slot, content),
    });
    this.#flowDeps = { account, ledger, clock, rng, slots, window, rows: this.#rows, trackers, blame: this.#blame, onError };
    this.#settler = new Settler({ ledger, clock, rng, onError, settle: (tx, confirmed) => this.#rows.sent(tx, confirmed) });
    log.onChange((change) => { this.#follow(change); });
  }

  /** Reads what an earlier run left. */
  static async load(store: Store, deps: SenderDeps): Promise<Sender> {
    const { slots, damage } = await loadSlots(store, deps.onError);
    const sender = new Sender(deps, slots);
    if (damage.places.length > 0) {
      const settling = loaded(import("../mending/mending.js")).then(({ settleOrphans }) => settleOrphans({ ...deps, slots, rows: sender.#rows, outboxKey, unreadableEntry }, damage));
      await settling.catch((error: unknown) => { deps.onError(asSottoError(error)); }); // the next run tries again
    }
    return sender;
  }

  /** Gives it the way to the wire, before the first stream. Without one everything waits. */
  equip(openFlow: (deps: Omit<FlowDeps, "omemo" | "mend">) => Flow): void {
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

  /** Devices or keys have changed. */
  forgetPlans(): void {
    this.#flow?.forgetPlans();
  }

  /**
   * Before a session is asked for again: from the server's answer on its numbers stand for other stanzas, and a crash may come before
   * {@link Sender.begin} has noted that. For the next process what is written is unclear then (threats Q17). @throws StorageError
   */
  beforeResume(): Promise<void> {
    return this.#d.ledger.run((tx) => { this.#window.retract(tx); });
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
      stream.onEnd(({ error }) => { this.#blame.ended(error, this.#window.slots().filter((slot) => this.#slots.find(slot.id) === slot)); }), // what was refused on the way is judged
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

  /** Nothing will be told of any message any more: whoever waits hears `reason`. What is stored stays where it is. */
  end(reason: Error): void {
    this.#trackers.end(reason);
  }

  /** Our archive has the message `originId` of this account. */
  archived(tx: Transaction, originId: string, stanzaId: string): Promise<ArchivedFate> {
    return this.#rows.archived(tx, originId, stanzaId);
  }

  /** Whether this device has ever sealed `id`. */
  knows(tx: Transaction, id: string): Promise<boolean> {
    return isOwn(tx, id);
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
      // Neither needs the message: one that cannot be read must not end the stream, which would only bring this again (threats D13).
      const place = await unlessDamaged(() => log.sentPlace(tx, id));
      const slot = this.#slots.find(id);
      const to = slot?.to ?? (typeof place === "object" ? place.conversation : undefined);
      // What is not sealed was sent by a state that was lost, if at all: that is the archive's to show (threats R21).
      if (to === undefined || slot?.sealed === false || ![to, account, domainOf(account)].includes(from)) return;
      await this.#rows.fail(tx, id, error);
    });
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

  /** News that others bring to the log: receipts, markers, the archive. */
  #follow({ kind, message }: LogChange): void {
    const { delivery } = message;
    if (kind !== "changed" || delivery === undefined || delivery.state === "failed") return;
    this.#trackers.get(message.id)?.advance({
      state: delivery.state, archived: delivery.archived, ...(delivery.authenticated === undefined ? {} : { authenticated: delivery.authenticated }),
    });
  }
}
