/** The server of the simulation with what belongs to people: a roster, a block list, presence for everybody. @module */
import type { BareJid } from "../../src/base/jid.js";
import { childElements, xml, type XmlElement } from "../../src/base/xml.js";
import { Server } from "../simulation/server.js";
import type { Session } from "../simulation/session.js";
import { iqResult } from "../simulation/stanzas.js";

/** Everybody has the same contacts. */
export class PeopleServer extends Server {
  /** Items by address. */
  readonly roster = new Map<string, XmlElement>();
  readonly blocked = new Set<string>();
  /** Presence stanzas that clients have sent to everybody. */
  readonly presence: { readonly from: BareJid; readonly stanza: XmlElement }[] = [];
  readonly sessions = new Set<Session>();

  override handle(session: Session, stanza: XmlElement): void {
    this.sessions.add(session);
    const [payload] = childElements(stanza);
    if (stanza.name === "presence" && stanza.attrs["to"] === undefined) this.presence.push({ from: session.account, stanza });
    if (stanza.name !== "iq" || payload === undefined) super.handle(session, stanza);
    else if (payload.ns === "jabber:iq:roster") this.#rosterRequest(session, stanza, payload);
    else if (payload.ns === "urn:xmpp:blocking") this.#blockRequest(session, stanza, payload);
    else super.handle(session, stanza);
  }

  /** Nobody is his own contact. */
  rosterOf(account: BareJid): readonly XmlElement[] {
    return [...this.roster].flatMap(([jid, item]) => (jid === account ? [] : [item]));
  }

  /** A push to all clients of the account. */
  push(item: XmlElement): void {
    this.roster.set(item.attrs["jid"] ?? "", item);
    for (const session of this.sessions) {
      if (session.account === item.attrs["jid"]) continue;
      session.deliver(xml("jabber:client", "iq", { type: "set", id: this.newId(), to: session.jid }, xml("jabber:iq:roster", "query", {}, item)));
    }
  }

  /** Somebody's presence, to all clients of the account. */
  show(from: string, ...children: readonly XmlElement[]): void {
    for (const session of this.sessions) session.deliver(xml("jabber:client", "presence", { from, to: session.jid }, ...children));
  }

  #rosterRequest(session: Session, stanza: XmlElement, query: XmlElement): void {
    const [item] = childElements(query);
    if (stanza.attrs["type"] === "get") session.deliver(iqResult(stanza, session.jid, xml("jabber:iq:roster", "query", {}, ...this.rosterOf(session.account))));
    else if (item !== undefined) {
      const jid = item.attrs["jid"] ?? "";
      if (item.attrs["subscription"] === "remove") this.roster.delete(jid);
      else this.roster.set(jid, rosterItem(jid, { name: item.attrs["name"] }, ...childElements(item)));
      session.deliver(iqResult(stanza, session.jid));
      session.deliver(xml("jabber:client", "iq", { type: "set", id: this.newId(), to: session.jid }, xml("jabber:iq:roster", "query", {}, this.roster.get(jid) ?? item)));
    }
  }

  #blockRequest(session: Session, stanza: XmlElement, payload: XmlElement): void {
    const jids = childElements(payload).map((item) => item.attrs["jid"] ?? "");
    if (payload.name === "block") for (const jid of jids) this.blocked.add(jid);
    if (payload.name === "unblock") for (const jid of jids) this.blocked.delete(jid);
    const list = xml("urn:xmpp:blocking", "blocklist", {}, ...[...this.blocked].map((jid) => xml("urn:xmpp:blocking", "item", { jid })));
    session.deliver(iqResult(stanza, session.jid, payload.name === "blocklist" ? list : undefined));
  }
}

export const rosterItem = (jid: string, attrs: Record<string, string | undefined> = {}, ...groups: readonly XmlElement[]): XmlElement =>
  xml("jabber:iq:roster", "item", { jid, subscription: "both", ...attrs }, ...groups);
