/**
 * What a later process needs to resume the stream: the resumption id, how far the server's stanzas are durable, and the number of the
 * session, which goes with the sequences in the outbox. One row; the id in it is a secret like a key (threats Q12).
 * Spec: XEP-0198 section 5; docs/decisions/0005-stream-management.md. Not here: the protocol (transport/stream/).
 * @module
 */
import { toHex } from "../base/bytes.js";
import { isFullJid, parseJid, type FullJid } from "../base/jid.js";
import type { Rng } from "../base/rng.js";
import type { Ledger } from "../session/ledger.js";
import { storeKey, type Store, type StoreKey } from "../session/ports.js";
import type { Transaction } from "../session/transaction.js";
import type { Stream } from "../transport/connection/stream.js";
import { StreamSession, type ResumptionState } from "../transport/stream/stream-session.js";
import { unlessDamaged } from "./damaged.js";
import { asObject, decodeJson, encodeJson, givenField, invalidRecord, type Json, numberField, stringField } from "./json-record.js";

const key: StoreKey = storeKey("client/stream");

interface Row {
  /** The resource to bind: the same one ever after, so that an old stream of ours is replaced and not joined (threats Q03, N21). */
  readonly resource: string;
  /** Sessions of XEP-0198 that this store has had. */
  readonly epoch: number;
  /** Absent once the stream was closed cleanly, or if the server resumes none. */
  readonly resumption?: ResumptionState | undefined;
}

/** The durable side of one stream after the other. */
export class StreamState {
  #row: Row;
  /** The stream session whose state the row describes; `undefined` while there is none. */
  #session: StreamSession | undefined;
  /** True once everything was set up and caught up in the present session, by this process. */
  #settled = false;

  private constructor(row: Row) {
    this.#row = row;
    this.#session = row.resumption === undefined ? undefined : StreamSession.restore(row.resumption);
  }

  /** Reads what an earlier run left. Where that cannot be read there is nothing to resume, and what was written is unclear (threats D13). */
  static async load(store: Store, rng: Rng, onError?: (error: unknown) => void): Promise<StreamState> {
    const row = await unlessDamaged(async () => {
      const bytes = await store.get(key);
      return bytes === undefined ? undefined : decodeRow(bytes);
    }, onError);
    return new StreamState(typeof row === "object" ? row : { resource: `sotto-${toHex(rng(6))}`, epoch: 0 });
  }

  get resource(): string {
    return this.#row.resource;
  }

  /** Goes with the sequences that the present stream gives out. */
  get epoch(): number {
    return this.#row.epoch;
  }

  /** The session to resume. */
  get session(): StreamSession | undefined {
    return this.#session;
  }

  /** Whether `stream` goes on with a session that this process has set up. */
  continues(stream: Stream): boolean {
    return stream.start.kind === "resumed" && this.#settled;
  }

  /** A stream is there, and the row says so before anything is sent on it. */
  async begin(stream: Stream, ledger: Ledger): Promise<void> {
    const next = stream.start.kind === "resumed"
      ? { ...this.#row, resumption: stream.session?.state }
      : { ...this.#row, epoch: this.#row.epoch + 1, resumption: stream.session?.state };
    // Memory goes ahead: what comes in on this stream is committed behind it, and if this fails nothing on the stream is of use.
    this.#row = next;
    this.#session = stream.session;
    if (stream.start.kind !== "resumed") this.#settled = false;
    await ledger.run((tx) => { tx.put(key, encodeRow(next)); });
  }

  /** Everything is set up: a stream that goes on with this session needs nothing more. */
  settled(): void {
    this.#settled = true;
  }

  /** In the commit that made a stanza's effect durable: the stanza counts as received from then on, also after a restart (threats Q06). */
  noteInbound(tx: Transaction, number: number, epoch: number): void {
    const { resumption } = this.#row;
    if (epoch !== this.#row.epoch || resumption === undefined || number <= resumption.inbound) return;
    const next = { ...this.#row, resumption: { ...resumption, inbound: number } };
    tx.put(key, encodeRow(next));
    // Memory follows: a position that did not become durable must not hold back a later write of it.
    tx.afterCommit(() => { if (this.#row.epoch === epoch && this.#row.resumption !== undefined) this.#row = next; });
  }

  /** Before `h` of `session` goes beyond what the row says. A stanza may be done with late: the count of a session that is over says nothing of the next. */
  async saveInbound(session: StreamSession, h: number, ledger: Ledger): Promise<void> {
    await ledger.run((tx) => { if (session === this.#session) this.noteInbound(tx, h, this.epoch); });
  }

  /** There is nothing left to resume: the stream was closed, or the server will not have it again. */
  async end(ledger: Ledger): Promise<void> {
    this.#session = undefined;
    if (this.#row.resumption === undefined) return;
    const { resource, epoch } = this.#row;
    this.#row = { resource, epoch };
    await ledger.run((tx) => { tx.put(key, encodeRow({ resource, epoch })); });
  }
}

const encodeRow = (row: Row): Uint8Array => encodeJson({ ...row });

function decodeRow(bytes: Uint8Array): Row {
  const record = decodeJson(bytes);
  return {
    resource: stringField(record, "resource"), epoch: countField(record, "epoch"),
    ...givenField(record, "resumption", (holder, field) => readResumption(holder[field])),
  };
}

/** Nothing else can be counted on from. @throws ClientError `ERR_RECORD_INVALID` */
function countField(record: Json, field: string): number {
  const count = numberField(record, field);
  if (!Number.isSafeInteger(count) || count < 0) throw invalidRecord();
  return count;
}

function readResumption(value: unknown): ResumptionState {
  const record = asObject(value);
  const jid = parseJid(stringField(record, "jid"));
  if (jid === undefined || !isFullJid(jid)) throw invalidRecord();
  return {
    id: stringField(record, "id"), jid: jid satisfies FullJid, inbound: countField(record, "inbound"), ...givenField(record, "acknowledged", countField),
    ...givenField(record, "maxSeconds", numberField), ...givenField(record, "location", stringField),
  };
}
