/**
 * Sending: commit, then send. Walks each outbox entry from stored to sealed to sent, in order per conversation.
 * Spec: design section 4. The evidence for `sent` is an answer to a request that followed the message on the same stream:
 * servers handle one stream's stanzas in order (RFC 6120 section 10.1). Stream management will replace it.
 * @module
 */
import type { Clock } from "../base/clock.js";
import { InternalError, SottoError } from "../base/errors.js";
import { type BareJid, domainOf } from "../base/jid.js";
import { KeyedMutex } from "../base/keyed-mutex.js";
import { serializeXml, xml } from "../base/xml.js";
import type { Ledger } from "../session/ledger.js";
import type { Omemo } from "../session/omemo.js";
import type { DeviceReport } from "../session/outcome.js";
import { plainMessage, encryptedMessage } from "../transport/xep/message.js";
import { parseXmlDocument } from "../transport/xml/parser.js";
import { TransportError } from "../transport/errors.js";
import { type AnySottoError, asSottoError, ClientError } from "./errors.js";
import type { Connection } from "./link.js";
import type { Outbox } from "./outbox.js";
import type { OutboxEntry, Protection } from "./records.js";
import { SendTracker } from "./send-handle.js";

/** Handles that can still be told of a refusal after they were sent. */
const trackersMax = 1_000;

export interface SenderDeps {
  readonly account: BareJid;
  readonly ledger: Ledger;
  readonly omemo: Omemo;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly onError: (error: AnySottoError) => void;
}

/** Moves messages from `send()` to the wire. */
export class Sender {
  readonly #d: SenderDeps;
  readonly #lanes = new KeyedMutex<BareJid>();
  readonly #trackers = new Map<string, SendTracker>();
  #connection: Connection | undefined;
  /** Entries that were written on the present stream and wait for the evidence that the server took them. */
  #written = new Set<number>();

  constructor(deps: SenderDeps) {
    this.#d = deps;
  }

  /** Accepts a message. The handle exists at once; storing goes on behind it. */
  accept(to: BareJid, text: string, protection: Protection): SendTracker {
    const tracker = new SendTracker(this.#d.newId(), to);
    this.#remember(tracker);
    let entry: OutboxEntry;
    try {
      entry = this.#d.outbox.reserve({ id: tracker.id, to, protection, text, storedAt: this.#d.clock.now() });
    } catch (error) {
      tracker.fail(asSottoError(error));
      return tracker;
    }
    void this.#d.ledger.run((tx) => { this.#d.outbox.put(tx, entry); }).then(
      () => {
        this.#d.outbox.committed(entry);
        tracker.advance("stored");
        this.#flush(to);
      },
      (error: unknown) => {
        this.#d.outbox.forget(entry);
        tracker.fail(asSottoError(error));
      },
    );
    return tracker;
  }

  /** A stream is up: everything that waits leaves, what was sealed before as the identical bytes. */
  attach(connection: Connection): void {
    this.#connection = connection;
    this.#written = new Set();
    for (const to of this.#d.outbox.recipients()) this.#flush(to);
  }

  /** The stream is gone; entries stay where they are. */
  detach(): void {
    this.#connection = undefined;
  }

  /** An error stanza came back for message `id` (only the addressee or our server may say so, threats F15). */
  async refused(id: string, from: BareJid, condition: string): Promise<void> {
    const tracker = this.#trackers.get(id);
    const entry = this.#d.outbox.waitingFor(from).find((waiting) => waiting.id === id);
    if (entry === undefined && tracker?.to !== from) return;
    const error = new ClientError("ERR_MESSAGE_REFUSED", "the recipient's side refused the message", { details: { condition } });
    if (entry !== undefined) await this.#settle(entry);
    tracker?.fail(error);
  }

  #remember(tracker: SendTracker): void {
    this.#trackers.set(tracker.id, tracker);
    for (const id of this.#trackers.keys()) {
      if (this.#trackers.size <= trackersMax) break;
      this.#trackers.delete(id);
    }
  }

  #flush(to: BareJid): void {
    this.#lanes.run(to, () => this.#drain(to)).catch((error: unknown) => { this.#d.onError(asSottoError(error)); });
  }

  async #drain(to: BareJid): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    const written: OutboxEntry[] = [];
    for (const waiting of this.#d.outbox.waitingFor(to)) {
      if (this.#written.has(waiting.seq)) continue;
      try {
        const sealed = await this.#seal(waiting, connection.signal);
        if (sealed === undefined) continue;
        await this.#write(sealed, connection);
        written.push(sealed);
      } catch (error) {
        if (connection.signal.aborted || isLinkFailure(error)) break; // the next stream begins with this entry
        await this.#fail(waiting, asSottoError(error));
      }
    }
    if (written.length > 0) void this.#confirm(written, connection);
  }

  /** Encrypts once; `undefined` if it cannot be and the handle knows why. */
  async #seal(entry: OutboxEntry, signal: AbortSignal): Promise<OutboxEntry | undefined> {
    if (entry.sealed !== undefined) return entry;
    const tracker = this.#trackers.get(entry.id);
    if (entry.protection === "none") {
      const sealed = { ...entry, sealed: serializeXml(plainMessage({ to: entry.to, id: entry.id, text: entry.text })) };
      await this.#d.ledger.run((tx) => { this.#d.outbox.put(tx, sealed); });
      this.#d.outbox.committed(sealed);
      return sealed;
    }
    const plan = await this.#d.omemo.prepare([entry.to], signal);
    const result = await this.#d.ledger.run(async (tx) => {
      const body = xml("jabber:client", "body", {}, entry.text);
      const outcome = await this.#d.omemo.seal(tx, plan, [body], { to: entry.to });
      if (outcome.kind !== "sealed") return outcome;
      // New ratchet states and the final bytes are one commit: after a crash there are both or neither.
      const stanza = encryptedMessage({ to: entry.to, id: entry.id, message: outcome.message });
      const sealed = { ...entry, sealed: serializeXml(stanza) };
      this.#d.outbox.put(tx, sealed);
      return { kind: "entry" as const, sealed, report: outcome.report };
    });
    if (result.kind !== "entry") {
      await this.#fail(entry, unreachable(result.kind, result.report), result.report);
      return undefined;
    }
    this.#d.outbox.committed(result.sealed);
    tracker?.advance("sealed", result.report);
    return result.sealed;
  }

  async #write(entry: OutboxEntry, connection: Connection): Promise<void> {
    const stanza = parseXmlDocument(entry.sealed ?? "");
    if (stanza === undefined) throw new InternalError("a sealed stanza cannot be read back");
    // Another writer may have taken the store over since the commit; then these bytes are no longer ours to send.
    if (!(await this.#d.ledger.owns())) throw new TransportError("ERR_STREAM_CLOSED", "the store has another owner", { retryable: true });
    await connection.stream.send(stanza);
    this.#written.add(entry.seq);
    this.#trackers.get(entry.id)?.advance("sealed"); // a plaintext entry has no report of its own
  }

  async #confirm(entries: readonly OutboxEntry[], connection: Connection): Promise<void> {
    try {
      await connection.iq.request({ type: "get", to: domainOf(this.#d.account), payload: xml("urn:xmpp:ping", "ping"), signal: connection.signal });
    } catch (error) {
      // An error answer proves as much as a result; no answer proves nothing, and the next stream sends the same bytes.
      if (!(error instanceof TransportError) || error.code !== "ERR_STANZA_ERROR") return;
    }
    try {
      const accepted = entries.filter((entry) => this.#d.outbox.current(entry) !== undefined);
      await this.#d.ledger.run((tx) => { for (const entry of accepted) this.#d.outbox.delete(tx, entry); });
      for (const entry of accepted) {
        this.#d.outbox.forget(entry);
        this.#trackers.get(entry.id)?.advance("sent");
      }
    } catch (error) {
      this.#d.onError(asSottoError(error));
    }
  }

  async #fail(entry: OutboxEntry, error: AnySottoError, report?: readonly DeviceReport[]): Promise<void> {
    await this.#settle(entry);
    this.#trackers.get(entry.id)?.fail(error, report);
  }

  async #settle(entry: OutboxEntry): Promise<void> {
    await this.#d.ledger.run((tx) => { this.#d.outbox.delete(tx, entry); });
    this.#d.outbox.forget(entry);
  }
}

function unreachable(kind: "no-omemo" | "no-device", report: readonly DeviceReport[]): ClientError {
  const details = { devices: report.length };
  if (kind === "no-omemo") return new ClientError("ERR_NO_OMEMO", "the contact has no OMEMO device; sendUnencrypted() is the explicit alternative", { details });
  const retryable = report.some((device) => device.result === "unavailable");
  return new ClientError("ERR_NO_TRUSTED_DEVICE", "no device of the contact may or can get the message", { details, retryable });
}

const linkCodes: ReadonlySet<string> = new Set(["ERR_STREAM_CLOSED", "ERR_IQ_TIMEOUT", "ERR_STREAM_ERROR", "ERR_STORE_FENCED", "ERR_STORE_CLOSED", "ERR_ABORTED"]);
const isLinkFailure = (error: unknown): boolean => error instanceof SottoError && linkCodes.has(error.code);
