/**
 * Parts that an application may never ask for: loaded and made with the first call, kept from then on, attached to the stream that is up.
 * Not here: what each of them does.
 * @module
 */
import { randomId } from "../base/rng.js";
import { type BareJid, domainOf, type Jid } from "../base/jid.js";
import type { Ledger } from "../session/ledger.js";
import type { Queries } from "../transport/features/queries.js";
import type { Blocking } from "./blocking/blocking.js";
import { isCovered } from "./blocking/covered.js";
import type { ContactPolicy } from "./contact-policy/contact-policy.js";
import type { Strangers } from "./contact-policy/strangers.js";
import { loaded } from "./errors.js";
import type { ClientEvent } from "./events.js";
import type { Gateways } from "./gateways/gateways.js";
import type { Connection } from "./link.js";
import type { Conversations } from "./log/conversations.js";
import type { MessageLog } from "./log/message-log.js";
import type { CheckedOptions } from "./options.js";
import type { People } from "./people.js";
import type { PersonalEvents } from "./presence/personal-events.js";
import type { AccountPrivacyLists } from "./privacy/privacy-lists.js";
import type { Roster } from "./roster/roster.js";

export interface OnDemandDeps extends People {
  readonly options: CheckedOptions;
  readonly ledger: Ledger;
  readonly log: MessageLog;
  readonly emit: (event: ClientEvent) => void;
  readonly onError: (error: unknown) => void;
}

/** Makes each part once. A part that could not be loaded is tried again by the next call. */
export class OnDemand {
  readonly #d: OnDemandDeps;
  #blocking: Blocking | undefined;

  constructor(deps: OnDemandDeps) {
    this.#d = deps;
  }

  /** Whether `jid` is blocked, as far as anybody has asked for the block list. */
  isBlocked(jid: Jid): boolean {
    return this.#blocking?.isBlocked(jid) ?? false;
  }

  readonly blocking: () => Promise<Blocking> = once(async () => {
    const { Blocking: Made } = await loaded(import("./blocking/blocking.js"));
    const { options: { account, clock }, roster, presence, parts } = this.#d;
    const blocking = new Made({ ...this.#d, account, clock, watchers: () => [...watchersOf(roster), ...presence.directedTo] });
    // Behind the block nothing of ours reaches them, not even that we are gone; and nothing is to be said to them again.
    blocking.beforeBlock((jids) => Promise.all(presence.directedTo.filter((to) => isCovered(new Set(jids), to)).map((to) => presence.undirect(to))));
    parts.add(blocking);
    this.#blocking = blocking;
    return blocking;
  });

  readonly conversations: () => Promise<Conversations> = once(async () => {
    const { Conversations: Made } = await loaded(import("./log/conversations.js"));
    const { log, ledger, onError } = this.#d;
    return Made.open(log, ledger, onError);
  });

  readonly privacyLists: () => Promise<AccountPrivacyLists> = once(async () => {
    const { AccountPrivacyLists: Made } = await loaded(import("./privacy/privacy-lists.js"));
    const { options: { account, rng }, roster, presence, parts } = this.#d;
    const lists = new Made({
      ...this.#d, account, newSuffix: () => randomId(rng).slice(0, 8), roster: (jid) => roster.confirmed(jid), isOwned: () => presence.hasPolicy,
      changed: () => { presence.listsChanged(); },
    });
    presence.useLists(lists);
    parts.add(lists);
    return lists;
  });

  readonly personalEvents: () => Promise<PersonalEvents> = once(async () => {
    const { PersonalEvents: Made } = await loaded(import("./presence/personal-events.js"));
    const { options: { account }, roster: contacts, parts } = this.#d;
    const events = new Made({ ...this.#d, account, contacts });
    parts.add(events);
    return events;
  });

  readonly contactPolicy: () => Promise<ContactPolicy> = once(async () => {
    const { ContactPolicy: Made } = await loaded(import("./contact-policy/contact-policy.js"));
    return Made.open(this.#d.gate, this.#d.ledger);
  });

  readonly strangers: () => Promise<Strangers> = once(async () => {
    const { Strangers: Made } = await loaded(import("./contact-policy/strangers.js"));
    return new Made(await this.#d.gate.engine(), (jid, call) => this.#d.roster.subscribeTo(jid, call));
  });

  readonly queries: () => Promise<Queries> = once(async () => {
    const { Queries: Made } = await loaded(import("../transport/features/queries.js"));
    const { options: { account, clock }, gate, parts, onError } = this.#d;
    const queries = new Made({ account, clock, seesPresence: (jid) => gate.seesPresence(jid), isBlocked: (jid) => gate.isBlocked(jid), onError });
    parts.add({ attach: (connection) => { queries.attach(connection); }, detach: () => undefined }); // handlers go with their stream
    return queries;
  });

  readonly gateways: () => Promise<Gateways> = once(async () => {
    const { Gateways: Made } = await loaded(import("./gateways/gateways.js"));
    const { options: { account }, roster, presence, parts, gatewayMemory: memory, onError } = this.#d;
    const gateways = new Made({
      account, memory, roster, onError,
      iq: { request: async (iq) => this.#online().iq.request(iq) },
      presence: {
        direct: (to) => presence.directOwn(to),
        undirect: (to) => presence.undirect(to),
      },
    });
    parts.add(gateways);
    return gateways;
  });

  readonly #domainAsking = once(async () => {
    const { DomainAsking: Made } = await loaded(import("./gateways/domain-asking.js"));
    const { options: { clock }, gatewayMemory: memory, parts, onError } = this.#d;
    return new Made({ clock, memory, connection: () => parts.connection, onError });
  });

  /**
   * Asks the domain of `jid` whether it is a gateway, unless that is known: see `DomainAsking`. A client whose conversations all stay at home
   * never loads what asks.
   * @throws UsageError `ERR_ABORTED`
   */
  async askDomain(jid: BareJid, signal?: AbortSignal): Promise<void> {
    const { options: { account }, gatewayMemory } = this.#d;
    if (domainOf(jid) === domainOf(account) || gatewayMemory.beyond(jid) !== undefined) return;
    const asking = await this.#domainAsking().catch(() => undefined); // the next occasion loads it
    await asking?.about(jid, signal);
  }

  #online(): Connection {
    const { parts: { connection }, offline } = this.#d;
    if (connection === undefined) throw offline();
    return connection;
  }
}

/** A part that is made with the first call, and anew with the next one if that failed: its caller is told. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    if (made !== undefined) return made;
    made = make();
    made.catch(() => { made = undefined; });
    return made;
  };
}

function watchersOf(roster: Roster): readonly BareJid[] {
  return roster.confirmedContacts().filter(({ subscription }) => subscription === "from" || subscription === "both").map(({ jid }) => jid);
}
