/**
 * One account's session on a server as Prosody 0.12 and ejabberd 23.01 were measured, and its contacts; not what the specifications wish.
 * An active list belongs to the session; it retracts and announces nothing when it comes into force; probes are answered with the broadcast through
 * the list; the final `unavailable` goes through it, too; whoever has no subscription is let through and is told nothing by the server itself.
 * @module
 */
import type { BareJid } from "../../../src/base/jid.js";
import type { Visible } from "../../../src/client/presence-policy/levels.js";

/** A contact, and what its client shows of us. */
export interface ContactModel {
  online: boolean;
  /** Sees us. */
  sees: boolean;
  /** We are told when it logs in. */
  readonly tells: boolean;
  blocked: boolean;
  view: Visible | undefined;
}

/** What the server tells our client on its own. */
export type Notice =
  | { readonly kind: "available" | "unavailable"; readonly jid: BareJid }
  | { readonly kind: "roster"; readonly jid: BareJid; readonly sees: boolean }
  | { readonly kind: "regrouped"; readonly rules: number }
  | { readonly kind: "answer"; readonly connection: number; readonly outcome: "done" | "refused" };

/** All that the server holds. Lists are kept as the set of those whom they let through. */
export interface ServerModel {
  up: boolean;
  broadcast: Visible | undefined;
  active: string | undefined;
  readonly lists: Map<string, ReadonlySet<BareJid>>;
  readonly directed: Set<BareJid>;
  readonly contacts: Map<BareJid, ContactModel>;
}

const passes = (server: ServerModel, jid: BareJid, contact: ContactModel): boolean =>
  !contact.blocked && (server.active === undefined || !contact.sees || server.lists.get(server.active)?.has(jid) === true);

function show(server: ServerModel, jid: BareJid, content: Visible | undefined): void {
  const contact = server.contacts.get(jid);
  if (contact?.online === true && passes(server, jid, contact)) contact.view = content;
}

/** Presence without an address. */
export function broadcast(server: ServerModel, content: Visible | undefined): void {
  for (const [jid, { sees }] of server.contacts) if (sees || (content === undefined && server.directed.has(jid))) show(server, jid, content);
  server.broadcast = content;
  if (content === undefined) server.directed.clear();
}

export function direct(server: ServerModel, jid: BareJid, content: Visible | undefined): void {
  if (content === undefined) server.directed.delete(jid);
  else if (server.contacts.get(jid)?.sees === false) server.directed.add(jid); // Prosody keeps in mind those only who have no subscription
  show(server, jid, content);
}

/** The session ends, cleanly or not: the server's own `unavailable` goes through the list. */
export function endSession(server: ServerModel): void {
  broadcast(server, undefined);
  server.up = false;
  server.active = undefined;
}

/** A contact comes with the same resource as always: it forgets what it saw, and its server asks ours. */
export function logIn(server: ServerModel, jid: BareJid): void {
  const contact = server.contacts.get(jid);
  if (contact === undefined) return;
  contact.online = true;
  contact.view = undefined;
  if (contact.sees && server.up && server.broadcast !== undefined) show(server, jid, server.broadcast);
}

export function logOut(server: ServerModel, jid: BareJid): void {
  const contact = server.contacts.get(jid);
  if (contact !== undefined) Object.assign(contact, { online: false, view: undefined });
}

/** Another client of ours grants or revokes. */
export function subscribe(server: ServerModel, jid: BareJid, sees: boolean): void {
  const contact = server.contacts.get(jid);
  if (contact === undefined || contact.sees === sees) return;
  contact.sees = sees;
  if (server.up) show(server, jid, sees ? server.broadcast : undefined);
  else contact.view = undefined;
}

/** Another client of ours blocks: Prosody says `unavailable` and lets nothing through any more. */
export function block(server: ServerModel, jid: BareJid): void {
  const contact = server.contacts.get(jid);
  if (contact === undefined) return;
  contact.view = undefined;
  contact.blocked = true;
}

export function copyServer(server: ServerModel): ServerModel {
  return {
    ...server, lists: new Map(server.lists), directed: new Set(server.directed),
    contacts: new Map([...server.contacts].map(([jid, contact]) => [jid, { ...contact }])),
  };
}
