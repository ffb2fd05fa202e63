/** Hooks about the account as a whole: the connection, the contacts, who is there. Not here: single conversations. @module */
import { useCallback } from "react";
import { type BareJid, parseBareJid } from "../base/jid.js";
import type { Availability } from "../client/presence/announcer.js";
import type { ContactPresence } from "../client/presence/contact-presence.js";
import type { Contact, RosterSnapshot } from "../client/roster/contact.js";
import type { ClientStatus } from "../client/status.js";
import { useClient } from "./client-context.js";
import { useObservable, useSelection } from "./use-observable.js";

/** What a page says before it runs in a browser: a server has no account to show. */
const offline: ClientStatus = { kind: "offline" };
const nobody: RosterSnapshot = { contacts: new Map(), requests: [], freshness: "cached" };
const silent: Availability = { kind: "unavailable" };
const nowhere: ReadonlyMap<BareJid, ContactPresence> = new Map();

/** What the connection is doing. */
export function useStatus(): ClientStatus {
  return useObservable(useClient().status, offline);
}

/** The contacts and the requests that wait for an answer. For one contact, {@link useContact} renders less often. */
export function useRoster(): RosterSnapshot {
  return useObservable(useClient().roster, nobody);
}

/** One contact; `undefined` if the roster has none with this address. Renders again only if something about this contact changes. */
export function useContact(jid: string): Contact | undefined {
  const select = useCallback(({ contacts }: RosterSnapshot) => contacts.get(prepared(jid)), [jid]);
  return useSelection(useClient().roster, select, nobody);
}

/** Who of a contact's devices is there; `undefined` if nothing is known. Renders again only for changes of this contact. */
export function usePresence(jid: string): ContactPresence | undefined {
  const select = useCallback((known: ReadonlyMap<BareJid, ContactPresence>) => known.get(prepared(jid)), [jid]);
  return useSelection(useClient().presence, select, nowhere);
}

/** What the user says of himself; change it with `client.presence.set`. */
export function useAvailability(): Availability {
  return useObservable(useClient().presence.own, silent);
}

/** What is malformed is nobody's address. */
const prepared = (jid: string): BareJid => parseBareJid(jid) ?? ("" as BareJid);
