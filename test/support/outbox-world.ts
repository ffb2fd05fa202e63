/**
 * An outbox with everything around it scripted: a stream whose acknowledgements a test gives by hand, an archive that is a list, an
 * encryption whose "ratchet" is a counter in the store, a clock that moves when it is told. Nothing here waits for real time.
 * @module
 */
import { expect } from "vitest";
import type { Clock } from "../../src/base/clock.js";
import { Emitter, type Unsubscribe } from "../../src/base/events.js";
import { bareJid, type BareJid, type FullJid } from "../../src/base/jid.js";
import { systemRng, randomId } from "../../src/base/rng.js";
import { utf8, utf8Decode } from "../../src/base/bytes.js";
import { findChild, serializeXml, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import { nobleProvider } from "../../src/crypto/noble-provider.js";
import { asSottoError, type AnySottoError } from "../../src/client/errors.js";
import type { Connection } from "../../src/client/link.js";
import { MessageLog } from "../../src/client/log/message-log.js";
import { secondLookMs } from "../../src/client/outbox/clearing.js";
import { Flow } from "../../src/client/outbox/flow.js";
import type { SendHandle } from "../../src/client/outbox/send-handle.js";
import { Sender, type SenderDeps } from "../../src/client/outbox/sender.js";
import { Ledger } from "../../src/session/ledger.js";
import type { SealOutcome, SendPlan } from "../../src/session/outcome.js";
import { storeKey, type Store } from "../../src/session/ports.js";
import type { Transaction } from "../../src/session/transaction.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../src/storage/memory.js";
import type { SessionStart, Stream, StreamEnd, TrackedSend } from "../../src/transport/connection/stream.js";
import { TransportError } from "../../src/transport/errors.js";
import type { ArchivedMessage, ArchivePage, ArchiveQuery } from "../../src/transport/features/archive.js";
import { StreamSession } from "../../src/transport/stream/stream-session.js";
import { parseXmlDocument } from "../../src/transport/xml/document.js";

export const romeo: BareJid = bareJid("romeo@example.org");
export const juliet: BareJid = bareJid("juliet@example.org");
export const mercutio: BareJid = bareJid("mercutio@example.org");

/** Lets everything run that needs no outside event. */
export async function quiet(turns: number = 12): Promise<void> {
  for (let i = 0; i < turns; i++) {
    await new Promise<void>((resolve) => {
      // A turn of the event loop; timers of zero are slowed down by browsers.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    });
  }
}

/** Time that moves by {@link pass}, running what is due. */
export class ManualClock implements Clock {
  time: number = Date.UTC(2026, 0, 2, 3, 4, 5);
  #timers: { readonly at: number; readonly task: () => void }[] = [];
  now(): number { return this.time; }
  monotonic(): number { return this.time; }
  schedule(delayMs: number, task: () => void): () => void {
    const timer = { at: this.time + delayMs, task };
    this.#timers.push(timer);
    return () => { this.#timers = this.#timers.filter((other) => other !== timer); };
  }
  get timers(): number { return this.#timers.length; }
  async pass(ms: number): Promise<void> {
    this.time += ms;
    const due = this.#timers.filter((timer) => timer.at <= this.time);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { task } of due) task();
    await quiet();
  }
}

const streamFeatures = xml("http://etherx.jabber.org/streams", "features");

/** One stream; the test is the server's side of it. */
export class ScriptedStream implements Stream {
  readonly jid: FullJid = "romeo@example.org/sotto" as FullJid;
  readonly features: XmlElement = streamFeatures;
  readonly start: SessionStart;
  readonly session: StreamSession | undefined;
  isOpen = true;
  /** Every stanza written, as text, with its sequence. */
  readonly sent: { readonly sequence: number; readonly text: string; readonly stanza: XmlElement }[] = [];
  /** Called for each stanza; may throw as a stream does. */
  onSend: (stanza: XmlElement) => void = () => undefined;
  readonly #outbound: { last: number };
  readonly #acknowledged = new Emitter<number>();
  readonly #ended = new Emitter<StreamEnd>();

  constructor(start: SessionStart, session: StreamSession | undefined, outbound: { last: number }) {
    this.start = start;
    this.session = session;
    this.#outbound = outbound;
  }

  async send(stanza: XmlElement): Promise<void> {
    await this.sendTracked(stanza).written;
  }

  sendTracked(stanza: XmlElement, options: { readonly resend?: boolean } = {}): TrackedSend {
    expect(options.resend).toBe(false); // the outbox sees to it itself, whatever the session does
    if (!this.isOpen) throw new TransportError("ERR_STREAM_CLOSED", "closed", { retryable: true });
    this.onSend(stanza);
    const sequence = ++this.#outbound.last;
    this.sent.push({ sequence, text: serializeXml(stanza), stanza });
    return { sequence, written: Promise.resolve() };
  }

  onAcknowledged(listener: (upTo: number) => void): Unsubscribe { return this.#acknowledged.subscribe(listener); }
  onStanza(): Unsubscribe { return () => undefined; }
  onEnd(listener: (end: StreamEnd) => void): Unsubscribe { return this.#ended.subscribe(listener); }
  async close(): Promise<void> { this.cut(); }

  /** The server confirms everything up to a sequence; default all. */
  acknowledge(upTo: number = this.#outbound.last): void {
    this.session?.queue.acknowledge(upTo);
    this.#acknowledged.emit(upTo);
  }

  cut(error?: TransportError): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#ended.emit(error === undefined ? {} : { error });
  }
}

/** The archive of the account. Give it what the server has taken. */
export class ScriptedArchive {
  readonly messages: ArchivedMessage[] = [];
  readonly queries: ArchiveQuery[] = [];
  present = true;
  /** Throws here what the server answers; or changes the page. */
  onQuery: (query: ArchiveQuery) => Partial<ArchivePage> | undefined = () => undefined;
  pageSize = 100;

  async supported(): Promise<boolean> { return this.present; }

  async query(query: ArchiveQuery): Promise<ArchivePage> {
    this.queries.push(query);
    const changed = this.onQuery(query);
    const all = this.messages.filter(({ stanza, stamp }) =>
      (query.with === undefined || [stanza.attrs["to"], stanza.attrs["from"]].includes(query.with)) && stamp >= (query.start ?? 0));
    const begin = query.after === undefined ? 0 : all.findIndex(({ id }) => id === query.after) + 1;
    const messages = all.slice(begin, begin + Math.min(this.pageSize, query.max ?? 100));
    const last = messages.at(-1)?.id;
    return { messages, complete: begin + messages.length >= all.length, stable: true, refused: 0, ...(last === undefined ? {} : { last }), ...changed };
  }

  /** The server took `text`, written by the account. */
  store(text: string, stamp: number): void {
    const stanza = parseXmlDocument(text) as XmlElement;
    this.messages.push({ id: `a${this.messages.length + 1}`, stamp, stanza: { ...stanza, attrs: { ...stanza.attrs, from: "romeo@example.org/sotto" } } });
  }
}

const counterKey = storeKey("test/ratchet");

/** An encryption with one message key per number. `used` records which plaintext each key has met, whatever became of the commit. */
export class CountingOmemo {
  readonly used: { readonly key: number; readonly text: string }[] = [];
  /** Instead of sealing. */
  outcome: Exclude<SealOutcome, { kind: "sealed" }> | undefined;
  /** Thrown by the next seals of messages whose body begins with this. */
  poison: { readonly text: string; readonly error: unknown } | undefined;
  prepared = 0;
  onPrepare: () => void = () => undefined;

  async prepare(): Promise<SendPlan> {
    this.prepared += 1;
    this.onPrepare();
    return { recipients: [] };
  }

  async seal(tx: Transaction, _plan: SendPlan, content: readonly XmlElement[]): Promise<SealOutcome> {
    const text = content.map((element) => (element.name === "body" ? textOf(element) : `<${element.name}>`)).join("");
    if (this.poison !== undefined && text.startsWith(this.poison.text)) throw this.poison.error;
    if (this.outcome !== undefined) return this.outcome;
    const row = await tx.get(counterKey);
    const key = (row === undefined ? 0 : Number(utf8Decode(row))) + 1;
    tx.put(counterKey, utf8(String(key)));
    this.used.push({ key, text });
    return {
      kind: "sealed", report: [],
      message: { namespace: "urn:xmpp:omemo:2", sid: 1 as never, keys: [{ jid: juliet, rid: 2, kex: false, data: utf8(`key ${key}`) }], payload: utf8(text) },
    };
  }
}

/** One run of the client's sending half over a disk. */
export class OutboxRun {
  readonly ledger: Ledger;
  readonly store: Store;
  readonly log: MessageLog;
  readonly sender: Sender;
  readonly errors: AnySottoError[];

  constructor(parts: { ledger: Ledger; store: Store; log: MessageLog; sender: Sender; errors: AnySottoError[] }) {
    this.ledger = parts.ledger;
    this.store = parts.store;
    this.log = parts.log;
    this.sender = parts.sender;
    this.errors = parts.errors;
  }

  /** States of the messages in the log by their text. */
  async states(): Promise<Record<string, string>> {
    const messages = await this.log.page({ limit: 1_000 });
    return Object.fromEntries(messages.map((message) => [message.text, `${message.delivery?.state ?? "-"}${message.delivery?.archived === true ? "+archived" : ""}`]));
  }
}

/** Disk, clock, server and encryption that outlive runs of the client. */
export class OutboxWorld {
  readonly disk: MemoryDisk = memoryDisk();
  readonly clock: ManualClock = new ManualClock();
  readonly archive: ScriptedArchive = new ScriptedArchive();
  readonly omemo: CountingOmemo = new CountingOmemo();
  /** Stands for the witness and the catch-up. */
  archiveStamp: number | undefined;
  pings = 0;
  onPing: () => void = () => undefined;
  #epoch = 0;

  /** Starts the client, as after a restart of the process. */
  async run(store: Store = memoryStore(this.disk), change: Partial<SenderDeps> = {}): Promise<OutboxRun> {
    const ledger = new Ledger(store, await store.acquire());
    const log = await MessageLog.load(store, nobleProvider.symmetric);
    const errors: AnySottoError[] = [];
    const rng = systemRng();
    const sender = await Sender.load(store, {
      account: romeo, ledger, log, rng, clock: this.clock, newId: () => randomId(rng),
      archiveStamp: async () => this.archiveStamp, isBlocked: () => false,
      onError: (error) => { errors.push(asSottoError(error)); }, ...change,
    });
    sender.equip((deps) => new Flow({ ...deps, omemo: this.omemo, mend: async () => 0 }));
    return new OutboxRun({ ledger, store, log, sender, errors });
  }

  /** Lets the archive be asked twice for what may be with the server. */
  async looks(): Promise<void> {
    await quiet();
    await this.clock.pass(secondLookMs);
  }

  /** A new session; `handled` is what the server says of the one before. */
  fresh(handled?: number, options: { readonly resumable?: boolean } = {}): Link {
    this.#epoch += 1;
    const session = options.resumable === false ? undefined : StreamSession.restore({ id: `s${this.#epoch}`, jid: "romeo@example.org/sotto" as FullJid, inbound: 0 });
    const former = this.#epoch === 1 ? {} : { former: handled === undefined ? {} : { handled } };
    const outbound = { last: 0 };
    return this.#link(new ScriptedStream({ kind: "new", resumable: true, ...former }, session, outbound), this.#epoch, outbound);
  }

  /** The session of `link` goes on: in the same process, or after a restart. */
  resumed(link: Link, handled: number, options: { readonly restarted?: boolean } = {}): Link {
    const { session } = link.stream;
    const restored = StreamSession.restore({ id: "s", jid: "romeo@example.org/sotto" as FullJid, inbound: 0 });
    const outbound = { last: handled }; // what was not handled has no number any more
    return this.#link(new ScriptedStream({ kind: "resumed", handled }, options.restarted === true ? restored : session, outbound), link.connection.epoch, outbound);
  }

  #link(stream: ScriptedStream, epoch: number, outbound: { last: number }): Link {
    const over = new AbortController();
    stream.onEnd(() => { over.abort(); });
    const iq = { request: async () => {
      this.pings += 1;
      this.onPing();
      for (let turns = 0; turns < 20; turns++) await Promise.resolve(); // the server has its say about what came before
      if (!stream.isOpen) throw new TransportError("ERR_STREAM_CLOSED", "closed", { retryable: true });
      return undefined;
    } };
    const connection = { stream, iq, archive: this.archive, signal: over.signal, epoch, continued: false } as unknown as Connection;
    return { stream, connection, outbound };
  }
}

/** A stream and what the sender is given of it. */
export interface Link {
  readonly stream: ScriptedStream;
  readonly connection: Connection;
  readonly outbound: { last: number };
}

/** A body. */
export const body = (text: string): XmlElement => xml("jabber:client", "body", {}, text);

/** The plaintext of a written stanza, as {@link CountingOmemo} "encrypts" it. */
export function textOfStanza(stanza: XmlElement): string {
  const encrypted = findChild(stanza, "urn:xmpp:omemo:2", "encrypted");
  if (encrypted === undefined) return `clear ${textOf(findChild(stanza, "jabber:client", "body") ?? body(""))}`;
  const payload = findChild(encrypted, "urn:xmpp:omemo:2", "payload");
  return payload === undefined ? "" : atob(textOf(payload));
}

/** Plaintexts of everything written on a stream, markers left out. */
export const textsOn = (link: Link): string[] => link.stream.sent.map(({ stanza }) => textOfStanza(stanza).replace(/<.*$/, ""));

/** Which key a written stanza was encrypted with. */
export function keyOfStanza(stanza: XmlElement): string {
  return /<key [^>]*>([^<]*)</.exec(serializeXml(stanza))?.[1] ?? "";
}

/** A run with five messages written and none confirmed. */
export async function fiveWritten(world: OutboxWorld): Promise<{ readonly run: OutboxRun; readonly link: Link; readonly first: SendHandle }> {
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  const first = run.sender.intake.accept(juliet, [body("1")]);
  for (const text of ["2", "3", "4", "5"]) run.sender.intake.accept(juliet, [body(text)]);
  await quiet();
  expect(textsOn(link)).toEqual(["1", "2", "3", "4", "5"]);
  return { run, link, first };
}

/** Those five, and what is said of each. */
export const allFive = (state: (n: string) => string): Record<string, string> => Object.fromEntries(["1", "2", "3", "4", "5"].map((n) => [n, state(n)]));
