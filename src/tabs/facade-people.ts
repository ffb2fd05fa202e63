/**
 * Roster and presence as a tab mirrors them. A first leader of another build tells nothing of them: then they are there nevertheless, and empty.
 * @module
 */
import { type BareJid, bareJid, type Jid, parseBareJid } from "../base/jid.js";
import type { AvailableEvent } from "../client/presence/contact-watch.js";
import type { ContactPresence, ResourcePresence } from "../client/presence/contact-presence.js";
import type { Availability } from "../client/presence/announcer.js";
import type { CurrentPolicy, Effective } from "../client/presence-policy/types.js";
import type { Contact, RosterChange, RosterSnapshot } from "../client/roster/contact.js";
import type { ClientPresence, ClientRoster } from "../client/surface.js";
import type { Calls } from "./calls.js";
import { mirrored, remote, remoteEvents } from "./remote.js";

interface RosterView {
  readonly shown: RosterSnapshot;
  /** What the server says where it is not what is shown; `undefined`: it has no such contact. */
  readonly other: ReadonlyMap<BareJid, Contact | undefined>;
}

/** The roster; `ready` resolves when it is there. */
export function remoteRoster(calls: Calls): { readonly roster: ClientRoster; readonly ready: Promise<void> } {
  const { mirror, ready } = mirrored<RosterView>(calls, "roster", ([requests, freshness, other], contacts) => ({
    shown: {
      contacts: contacts as RosterSnapshot["contacts"], requests: (requests ?? []) as RosterSnapshot["requests"],
      freshness: (freshness ?? "cached") as RosterSnapshot["freshness"],
    },
    other: (other ?? new Map()) as RosterView["other"],
  }));
  const getSnapshot = (): RosterSnapshot => mirror.getSnapshot().shown;
  const confirmed = (jid: BareJid): Contact | undefined => {
    const { shown, other } = mirror.getSnapshot();
    return other.has(jid) ? other.get(jid) : shown.contacts.get(jid);
  };
  const confirmedContacts = (): readonly Contact[] => {
    const { shown, other } = mirror.getSnapshot();
    return [...new Set([...shown.contacts.keys(), ...other.keys()])].map(confirmed).filter((contact) => contact !== undefined);
  };
  const prepared = (jid: string): BareJid => parseBareJid(jid) ?? ("" as BareJid); // what is malformed is nobody's address
  const roster: ClientRoster = {
    ...remote(calls, { part: "roster" }),
    getSnapshot, subscribe: mirror.subscribe, onChange: remoteEvents<RosterChange>(calls, "roster.changes"), confirmedContacts,
    confirmed: (jid) => confirmed(prepared(jid)),
    get: (jid) => getSnapshot().contacts.get(prepared(jid)),
    export: () => ({ version: 1, contacts: confirmedContacts().map(({ jid, name, groups }) => ({ jid, ...(name === undefined ? {} : { name }), groups: [...groups] })) }),
  };
  return { roster, ready };
}

interface PresenceView {
  readonly contacts: ReadonlyMap<BareJid, ContactPresence>;
  readonly ownResources: readonly ResourcePresence[];
}

interface PolicyView {
  readonly policy: CurrentPolicy | undefined;
  readonly views: ReadonlyMap<BareJid, Effective>;
}

/** Presence; `ready` resolves when it is there. */
export function remotePresence(calls: Calls): { readonly presence: ClientPresence; readonly ready: Promise<unknown> } {
  const seen = mirrored<PresenceView>(calls, "presence", ([ownResources], contacts) => ({
    contacts: contacts as PresenceView["contacts"], ownResources: (ownResources ?? []) as PresenceView["ownResources"],
  }));
  const own = mirrored<Availability>(calls, "own", ([availability]) => (availability ?? { kind: "unavailable" }) as Availability);
  // One state: the policy is another object whenever anybody's view is, so that whoever watches it reads the views again.
  const effective = mirrored<PolicyView>(calls, "effective", ([rest, rules], views) => ({
    policy: rest === undefined ? undefined : { rules: rules as CurrentPolicy["rules"], ...rest as Omit<CurrentPolicy, "rules"> }, views: views as PolicyView["views"],
  }));
  const presence: ClientPresence = {
    ...remote(calls, { part: "presence" }),
    getSnapshot: () => seen.mirror.getSnapshot().contacts,
    subscribe: (listener) => {
      const stop = [seen.mirror.subscribe(listener), effective.mirror.subscribe(listener)];
      return () => { for (const each of stop) each(); };
    },
    own: own.mirror,
    currentPolicy: { getSnapshot: () => effective.mirror.getSnapshot().policy, subscribe: effective.mirror.subscribe },
    contact: (jid) => seen.mirror.getSnapshot().contacts.get(bareJid(jid)),
    ownResources: () => seen.mirror.getSnapshot().ownResources,
    onAvailable: remoteEvents<AvailableEvent>(calls, "presence.available"),
    onUnavailable: remoteEvents<{ readonly from: Jid }>(calls, "presence.unavailable"),
    effective: (jid) => {
      const whom = bareJid(jid);
      const { policy, views } = effective.mirror.getSnapshot();
      const view = views.get(whom);
      // Nobody's contact, and not asked about yet: followed from now on.
      if (view === undefined && policy !== undefined) calls.ask({ part: "presence" }, "effective", [whom]).catch(() => undefined);
      return view;
    },
  };
  return { presence, ready: Promise.all([seen.ready, own.ready, effective.ready]) };
}
