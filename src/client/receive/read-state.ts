/**
 * How far conversations were read: here, told to the sender by a displayed marker, and to the account's other devices by a private item.
 * The position only moves forward. Nothing is told to strangers (threats V03).
 * Spec: XEP-0333, XEP-0490 #rules-client. Not here: markers that come in (evidence.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { readPositionsMax } from "../../base/limits.js";
import type { Ledger } from "../../session/ledger.js";
import type { Transaction } from "../../session/transaction.js";
import type { ReadPositions } from "../../transport/features/read-positions.js";
import { encodeDisplayed } from "../../transport/xep/xep0333.js";
import type { ReadPosition } from "../../transport/xep/xep0490.js";
import type { Gate } from "../contact-policy/gate.js";
import { unlessDamaged } from "../damaged.js";
import type { ClientEvent } from "../events.js";
import { readPrefix } from "../log/keys.js";
import type { MessageLog, Named } from "../log/message-log.js";
import type { LogRecord } from "../log/message-record.js";
import { decodeReadPlace, type ReadPlace } from "../log/read-place.js";
import type { Notify } from "./receipts.js";

/** Messages, from the newest that was displayed backwards, among which one is looked for that can be told of. */
const lookBackMax = 100;

export interface ReadStateDeps {
  readonly ledger: Ledger;
  readonly log: MessageLog;
  readonly notify: Notify;
  readonly emit: (event: ClientEvent) => void;
  readonly onError: (error: unknown) => void;
  /** Who may learn that we are there (threats V03, V04). */
  readonly gate: Pick<Gate, "mayNotify">;
}

/** The read positions of all conversations. */
export class ReadState {
  readonly #d: ReadStateDeps;
  #positions: ReadPositions | undefined;
  #publishing = false;
  /** Conversations that were displayed in this run. */
  readonly #displayedIn = new Set<BareJid>();
  /** Something is to be told since it was last looked for. */
  #due = false;
  /**
   * Positions of other devices that name a message which is not in the log, or not yet under that id: what this device sent has one only
   * once it was seen in the archive. The last one of each conversation. Not stored: every stream begins with all positions.
   */
  readonly #pending = new Map<BareJid, string>();

  constructor(deps: ReadStateDeps) {
    this.#d = deps;
    deps.log.onNamed((named) => { this.#resolve(named); });
  }

  /** Where `conversation` was read up to on any device of the account; `undefined` if nowhere. */
  position(conversation: BareJid): Promise<number | undefined> {
    return this.#d.ledger.read(async (tx) => (await this.#load(tx, conversation))?.position);
  }

  /**
   * `conversation` was displayed up to the message at `position`, whoever wrote it. Others are told of the newest message up to there that
   * can be told of. Durable when it resolves; telling follows when there is a link.
   */
  async markDisplayed(conversation: BareJid, position: number): Promise<void> {
    const moved = await this.#d.ledger.run(async (tx) => {
      if ((await this.#d.log.record(tx, position))?.message.conversation !== conversation) return false;
      const known = await this.#load(tx, conversation);
      if (known !== undefined && known.position >= position) return false;
      const displayed = await this.#displayed(tx, conversation, position, known);
      // A message without an id of the archive cannot be named to the other devices; what was to be told before still is.
      const unpublished = displayed.find(isNameable)?.extras.stanzaId ?? known?.unpublished;
      this.#save(tx, { conversation, position, ...(unpublished === undefined ? {} : { unpublished }) });
      const asked = displayed.find(asksMarker);
      if (asked !== undefined) await this.#mark(tx, asked);
      return true;
    });
    if (!moved) return;
    this.#displayedIn.add(conversation);
    this.#publish();
  }

  /** A link is up: positions of other devices are taken over, and what they do not know is told. */
  async attach(positions: ReadPositions, signal: AbortSignal): Promise<void> {
    this.#positions = positions;
    positions.onPosition((position) => this.#learn(position));
    const known = await positions.fetchAll(signal);
    if (known.kind === "found") for (const position of known.value) await this.#learn(position);
    this.#publish();
  }

  detach(): void {
    this.#positions = undefined;
  }

  /** What the others wrote that was not displayed before, newest first. History from before this device was another device's to tell of. */
  async #displayed(tx: Transaction, conversation: BareJid, position: number, known: ReadPlace | undefined): Promise<readonly LogRecord[]> {
    const floor = known?.position ?? (position > 0 ? 0 : Number.NEGATIVE_INFINITY);
    const records = await this.#d.log.newest(tx, conversation, position, lookBackMax);
    return records.filter(({ message }) => message.direction === "received" && message.position > floor);
  }

  /** Tells the sender, if he may learn that we are there. */
  async #mark(tx: Transaction, { message: { from, id, security } }: LogRecord): Promise<void> {
    if (!(await this.#d.gate.mayNotify(tx, from))) return;
    await this.#d.notify(tx, from, [encodeDisplayed(id)], { protection: security.level === "none" ? "none" : "omemo", purpose: "marker" });
  }

  async #learn({ conversation, stanzaId }: ReadPosition): Promise<void> {
    const position = await this.#d.ledger.run(async (tx) => {
      const found = await this.#d.log.positionOfStanza(tx, stanzaId);
      // Here, in the queue of the writers: what gets that id behind this is told of.
      if (found === undefined) this.#await(conversation, stanzaId);
      if (found === undefined) return undefined;
      // One that was deleted here, or cannot be read, says as well how far was read.
      const record = await unlessDamaged(() => this.#d.log.record(tx, found));
      if (typeof record === "object" && record.message.conversation !== conversation) return undefined;
      const known = await this.#load(tx, conversation);
      if (known !== undefined && known.position >= found) return undefined;
      this.#save(tx, { conversation, position: found });
      return found;
    });
    if (position !== undefined) this.#d.emit({ kind: "read", conversation, position });
  }

  #await(conversation: BareJid, stanzaId: string): void {
    this.#pending.delete(conversation); // to the end: the one that was told longest ago goes first
    this.#pending.set(conversation, stanzaId);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > readPositionsMax && oldest !== undefined) this.#pending.delete(oldest);
  }

  #resolve({ conversation, stanzaId }: Named): void {
    if (this.#pending.get(conversation) !== stanzaId) return;
    this.#pending.delete(conversation);
    this.#learn({ conversation, stanzaId }).catch(this.#d.onError);
  }

  /** One at a time; a conversation that moves on meanwhile is told once more (threats L04). */
  #publish(): void {
    this.#due = true;
    if (!this.#publishing) void this.#publishWhileDue();
  }

  async #publishWhileDue(): Promise<void> {
    this.#publishing = true;
    while (this.#due) { // also what was committed behind the last look
      this.#due = false;
      await this.#publishAll().catch(this.#d.onError);
    }
    this.#publishing = false;
  }

  async #publishAll(): Promise<void> {
    const told = new Set<string>();
    for (;;) {
      const positions = this.#positions;
      const due = (await this.#places()).find((place) => place?.unpublished !== undefined && !told.has(place.unpublished));
      if (positions === undefined || due?.unpublished === undefined) return;
      const { conversation, unpublished } = due;
      told.add(unpublished); // a server that refuses is not asked again before the next connection
      await positions.publish(conversation, unpublished);
      await this.#d.ledger.run(async (tx) => {
        const now = await this.#load(tx, conversation);
        if (now?.unpublished === unpublished) this.#save(tx, { conversation, position: now.position });
      });
    }
  }

  /** Those of all conversations; where one cannot be read, of those that were displayed in this run (threats D13). */
  #places(): Promise<readonly (ReadPlace | undefined)[]> {
    return this.#d.ledger.read(async (tx) => {
      const all = await unlessDamaged(async () => (await tx.list({ prefix: readPrefix })).map((row) => decodeReadPlace(row.value)), this.#d.onError);
      return all === "damaged" ? Promise.all([...this.#displayedIn].map((jid) => this.#load(tx, jid))) : all;
    });
  }

  /** What cannot be read is as good as not known, and written anew with the next move (threats D13). */
  async #load(tx: Transaction, conversation: BareJid): Promise<ReadPlace | undefined> {
    const place = await unlessDamaged(async () => {
      const row = await tx.get(this.#d.log.keys.readPosition(conversation));
      return row === undefined ? undefined : decodeReadPlace(row);
    });
    return place === "damaged" ? undefined : place;
  }

  #save(tx: Transaction, place: ReadPlace): void {
    this.#d.log.writeRead(tx, place.conversation, place);
  }
}

/** Other devices know it under this id. What cannot be read here may be no message there, and was not displayed. */
const isNameable = ({ message, extras }: LogRecord): boolean => extras.stanzaId !== undefined && message.unreadable === undefined;

/** Its sender asked to be told when it is displayed. */
const asksMarker = ({ message, extras }: LogRecord): boolean => extras.markable === true && message.id !== "" && message.security.level !== "distrusted";
