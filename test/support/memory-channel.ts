/** An element channel in memory whose other end is the test, and a clock that only moves by hand. */
import type { Clock } from "../../src/base/clock.js";
import { Emitter } from "../../src/base/events.js";
import { bareJid, parseJid, type FullJid } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { findChild, xml, type XmlElement, type XmlNode } from "../../src/base/xml.js";
import { closedError } from "../../src/transport/connection/closed.js";
import type { Delivery, Stream, StreamEnd } from "../../src/transport/connection/stream.js";
import type { TransportError } from "../../src/transport/errors.js";
import type { ElementChannel } from "../../src/transport/stream/element-channel.js";
import { establishSession } from "../../src/transport/stream/establish.js";
import type { InlineOutcome, SessionOptions } from "../../src/transport/stream/session-options.js";

export const sm = "urn:xmpp:sm:3";
export const bindNs = "urn:ietf:params:xml:ns:xmpp-bind";
export const account = bareJid("romeo@verona.example");
export const boundJid = parseJid("romeo@verona.example/orchard") as FullJid;
export const stanza = (name: "iq" | "message" | "presence", attrs: Record<string, string> = {}, ...children: XmlNode[]): XmlElement => xml("jabber:client", name, attrs, ...children);
export const message = (id: string): XmlElement => stanza("message", { id });

export function featuresWith(...names: readonly ("bind" | "sm" | "csi")[]): XmlElement {
  const all = { bind: xml(bindNs, "bind"), sm: xml(sm, "sm"), csi: xml("urn:xmpp:csi:0", "csi") };
  return xml("http://etherx.jabber.org/streams", "features", {}, ...names.map((name) => all[name]));
}

/** A clock that only moves by hand. */
export class ManualClock implements Clock {
  readonly #tasks = new Map<object, { readonly at: number; readonly task: () => void }>();
  time = 0;
  now = (): number => this.time;
  monotonic = (): number => this.time;
  get pending(): number {
    return this.#tasks.size;
  }
  schedule = (delayMs: number, task: () => void): (() => void) => {
    const key = {};
    this.#tasks.set(key, { at: this.time + delayMs, task });
    return () => { this.#tasks.delete(key); };
  };
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.#tasks].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#tasks.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].task();
    }
    this.time = end;
  }
}

/** What is written is recorded; what arrives is handed over in the caller's own turn, as a parser does. */
export class MemoryChannel implements ElementChannel {
  readonly features: XmlElement;
  readonly written: XmlElement[] = [];
  failure: TransportError | undefined;
  isOpen = true;
  #listener: ((element: XmlElement) => void) | undefined;
  readonly #waiting: XmlElement[] = [];
  readonly #ends = new Emitter<StreamEnd>();
  onWrite: (element: XmlElement) => void = () => undefined;

  constructor(features: XmlElement = featuresWith("bind", "sm")) {
    this.features = features;
  }

  write(element: XmlElement): Promise<void> {
    if (!this.isOpen) return Promise.reject(closedError());
    this.written.push(element);
    this.onWrite(element);
    return Promise.resolve();
  }

  onElement(listener: (element: XmlElement) => void): () => void {
    this.#listener = listener;
    for (const element of this.#waiting.splice(0)) listener(element);
    return () => { this.#listener = undefined; };
  }

  onEnd(listener: (end: StreamEnd) => void): () => void {
    return this.#ends.subscribe(listener);
  }

  close(): Promise<void> {
    this.end({});
    return Promise.resolve();
  }

  fail(error: TransportError): void {
    this.failure ??= error;
    this.end({ error });
  }

  end(end: StreamEnd): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#ends.emit(end);
  }

  /** Elements of one piece of input: nothing of a promise runs between them. */
  receive(...elements: readonly XmlElement[]): void {
    for (const element of elements) {
      if (!this.isOpen) return;
      if (this.#listener === undefined) this.#waiting.push(element);
      else this.#listener(element);
    }
  }

  /** Names of what was written since `from`, `h` of acknowledgements included. */
  said(from = 0): string[] {
    return this.written.slice(from).map((element) => [element.name, element.attrs["id"] ?? element.attrs["h"]].filter((part) => part !== undefined).join(" "));
  }

  last(name: string): XmlElement {
    const found = [...this.written].reverse().find((element) => element.name === name);
    if (found === undefined) throw new TypeError(`nothing called ${name} was written`);
    return found;
  }

  /** The answer to the bind request. */
  bound(jid: string = boundJid): XmlElement {
    const request = this.written.find((element) => findChild(element, bindNs, "bind") !== undefined);
    return stanza("iq", { type: "result", id: request?.attrs["id"] ?? "none" }, xml(bindNs, "bind", {}, xml(bindNs, "jid", {}, jid)));
  }
}

export const enabled = (attrs: Record<string, string> = { resume: "true", id: "secret-id" }): XmlElement => xml(sm, "enabled", attrs);
export const r: XmlElement = xml(sm, "r");
export const a = (h: number | string): XmlElement => xml(sm, "a", { h });

/** Begins to establish a session. */
export function begin(channel: MemoryChannel, clock: Clock, options: Partial<SessionOptions> = {}, inline?: InlineOutcome): Promise<Stream> {
  return establishSession(channel, { account, clock, rng: systemRng(), ...options }, inline);
}

/** A fresh managed session. What is written before is forgotten. */
export async function managed(clock: Clock, options: Partial<SessionOptions> = {}, attrs?: Record<string, string>): Promise<{ readonly channel: MemoryChannel; readonly stream: Stream }> {
  const channel = new MemoryChannel();
  const starting = begin(channel, clock, options);
  await settle();
  channel.receive(channel.bound(), enabled(attrs));
  const stream = await starting;
  channel.written.splice(0);
  return { channel, stream };
}

/** A session without stream management. What is written before is forgotten. */
export async function unmanaged(clock: Clock): Promise<{ readonly channel: MemoryChannel; readonly stream: Stream }> {
  const channel = new MemoryChannel(featuresWith("bind"));
  const starting = begin(channel, clock);
  await settle();
  channel.receive(channel.bound());
  const stream = await starting;
  channel.written.splice(0);
  return { channel, stream };
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/** Listens; every delivery is held until the test lets go. */
export function listen(stream: Stream, hold = false): { readonly ids: (string | undefined)[]; readonly deliveries: Delivery[]; readonly releases: (() => void)[] } {
  const seen = { ids: [] as (string | undefined)[], deliveries: [] as Delivery[], releases: [] as (() => void)[] };
  stream.onStanza((element, delivery) => {
    seen.ids.push(element.attrs["id"]);
    seen.deliveries.push(delivery);
    if (hold) seen.releases.push(delivery.hold());
  });
  return seen;
}
