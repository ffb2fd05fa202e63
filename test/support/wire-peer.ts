/** A logged-in connection without a client above it: what it was sent, and a way to wait until a server has handled what was said (Node only). @module */
import { systemClock } from "../../src/base/clock.js";
import { bareJid, type BareJid, type FullJid, type Jid, parseJid, toBare } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { childElements, findChild, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import { connect } from "../../src/transport/connection/connect.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import type { Stream } from "../../src/transport/connection/stream.js";
import { BlockingService } from "../../src/transport/features/blocking.js";
import { PrivacyListsService } from "../../src/transport/features/privacy-lists.js";
import { IqClient, type IncomingIq } from "../../src/transport/stream/iq.js";
import { type PrivateServer, services } from "./servers.js";

export const wirePassword = "a rose by any other name";
const clock = systemClock;
const rng = systemRng();
const client = "jabber:client";

export interface WireOptions {
  readonly resource?: string;
  readonly resume?: NonNullable<Stream["session"]>;
  /** Default: one, so that the peer is seen. */
  readonly presence?: XmlElement | null;
}

/** One connection. */
export class WirePeer {
  readonly account: BareJid;
  readonly stream: Stream;
  readonly iq: IqClient;
  readonly lists: PrivacyListsService;
  readonly blocking: BlockingService;
  /** Everything that came, answers to our own requests left out. */
  readonly received: XmlElement[] = [];
  /** Requests that came, by payload: pushes of the server among them. */
  readonly asked: IncomingIq[] = [];

  private constructor(account: BareJid, stream: Stream) {
    this.account = account;
    this.stream = stream;
    this.iq = new IqClient(stream, { rng, clock });
    this.lists = new PrivacyListsService({ iq: this.iq });
    this.blocking = new BlockingService({ iq: this.iq });
    stream.onStanza((stanza) => { if (stanza.name !== "iq" || (stanza.attrs["type"] !== "result" && stanza.attrs["type"] !== "error")) this.received.push(stanza); });
    for (const namespace of ["jabber:iq:privacy", "urn:xmpp:blocking", "jabber:iq:roster"]) {
      this.iq.handle(namespace, (request) => {
        this.asked.push(request);
        return null;
      });
    }
  }

  static async connect(server: PrivateServer, account: BareJid, options: WireOptions = {}): Promise<WirePeer> {
    const { resource, resume, presence = xml(client, "presence") } = options;
    const stream = await connect({
      account, service: services(server).tcp, password: () => wirePassword, tls: { ca: server.caPem }, clock, rng,
      ...(resource === undefined ? {} : { resource }), ...(resume === undefined ? {} : { resume }),
    }, sockets);
    const peer = new WirePeer(account, stream);
    if (presence !== null) await peer.send(presence);
    return peer;
  }

  get jid(): FullJid {
    return this.stream.jid;
  }

  async send(...stanzas: readonly XmlElement[]): Promise<void> {
    for (const stanza of stanzas) await this.stream.send(stanza);
  }

  /** Waits until the server has handled all that was sent, and everything that it had for us is here. No privacy list stops the question. */
  async settle(): Promise<void> {
    await this.iq.request({ type: "get", payload: xml("http://jabber.org/protocol/disco#info", "query") });
  }

  /** Takes what has come so far. */
  take(): XmlElement[] {
    return this.received.splice(0);
  }

  async close(): Promise<void> {
    await this.stream.close();
  }
}

/** A fresh account. */
export async function wireAccount(server: PrivateServer, name: string): Promise<BareJid> {
  await server.register(name, wirePassword);
  return bareJid(`${name}@${server.domain}`);
}

/** Lets everybody's stanzas arrive, in two rounds: what one says makes the server of the other say something. */
export async function settleAll(...peers: readonly WirePeer[]): Promise<void> {
  for (let round = 0; round < 2; round++) for (const peer of peers) await peer.settle();
}

/** A stanza in short, as `kind[/type] from [child names]`. */
export function inShort(stanza: XmlElement): string {
  const { type, from } = stanza.attrs;
  const what = stanza.name + (type === undefined ? "" : `/${type}`);
  const show = findChild(stanza, client, "show");
  const children = show === undefined ? childElements(stanza).map(({ name }) => name).filter((name) => name === "event" || name === "error") : [textOf(show)];
  return [what, senderOf(from), ...children].join(" ");
}

const senderOf = (from: string | undefined): string => {
  const jid = from === undefined ? undefined : parseJid(from);
  return jid === undefined ? "server" : toBare(jid).split("@")[0] as string;
};

export const presenceTo = (to?: Jid, type?: string, show?: string): XmlElement =>
  xml(client, "presence", { to, type }, show === undefined ? undefined : xml(client, "show", {}, show));
export const messageTo = (to: Jid, id: string): XmlElement =>
  xml(client, "message", { to, id, type: "chat" }, xml(client, "body", {}, id));
