/**
 * The receiving side of a client over a store in memory: receiver, catch-up, log and inbox, with an archive and a server that a test
 * scripts. Nothing travels by itself.
 * @module
 */
import type { BareJid } from "../../src/base/jid.js";
import { archiveQuietMs } from "../../src/base/limits.js";
import { systemRng } from "../../src/base/rng.js";
import { serializeXml, xml, type XmlElement } from "../../src/base/xml.js";
import { Gate } from "../../src/client/contact-policy/gate.js";
import type { Standing } from "../../src/client/contact-policy/types.js";
import { asSottoError } from "../../src/client/errors.js";
import type { ClientEvent } from "../../src/client/events.js";
import type { Connection } from "../../src/client/link.js";
import { MessageLog } from "../../src/client/log/message-log.js";
import type { Message } from "../../src/client/message.js";
import { ArchiveCursor } from "../../src/client/receive/archive-cursor.js";
import { CatchUp } from "../../src/client/receive/catch-up.js";
import { Receiver } from "../../src/client/receive/receiver.js";
import type { CryptoProvider } from "../../src/crypto/provider.js";
import type { EncryptedMessage } from "../../src/session/encrypted-message.js";
import { Ledger } from "../../src/session/ledger.js";
import { Omemo } from "../../src/session/omemo.js";
import type { FollowUp } from "../../src/session/outcome.js";
import { storeKey, type Store } from "../../src/session/ports.js";
import type { Transaction } from "../../src/session/transaction.js";
import { blindTrustBeforeVerification } from "../../src/session/trust/blind-trust.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../src/storage/memory.js";
import { TransportError } from "../../src/transport/errors.js";
import type { ArchivedMessage, ArchivePage, ArchiveQuery } from "../../src/transport/features/archive.js";
import { encryptedMessage } from "../../src/transport/xep/message.js";
import { sceEnvelopeCodec } from "../../src/transport/xep/xep0420.js";
import { utf8 } from "../../src/base/bytes.js";
import { FakeClock, type World } from "./omemo-world.js";
import { defaultProvider } from "#provider"; // what applications run with: native curves, in Chromium asynchronous ones

/** Time that moves when it is told to, and runs what is due. */
export class TickingClock extends FakeClock {
  readonly #tasks: { readonly due: number; readonly task: () => void }[] = [];

  override schedule(delayMs = 0, task: () => void = () => undefined): () => void {
    const entry = { due: this.time + delayMs, task };
    this.#tasks.push(entry);
    return () => { this.#tasks.splice(this.#tasks.indexOf(entry) >>> 0, 1); };
  }

  advance(ms: number): void {
    this.time += ms;
    for (const entry of this.#tasks.filter(({ due }) => due <= this.time)) {
      this.#tasks.splice(this.#tasks.indexOf(entry), 1);
      entry.task();
    }
  }
}

/** What an account's own server keeps: an archive that grows, and answers as servers do. */
export class ServerArchive {
  readonly messages: ArchivedMessage[] = [];
  readonly queries: ArchiveQuery[] = [];
  readonly account: BareJid;
  readonly clock: FakeClock;
  pageMax = 100;
  available = true;
  trusted = true;
  /** Ids of messages that it cannot read back: it says nothing of a page that would hold one, as Prosody does. */
  readonly unreadable = new Set<string>();
  /** It can, for whoever waits longer than a few seconds. */
  slow = false;
  /** Called before each answer; what it throws is the answer. */
  beforeAnswer: (query: ArchiveQuery, quietMs: number | undefined) => void | Promise<void> = () => undefined;
  #next = 1;

  constructor(account: BareJid, clock: FakeClock) {
    this.account = account;
    this.clock = clock;
  }

  /** Archives a message; returns it as it is delivered live. */
  store(stanza: XmlElement): XmlElement {
    const id = `a${String(this.#next++).padStart(6, "0")}`;
    this.messages.push({ id, stamp: this.clock.now(), stanza });
    return withStanzaId(stanza, this.account, id);
  }

  supported = async (): Promise<boolean> => this.available;
  stanzaIdsTrusted = async (): Promise<boolean> => this.available && this.trusted;

  query = async (query: ArchiveQuery, _signal?: AbortSignal, quietMs?: number): Promise<ArchivePage> => {
    this.queries.push(query);
    await this.beforeAnswer(query, quietMs);
    const { with: peer, start = 0, end = Infinity, after, before, max = 50 } = query;
    let found = this.messages.filter(({ stamp, stanza }) => stamp >= start && stamp <= end
      && (peer === undefined || [stanza.attrs["from"], stanza.attrs["to"]].some((address) => address?.startsWith(peer) === true)));
    for (const id of [after, before]) if (id !== undefined && id !== "" && !this.messages.some((each) => each.id === id)) throw itemNotFound();
    if (after !== undefined) found = found.filter(({ id }) => id > after);
    if (before !== undefined && before !== "") found = found.filter(({ id }) => id < before);
    const size = Math.min(max, this.pageMax);
    const messages = before === undefined ? found.slice(0, size) : found.slice(-size);
    // It reads one more, to see whether there is another page.
    const waits = this.slow && (quietMs ?? Infinity) > archiveQuietMs;
    if (!waits && (before === undefined ? found.slice(0, size + 1) : found.slice(-size - 1)).some(({ id }) => this.unreadable.has(id))) throw silence(quietMs);
    const first = messages[0]?.id;
    const last = messages.at(-1)?.id;
    return {
      messages, complete: messages.length === found.length, stable: true, refused: 0, count: found.length,
      ...(first === undefined ? {} : { first }), ...(last === undefined ? {} : { last }),
    };
  };
}

/** What the silence of an archive ends in. */
export const silence = (quietMs: number | undefined): TransportError =>
  new TransportError("ERR_IQ_TIMEOUT", "scripted", { retryable: true, ...(quietMs !== undefined ? { details: { reason: "passed-over" } } : {}) });

export const itemNotFound = (): TransportError => new TransportError("ERR_STANZA_ERROR", "scripted", { details: { condition: "item-not-found" } });

/** A stanza as `by` has archived it. */
export function withStanzaId(stanza: XmlElement, by: string, id: string): XmlElement {
  return { ...stanza, children: [...stanza.children, xml("urn:xmpp:sid:0", "stanza-id", { by, id })] };
}

/** An encrypted message as a server delivers it. */
export function sealedLetter(from: string, to: BareJid, id: string, message: EncryptedMessage): XmlElement {
  const stanza = encryptedMessage({ to, id, message });
  return { ...stanza, attrs: { ...stanza.attrs, from } };
}

/** A message in clear text. */
export function plainLetter(from: string | undefined, to: string, id: string, text: string, ...more: readonly XmlElement[]): XmlElement {
  return xml("jabber:client", "message", { from, to, id, type: "chat" }, xml("jabber:client", "body", {}, text), ...more);
}

/** A copy of what another device sent or received. */
export function carbon(kind: "sent" | "received", from: string, to: string, message: XmlElement): XmlElement {
  return xml("jabber:client", "message", { from, to }, xml("urn:xmpp:carbons:2", kind, {}, xml("urn:xmpp:forward:0", "forwarded", {}, message)));
}

export interface ReceptionOptions {
  readonly disk?: MemoryDisk;
  readonly store?: (inner: Store) => Store;
  readonly provider?: CryptoProvider;
  /** Contacts that see our presence and we theirs. */
  readonly isContact?: (jid: BareJid) => boolean;
  /** The roster, where more is to be said of somebody. */
  readonly contact?: (jid: BareJid) => Standing | undefined;
  readonly isBlocked?: (jid: BareJid) => boolean;
  readonly isHidden?: (jid: BareJid) => boolean;
}

/** One device that receives. */
export class Reception {
  readonly events: ClientEvent[];
  readonly followUps: FollowUp[] = [];
  /** What was to be sent automatically: `protection purpose to: elements`. */
  readonly notified: string[] = [];
  /** Ids that the outbox knows. */
  readonly known = new Set<string>();
  /** Own messages found in the archive. */
  readonly found: string[] = [];
  readonly refused: string[] = [];
  rollbacks = 0;
  /** Numbers of the stanzas that may be acknowledged. */
  readonly released: number[] = [];
  closed = 0;
  readonly disk: MemoryDisk;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly omemo: Omemo;
  readonly log: MessageLog;
  readonly cursor: ArchiveCursor;
  readonly gate: Gate;
  readonly receiver: Receiver;
  readonly catchUp: CatchUp;
  readonly clock: FakeClock;
  #number = 0;

  private constructor(
    parts: Pick<Reception, "disk" | "store" | "ledger" | "omemo" | "log" | "cursor" | "clock" | "gate" | "events">, account: BareJid,
  ) {
    this.events = parts.events;
    this.gate = parts.gate;
    this.disk = parts.disk;
    this.store = parts.store;
    this.ledger = parts.ledger;
    this.omemo = parts.omemo;
    this.log = parts.log;
    this.cursor = parts.cursor;
    this.clock = parts.clock;
    const emit = (event: ClientEvent): void => { this.events.push(event); };
    this.receiver = new Receiver({
      mend: async () => 0,
      account, ledger: parts.ledger, omemo: parts.omemo, log: parts.log, clock: parts.clock, emit, gate: parts.gate,
      sent: {
        archived: async (_tx, id) => {
          if (!this.known.has(id)) return "unknown";
          this.found.push(id);
          return "known";
        },
        refused: async (id, from, condition) => { this.refused.push(`${id} ${from} ${condition}`); },
      },
      notify: this.notify,
      followUp: (followUp) => { this.followUps.push(followUp); },
      noteInbound: (tx, delivery) => { tx.put(storeKey("test/inbound"), utf8(String(delivery.number))); },
    });
    this.catchUp = new CatchUp({
      ledger: parts.ledger, omemo: parts.omemo, receiver: this.receiver, cursor: parts.cursor, clock: parts.clock, emit,
      onRollback: () => { this.rollbacks += 1; },
    });
  }

  static async open(world: World, account: BareJid, options: ReceptionOptions = {}): Promise<Reception> {
    const disk = options.disk ?? memoryDisk();
    const store = options.store?.(memoryStore(disk)) ?? memoryStore(disk);
    const ledger = new Ledger(store, await store.acquire());
    const log = await MessageLog.load(store, defaultProvider.symmetric);
    const events: ClientEvent[] = [];
    const isContact = options.isContact ?? (() => false);
    const gate = await Gate.load({
      account, store, ledger, log, clock: world.clock, isBlocked: options.isBlocked ?? (() => false), isHidden: options.isHidden ?? (() => false),
      contact: options.contact ?? ((jid) => (isContact(jid) ? { subscription: "both", groups: [] } : undefined)),
      emit: (event) => { events.push(event); }, onError: (error) => { events.push({ kind: "error", error: asSottoError(error) }); },
    });
    const omemo = await Omemo.open({
      account, ledger, provider: options.provider ?? defaultProvider, rng: systemRng(), clock: world.clock, directory: world.server.directoryOf(account),
      codec: sceEnvelopeCodec, trust: blindTrustBeforeVerification, isContact: (jid) => gate.seesPresence(jid),
    });
    const cursor = await ArchiveCursor.load(store);
    return new Reception({ disk, store, ledger, omemo, log, cursor, clock: world.clock, gate, events }, account);
  }

  readonly notify = async (
    _tx: Transaction, to: BareJid, content: readonly XmlElement[], how: { readonly protection: string; readonly purpose: string },
  ): Promise<void> => {
    this.notified.push(`${how.protection} ${how.purpose} ${to}: ${content.map((each) => serializeXml(each)).join("")}`);
  };

  /** A connection; `continued`: nothing was missed and nothing waits. */
  connect(archive: ServerArchive, continued = false, signal: AbortSignal = new AbortController().signal): Connection {
    const stream = { close: async () => { this.closed += 1; } };
    return { archive, continued, signal, epoch: 1, stream, iq: undefined } as unknown as Connection;
  }

  /** A stanza comes live. */
  accept(stanza: XmlElement, connection: Connection): void {
    const number = ++this.#number;
    const release = (): void => { if (!this.released.includes(number)) this.released.push(number); };
    this.receiver.accept(stanza, { number, hold: () => release }, connection);
  }

  /** Comes live, and is taken in. */
  async take(stanza: XmlElement, connection: Connection): Promise<void> {
    this.accept(stanza, connection);
    await this.receiver.settled();
  }

  /** Everything in the log, in order. */
  async messages(): Promise<readonly Message[]> {
    return this.log.page({ limit: 1_000 });
  }

  async texts(): Promise<readonly string[]> {
    return (await this.messages()).map(({ text, unreadable }) => unreadable ?? text);
  }
}
