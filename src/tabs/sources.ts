/**
 * The states and events of a client that tabs can watch, by name.
 * Not here: how states are told (state-source.ts), the timelines of conversations, each of which is one tab's own (served-tab.ts).
 * @module
 */
import type { Observable, Unsubscribe } from "../base/events.js";
import type { BareJid } from "../base/jid.js";
import type { SottoClient } from "../client/client.js";
import type { Effective } from "../client/presence-policy/types.js";
import type { RosterSnapshot } from "../client/roster/contact.js";
import type { Carry } from "./frames.js";
import { sameData } from "../base/same-data.js";
import { type EntryKey, remembered, sourceOf, type StateParts, StateSource } from "./state-source.js";

/** What the states are made of beside the client. */
export interface SourceDeps {
  readonly client: SottoClient;
  readonly carry: Observable<Carry>;
  /** Addresses whose view of the user was asked for although they are no contacts. */
  readonly asked: Observable<ReadonlySet<BareJid>>;
}

type Opener = (d: SourceDeps) => StateSource | Promise<StateSource>;

/** The states, by the names that tabs use. A part of the client that is made on demand is made by being watched. */
const states: Readonly<Record<string, Opener>> = {
  status: ({ client: { status } }) => headOnly(status),
  client: ({ client }) => new StateSource(
    () => ({ head: [client.device, client.storage, client.waiting, client.core.gatewayMemory.types] }),
    (changed) => together(client.core.log.onChange(changed), client.core.events.subscribe(changed), client.core.sender.onWaiting(changed), client.core.storage.onChange(changed)),
  ),
  carry: ({ carry }) => headOnly(carry),
  roster: ({ client: { roster } }) => sourceOf(roster, (snapshot) => rosterParts(roster, snapshot)),
  presence: ({ client: { presence } }) => new StateSource(() => ({ head: [presence.ownResources()], entries: presence.getSnapshot() }), presence.subscribe),
  own: ({ client: { presence } }) => headOnly(presence.own),
  effective: effectiveSource,
  conversations: async ({ client }) => sourceOf(await client.conversations(), ({ conversations, total, unread }) => ({
    head: [total, unread], entries: new Map(conversations.map((each) => [each.jid, each])),
  })),
  blocking: async ({ client }) => {
    const blocking = await client.blocking();
    const entries = remembered(blocking.getSnapshot, (blocked) => new Map([...blocked].map((jid) => [jid, true])));
    return new StateSource(() => ({ head: [blocking.isCurrent], entries: entries() }), (changed) => together(blocking.subscribe(changed), client.status.subscribe(changed)));
  },
  privacyLists: async ({ client }) => headOnly(await client.privacyLists()),
  contactPolicy: async ({ client }) => headOnly(await client.contactPolicy()),
  strangers: async ({ client }) => headOnly(await client.strangers()),
  personalEvents: async ({ client }) => {
    await client.personalEvents();
    return new StateSource(() => ({ head: [] }), () => () => undefined);
  },
  gateways: async ({ client }) => sourceOf(await client.gateways(), (entries) => ({ head: [], entries })),
};

/** Tells `listener` of each event, until the returned function is called. */
export type EventSource = (client: SottoClient, listener: (event: unknown) => void) => Unsubscribe | Promise<Unsubscribe>;

/** The kinds of events, by the names that tabs use. */
const events: Readonly<Record<string, EventSource>> = {
  "events": (client, listener) => client.onEvent(listener),
  "roster.changes": (client, listener) => client.roster.onChange(listener),
  "presence.available": (client, listener) => client.presence.onAvailable(listener),
  "presence.unavailable": (client, listener) => client.presence.onUnavailable(listener),
  "personalEvents.events": async (client, listener) => (await client.personalEvents()).onEvent(listener),
};

/** How to begin with the state `name`; `undefined` if there is none. */
export const stateOpener = (name: string): Opener | undefined => (Object.hasOwn(states, name) ? states[name] : undefined);
/** The events `name`; `undefined` if there are none. */
export const eventSource = (name: string): EventSource | undefined => (Object.hasOwn(events, name) ? events[name] : undefined);

const headOnly = (state: Observable<unknown>): StateSource => sourceOf(state, (value) => ({ head: [value] }));

const together = (...all: readonly Unsubscribe[]): Unsubscribe => () => { for (const stop of all) stop(); };

/** The contacts as they are shown, and what the server says where that differs. */
function rosterParts(roster: SottoClient["roster"], { contacts, requests, freshness }: RosterSnapshot): StateParts {
  const other = new Map<BareJid, unknown>();
  let confirmed = 0;
  for (const contact of roster.confirmedContacts()) {
    confirmed += 1;
    const shown = contacts.get(contact.jid);
    if (shown !== contact && !sameData(shown, contact)) other.set(contact.jid, contact);
  }
  const added = contacts.size - confirmed + [...other.keys()].filter((jid) => !contacts.has(jid)).length;
  if (added > 0) for (const jid of contacts.keys()) if (roster.confirmed(jid) === undefined) other.set(jid, undefined);
  return { head: [requests, freshness, other], entries: contacts };
}

/** The policy, and what everybody may see of the user under it. Made anew only when that may have changed: it is a look at every contact. */
function effectiveSource({ client: { presence, roster }, asked }: SourceDeps): StateSource {
  let made: StateParts | undefined;
  const read = (): StateParts => {
    if (made !== undefined) return made;
    const policy = presence.currentPolicy.getSnapshot();
    const entries = new Map<EntryKey, Effective>();
    for (const jid of policy === undefined ? [] : new Set([...roster.confirmedContacts().map((contact) => contact.jid), ...asked.getSnapshot()])) {
      const found = presence.effective(jid);
      if (found !== undefined) entries.set(jid, found);
    }
    const { rules, ...rest } = policy ?? {};
    made = { head: policy === undefined ? [] : [rest, rules], entries }; // apart: the rules of a tab are the same object until they change
    return made;
  };
  return new StateSource(read, (changed) => {
    const now = (): void => {
      made = undefined;
      changed();
    };
    now();
    return together(presence.currentPolicy.subscribe(now), roster.subscribe(now), asked.subscribe(now));
  });
}
