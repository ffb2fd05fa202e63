/**
 * Receiving: commit, then deliver. Live stanzas and pages of the archive go through one pipeline, in the order in which they came.
 * One commit holds the ratchet state, the row of the log, the receipts that are due, the cursor of the archive and how far the stream
 * may be acknowledged; after it the delivery is released and the readers of the log hear of it.
 * Spec: docs/architecture.md, The commit rule; docs/decisions/0007-log-and-inbox.md; threats D01, Q06, Q16, Q17, R13.
 * Not here: what happens to one message (intake.ts), and where that fails (safe-intake.ts), when pages are read (catch-up.ts), readers (log/, message-feed.ts).
 * @module
 */
import { Breather } from "../../base/breather.js";
import type { Ledger } from "../../session/ledger.js";
import type { FollowUp } from "../../session/outcome.js";
import type { Transaction } from "../../session/transaction.js";
import type { Delivery } from "../../transport/connection/stream.js";
import type { ArchivedMessage } from "../../transport/features/archive.js";
import { stanzaError } from "../../transport/stream/stanza-error.js";
import type { XmlElement } from "../../base/xml.js";
import { unlessDamaged } from "../damaged.js";
import { asSottoError } from "../errors.js";
import { followUpKey } from "../follow-ups.js";
import type { Connection } from "../link.js";
import { Held } from "./held.js";
import { Consequences } from "./intake.js";
import { type Letter, openArchived, openLive, type Surroundings } from "./letter.js";
import { SafeIntake, type SafeIntakeDeps } from "./safe-intake.js";

/** Messages of one commit. */
export const pageCommitMax = 100;
/** Live messages after which the archive is read up in passing: the next connection shall not have to read them all. */
export const liveUnreadMax = 1_000;
/** Follow-ups that are kept until the archive is caught up (threats L02). */
const deferredMax = 1_000;

export interface ReceiverDeps extends SafeIntakeDeps {
  readonly ledger: Ledger;
  /** Runs what a session asks for; during catch-up it is held back (threats R13). */
  readonly followUp: (followUp: FollowUp) => void;
  /** Notes in the commit of a stanza that it may be acknowledged. */
  readonly noteInbound: (tx: Transaction, delivery: Delivery, connection: Connection) => void;
}

/** How a page is taken in. */
export interface PageRoute {
  /** Own messages stored after this time must be known; `undefined`: none need to be. */
  readonly witnessAfter?: number;
  /** History from before this device, newest first. */
  readonly older?: boolean;
  /**
   * This device sent something that its store does not know: the store has gone back in time (threats R21). Called in each commit that holds proof of
   * it: behind the cursor the proof is never seen again.
   */
  readonly onRollback?: (tx: Transaction) => void;
  /** Called in each commit with the last message that it holds, to move the cursor with it. */
  readonly commit: (tx: Transaction, last: ArchivedMessage | undefined) => void;
}

interface Arrival {
  readonly stanza: XmlElement;
  readonly delivery: Delivery;
  readonly release: () => void;
  readonly connection: Connection;
}

/** Takes in messages, strictly in order. */
export class Receiver {
  readonly #d: ReceiverDeps;
  readonly #intake: SafeIntake;
  readonly #pending = new Set<Promise<void>>();
  /** Of the live messages that are being taken in without a break. */
  #breather: Breather;
  /** Connections whose stanzas are taken in as they come. */
  readonly #open = new WeakSet<Connection>();
  /** Connections on which a commit has failed: nothing after it may be acknowledged. */
  readonly #broken = new WeakSet<Connection>();
  #held: { readonly connection: Connection; readonly waiting: Held<Arrival> } | undefined;
  #stanzaIdsTrusted = false;
  #liveUnread = 0;
  readonly #deferred = new Map<string, FollowUp>();
  #onLag: (connection: Connection) => void = () => undefined;

  constructor(deps: ReceiverDeps) {
    this.#d = deps;
    this.#intake = new SafeIntake(deps);
    this.#breather = new Breather(deps.clock);
  }

  /** To be called in the stanza's own turn. Never throws. Stanzas of a connection that has to catch up wait for {@link Receiver.open}. */
  accept(stanza: XmlElement, delivery: Delivery, connection: Connection): void {
    const arrival = { stanza, delivery, release: delivery.hold(), connection };
    if (connection.continued || this.#open.has(connection)) {
      this.#take(arrival);
      return;
    }
    if (this.#held?.connection !== connection) this.#held = { connection, waiting: new Held(this.#d.account) };
    // Out of its order: acknowledged through its delivery alone, for what came before it is not durable yet.
    if (!this.#held.waiting.add(arrival)) this.#take(arrival, false);
  }

  /** Whether stanza-ids of our server can be believed on this connection (threats F10). */
  trustStanzaIds(trusted: boolean): void {
    this.#stanzaIdsTrusted = trusted;
  }

  /** To be called when the archive has been read: whether stanzas of `connection` were left to it since the last call. */
  takeOverflow(connection: Connection): boolean {
    const ahead = this.#heldOf(connection)?.takeOverflow();
    for (const arrival of ahead ?? []) this.#take(arrival, false);
    return ahead !== undefined;
  }

  /**
   * What waits is taken in, and from now on everything as it comes. False if stanzas were left to an archive that nobody has read: then
   * only what came before them is taken in, and the rest comes again with the next connection.
   */
  open(connection: Connection): boolean {
    const held = this.#heldOf(connection);
    const isComplete = held?.owed !== true;
    if (isComplete) {
      this.#open.add(connection);
      this.#held = undefined;
    }
    for (const arrival of held?.takeAll() ?? []) this.#take(arrival);
    return isComplete;
  }

  #heldOf(connection: Connection): Held<Arrival> | undefined {
    return this.#held?.connection === connection ? this.#held.waiting : undefined;
  }

  /** Calls `listener` when so much has come live that the archive should be read up in passing. */
  whenLagging(listener: (connection: Connection) => void): void {
    this.#onLag = listener;
  }

  /** Takes in a page of the archive: one commit per {@link pageCommitMax} messages. @throws StorageError */
  async takePage(messages: readonly ArchivedMessage[], route: PageRoute): Promise<void> {
    for (let from = 0; from === 0 || from < messages.length; from += pageCommitMax) {
      const together = messages.slice(from, from + pageCommitMax);
      // Prosody archives what comes back to a client that has gone. Behind the cursor nobody would see it again, so it counts before.
      for (const archived of together) {
        if (route.older !== true && archived.stanza.attrs["type"] === "error") await this.#takeError(openArchived(archived, this.#surroundings()));
      }
      const { followUps } = await this.#takeTogether(together, route);
      for (const followUp of followUps) if (this.#deferred.size < deferredMax) this.#deferred.set(followUpKey(followUp), followUp);
    }
    if (route.older !== true) this.#liveUnread = 0;
  }

  /** The archive is caught up: what the pages asked for is done now, once per device (threats R13). */
  flushFollowUps(): void {
    for (const followUp of this.#deferred.values()) this.#d.followUp(followUp);
    this.#deferred.clear();
  }

  /** Resolves when everything accepted so far is committed and told. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #take(arrival: Arrival, inOrder = true): void {
    if (this.#pending.size === 0) this.#breather = new Breather(this.#d.clock);
    const work = this.#handle(arrival, inOrder).catch((error: unknown) => { this.#fail(arrival.connection, error); });
    this.#pending.add(work);
    void work.then(() => this.#pending.delete(work));
  }

  async #handle({ stanza, delivery, release, connection }: Arrival, inOrder: boolean): Promise<void> {
    const letter = openLive(stanza, this.#surroundings());
    if (letter?.message.type === "error") await this.#takeError(letter);
    // Handed to the ledger in the stanza's own turn: its queue keeps the order, and what queues up is committed together.
    else if (letter !== undefined) {
      const due = await this.#d.ledger.run((tx) => this.#takeOne(tx, letter, connection, inOrder ? delivery : undefined));
      if (due === undefined) return; // not acknowledged, so it will come again
      for (const followUp of due.followUps) this.#d.followUp(followUp);
      if (letter.stanzaId !== undefined && ++this.#liveUnread % liveUnreadMax === 0) this.#onLag(connection);
    }
    release();
  }

  /** Somebody could not take what we have sent him. What we ourselves say of what others have sent counts for nothing. */
  async #takeError(letter: Letter | undefined): Promise<void> {
    if (letter === undefined || letter.conversation !== letter.sender) return;
    const { condition, type } = stanzaError(letter.stanza).details;
    await this.#d.sent.refused(letter.message.id ?? "", letter.sender, String(condition), String(type ?? "cancel"));
  }

  async #takeOne(tx: Transaction, letter: Letter, connection: Connection, delivery: Delivery | undefined): Promise<Consequences | undefined> {
    if (this.#broken.has(connection)) return undefined;
    tx.onUndone(() => { this.#broken.add(connection); });
    const due = new Consequences();
    await this.#intake.take(tx, letter, { older: false, witness: false }, due);
    await this.#intake.notify(tx, due);
    if (delivery !== undefined) this.#d.noteInbound(tx, delivery, connection);
    await this.#breather.pause();
    return due;
  }

  #takeTogether(messages: readonly ArchivedMessage[], route: PageRoute): Promise<Consequences> {
    const { log, ledger, clock } = this.#d;
    return ledger.run(async (tx) => {
      const due = new Consequences();
      const breather = new Breather(clock);
      // One read for the page. A row that is damaged is left to the message that needs it: it must not keep the others out (threats D13).
      await unlessDamaged(() => tx.getMany(messages.flatMap(({ id }) => [log.keys.stanzaId(id), log.keys.taken(id)])));
      for (const archived of messages) {
        const letter = openArchived(archived, this.#surroundings());
        if (letter === undefined) continue;
        const witness = route.witnessAfter !== undefined && archived.stamp > route.witnessAfter;
        await this.#intake.take(tx, letter, { older: route.older === true, witness }, due);
        await breather.pause();
      }
      await this.#intake.notify(tx, due);
      if (due.rolledBack) route.onRollback?.(tx);
      route.commit(tx, messages.at(-1));
      return due;
    });
  }

  /** A commit failed. The stream ends, so that the server keeps for us what it has not seen acknowledged (threats Q06). */
  #fail(connection: Connection, error: unknown): void {
    this.#intake.tell(asSottoError(error));
    this.#broken.add(connection);
    void connection.stream.close();
  }

  #surroundings(): Surroundings {
    return { account: this.#d.account, now: this.#d.clock.now(), stanzaIdsTrusted: this.#stanzaIdsTrusted };
  }
}
