/** A connection whose server is the test: what was sent, and what comes in. For parts of the client that follow streams. @module */
import { type BareJid, bareJid, type FullJid, parseJid } from "../../src/base/jid.js";
import { Emitter } from "../../src/base/events.js";
import { serializeXml, xml, type XmlElement } from "../../src/base/xml.js";
import type { ClientEvent } from "../../src/client/events.js";
import type { Connection } from "../../src/client/link.js";
import type { PresenceContacts } from "../../src/client/presence/contact-watch.js";
import type { PresenceDeps } from "../../src/client/presence/presence-deps.js";
import { Presence } from "../../src/client/presence/presence.js";
import type { Subscription } from "../../src/client/roster/contact.js";
import { TransportError } from "../../src/transport/errors.js";
import { OwnCapabilities } from "../../src/transport/features/caps.js";
import type { IqQuestion } from "../../src/transport/features/iq-requester.js";
import { offline } from "./no-stream.js";
import { FakeClock } from "./omemo-world.js";
import { element } from "./xml.js";

export const account: BareJid = bareJid("romeo@verona.example");
export const self: FullJid = parseJid("romeo@verona.example/orchard") as FullJid;

export interface FakeConnection {
  readonly connection: Connection;
  /** What the client has sent, serialized, without capabilities. */
  readonly sent: string[];
  /** The same as elements. */
  readonly stanzas: XmlElement[];
  /** How many of them the stream itself would send again when the session goes on. */
  resent: number;
  readonly asked: IqQuestion[];
  /** Called for each request; what it returns or throws is the answer. */
  answer: (question: IqQuestion) => XmlElement | undefined | Promise<XmlElement | undefined>;
  /** While set, sending fails. */
  broken: boolean;
  readonly deliver: (text: string) => void;
  readonly end: () => void;
}

/** `handled`: how much of what was sent had arrived when the session went on. Default: everything. */
export function fakeConnection(over: { readonly continued?: boolean; readonly start?: "new" | "resumed"; readonly handled?: number } = {}): FakeConnection {
  const stanzas = new Emitter<XmlElement>();
  const gone = new AbortController();
  const fake: FakeConnection = {
    sent: [], stanzas: [], resent: 0, asked: [], broken: false, answer: () => undefined,
    deliver: (text) => { stanzas.emit(element(text.replace(/^<(\w+)/, "<$1 xmlns='jabber:client'"))); },
    end: () => { gone.abort(); },
    connection: {
      stream: {
        jid: self, start: over.start === "resumed" || over.continued === true ? { kind: "resumed", handled: over.handled ?? Number.MAX_SAFE_INTEGER } : { kind: "new", resumable: true },
        onStanza: (listener: (stanza: XmlElement) => void) => stanzas.subscribe(listener),
        sendTracked: (stanza: XmlElement, { resend = true }: { readonly resend?: boolean } = {}) => {
          if (fake.broken) throw new TransportError("ERR_STREAM_CLOSED", "the stream is closed", { retryable: true });
          fake.sent.push(inShort(stanza));
          if (resend) fake.resent++;
          return { sequence: fake.stanzas.push(stanza), written: Promise.resolve() };
        },
      },
      iq: { request: async (question: IqQuestion) => { fake.asked.push(question); return fake.answer(question); } },
      signal: gone.signal, epoch: 1, continued: over.continued ?? false,
    } as unknown as Connection,
  };
  return fake;
}

const inShort = ({ ns, name, attrs, children }: XmlElement): string =>
  serializeXml(xml(ns, name, attrs, ...children.filter((child) => typeof child === "string" || child.name !== "c")), ns);

/** A roster as far as presence looks at it. */
export class FakeContacts implements PresenceContacts {
  readonly #subscriptions = new Map<BareJid, Subscription>();
  readonly #changes = new Emitter<{ readonly jid: BareJid }>();

  constructor(subscriptions: Readonly<Record<string, Subscription>>) {
    for (const [jid, subscription] of Object.entries(subscriptions)) this.#subscriptions.set(bareJid(jid), subscription);
  }

  confirmed = (jid: BareJid): { readonly jid: BareJid; readonly subscription: Subscription } | undefined => {
    const subscription = this.#subscriptions.get(jid);
    return subscription === undefined ? undefined : { jid, subscription };
  };

  confirmedContacts = (): readonly { readonly jid: BareJid; readonly subscription: Subscription }[] =>
    [...this.#subscriptions].map(([jid, subscription]) => ({ jid, subscription }));

  onChange = this.#changes.subscribe.bind(this.#changes);

  change(text: string, subscription: Subscription | undefined): void {
    const jid = bareJid(text);
    if (subscription === undefined) this.#subscriptions.delete(jid);
    else this.#subscriptions.set(jid, subscription);
    this.#changes.emit({ jid });
  }
}

export interface PresenceWorld {
  readonly presence: Presence;
  readonly contacts: FakeContacts;
  readonly capabilities: OwnCapabilities;
  readonly events: ClientEvent[];
  readonly errors: unknown[];
  readonly clock: FakeClock;
}

export function presenceWorld(subscriptions: Readonly<Record<string, Subscription>> = {}, over: Pick<PresenceDeps, "loadPolicy"> = {}): PresenceWorld {
  const [contacts, capabilities, clock] = [new FakeContacts(subscriptions), new OwnCapabilities(), new FakeClock()];
  const events: ClientEvent[] = [];
  const errors: unknown[] = [];
  const presence = new Presence({
    account, clock, contacts, capabilities, emit: (event) => { events.push(event); }, onError: (error) => { errors.push(error); }, offline, ...over,
  });
  return { presence, contacts, capabilities, clock, events, errors };
}

/** A fresh stream on which the first presence has gone out. */
export async function begun(world: PresenceWorld): Promise<FakeConnection> {
  const fake = fakeConnection();
  world.presence.attach(fake.connection);
  await world.presence.prepare(fake.connection);
  fake.sent.length = 0;
  return fake;
}
