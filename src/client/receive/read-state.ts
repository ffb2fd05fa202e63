/**
 * How far conversations were read: here, told to the sender by a displayed marker, and to the account's other devices by a private item.
 * The position only moves forward. Nothing is told to strangers (threats V03).
 * Spec: XEP-0333, XEP-0490. Not here: markers that come in (evidence.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { Ledger } from "../../session/ledger.js";
import type { Transaction } from "../../session/transaction.js";
import type { ReadPositions } from "../../transport/features/read-positions.js";
import { encodeDisplayed } from "../../transport/xep/xep0333.js";
import type { ReadPosition } from "../../transport/xep/xep0490.js";
import type { Gate } from "../contact-policy/gate.js";
import type { ClientEvent } from "../events.js";
import { readPrefix } from "../log/keys.js";
import type { MessageLog } from "../log/message-log.js";
import type { LogRecord } from "../log/message-record.js";
import { decodeReadPlace, type ReadPlace } from "../log/read-place.js";
import type { Notify } from "./receipts.js";

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

  constructor(deps: ReadStateDeps) {
    this.#d = deps;
  }

  /** Where `conversation` was read up to on any device of the account; `undefined` if nowhere. */
  position(conversation: BareJid): Promise<number | undefined> {
    return this.#d.ledger.read(async (tx) => (await this.#load(tx, conversation))?.position);
  }

  /** `conversation` was displayed up to the message at `position`. Durable when it resolves; telling others follows when there is a link. */
  async markDisplayed(conversation: BareJid, position: number): Promise<void> {
    const moved = await this.#d.ledger.run(async (tx) => {
      const record = await this.#d.log.record(tx, position);
      if (record?.message.conversation !== conversation) return false;
      const known = await this.#load(tx, conversation);
      if (known !== undefined && known.position >= position) return false;
      const { stanzaId } = record.extras;
      // A message without an id of the archive cannot be named to the other devices; what was to be told before still is.
      const unpublished = stanzaId ?? known?.unpublished;
      this.#save(tx, { conversation, position, ...(unpublished === undefined ? {} : { unpublished }) });
      await this.#mark(tx, record);
      return true;
    });
    if (moved) this.#publish();
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

  /** The sender asked to be told, and may learn that we are there. */
  async #mark(tx: Transaction, { message, extras }: LogRecord): Promise<void> {
    const { from, direction, id, security } = message;
    if (direction === "sent" || extras.markable !== true || id === "" || security.level === "distrusted") return;
    if (!(await this.#d.gate.mayNotify(tx, from))) return;
    await this.#d.notify(tx, from, [encodeDisplayed(id)], { protection: security.level === "none" ? "none" : "omemo", purpose: "marker" });
  }

  async #learn({ conversation, stanzaId }: ReadPosition): Promise<void> {
    const position = await this.#d.ledger.run(async (tx) => {
      const found = await this.#d.log.positionOfStanza(tx, stanzaId);
      if (found === undefined || (await this.#d.log.record(tx, found))?.message.conversation !== conversation) return undefined;
      const known = await this.#load(tx, conversation);
      if (known !== undefined && known.position >= found) return undefined;
      this.#save(tx, { conversation, position: found });
      return found;
    });
    if (position !== undefined) this.#d.emit({ kind: "read", conversation, position });
  }

  /** One at a time; a conversation that moves on meanwhile is told once more (threats L04). */
  #publish(): void {
    if (this.#publishing) return;
    this.#publishing = true;
    void this.#publishAll().catch(this.#d.onError).finally(() => { this.#publishing = false; });
  }

  async #publishAll(): Promise<void> {
    const told = new Set<string>();
    for (;;) {
      const positions = this.#positions;
      const due = await this.#d.ledger.read(async (tx) =>
        (await tx.list({ prefix: readPrefix })).map((row) => decodeReadPlace(row.value)).find(({ unpublished }) => unpublished !== undefined && !told.has(unpublished)));
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

  async #load(tx: Transaction, conversation: BareJid): Promise<ReadPlace | undefined> {
    const row = await tx.get(this.#d.log.keys.readPosition(conversation));
    return row === undefined ? undefined : decodeReadPlace(row);
  }

  #save(tx: Transaction, place: ReadPlace): void {
    this.#d.log.writeRead(tx, place.conversation, place);
  }
}
