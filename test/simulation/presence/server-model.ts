/**
 * One account's session on a server as Prosody 0.12 and ejabberd 23.01 were measured, and its contacts; not what the specifications wish.
 * They differ in blocks, which ejabberd keeps in the default list that an active list replaces, and in what becomes of a list that another client removes.
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

/** What a privacy list says about addresses; everybody else passes if he has no subscription. */
export type ListModel = ReadonlyMap<BareJid, boolean>;

/** What another client wrote over a list of ours: everything passes. */
export const foreignList: ListModel = new Map();

/** What the server tells our client on its own, and its answers. */
export type Notice =
  | { readonly kind: "available" | "unavailable"; readonly jid: BareJid }
  | { readonly kind: "roster"; readonly jid: BareJid; readonly sees: boolean }
  | { readonly kind: "regrouped"; readonly rules: number }
  /** The default list, where it holds the blocks. */
  | { readonly kind: "standard"; readonly jid: BareJid; readonly blocked: boolean }
  /** Prosody tells who has asked for the blocks. */
  | { readonly kind: "unblocked"; readonly jid: BareJid }
  | { readonly kind: "list"; readonly name: string }
  | { readonly kind: "compared"; readonly connection: number; readonly name: string; readonly isOurs: boolean }
  | { readonly kind: "answer"; readonly connection: number; readonly outcome: "done" | "refused" | "changed" };

export type Make = "prosody" | "ejabberd";

/** All that the server holds. */
export interface ServerModel {
  readonly make: Make;
  /** False: Prosody tells whoever is blocked that we are gone in any case, and not only one who sees a broadcast that stands. */
  readonly exactBlocks: boolean;
  up: boolean;
  broadcast: Visible | undefined;
  active: string | undefined;
  readonly lists: Map<string, ListModel>;
  readonly directed: Set<BareJid>;
  readonly contacts: Map<BareJid, ContactModel>;
}

/** The list in force. ejabberd goes on naming one that was removed: then it is the default list, as if none was active. */
const listInForce = ({ active, lists }: ServerModel): ListModel | undefined => (active === undefined ? undefined : lists.get(active));

/** True if what is in force is not what our client put there. */
export const isTampered = (server: ServerModel): boolean => server.active !== undefined && (listInForce(server) ?? foreignList) === foreignList;

function passes(server: ServerModel, jid: BareJid, { blocked, sees }: ContactModel): boolean {
  const list = listInForce(server);
  if (blocked && (server.make === "prosody" || list === undefined)) return false;
  return list === undefined || list === foreignList || (list.get(jid) ?? !sees);
}

/** True if the presence of `jid` reaches our client. */
export function isHeard(server: ServerModel, jid: BareJid): boolean {
  const contact = server.contacts.get(jid);
  if (contact?.tells !== true || !server.up) return false;
  const list = listInForce(server);
  if (contact.blocked && (server.make === "prosody" || list === undefined)) return false;
  return list?.get(jid) !== false; // what our list repeats of the blocks is about everything
}

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

/**
 * Another client of ours blocks: Prosody says `unavailable` to one who sees the broadcast, and lets nothing through any more; ejabberd says
 * nothing, and asks the active list.
 */
export function block(server: ServerModel, jid: BareJid): void {
  const contact = server.contacts.get(jid);
  if (contact === undefined) return;
  const isTold = !server.exactBlocks || (contact.sees && server.up && server.broadcast !== undefined);
  if (server.make === "prosody" && isTold) contact.view = undefined;
  contact.blocked = true;
}

/** Another client of ours unblocks: Prosody asks itself in the contact's name, ejabberd says nothing. */
export function unblock(server: ServerModel, jid: BareJid): void {
  const contact = server.contacts.get(jid);
  if (contact === undefined) return;
  contact.blocked = false;
  if (server.make === "prosody" && contact.sees && server.up && server.broadcast !== undefined) show(server, jid, server.broadcast);
}

export function copyServer(server: ServerModel): ServerModel {
  return {
    ...server, lists: new Map(server.lists), directed: new Set(server.directed),
    contacts: new Map([...server.contacts].map(([jid, contact]) => [jid, { ...contact }])),
  };
}
