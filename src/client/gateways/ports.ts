/** What the gateways need of the rest of the client, and what they say. @module */
import type { BareJid } from "../../base/jid.js";
import type { IqRequester } from "../../transport/features/iq-requester.js";
import type { GatewayMemory } from "./gateway-memory.js";

/** For calls that wait for the network. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** The roster, as far as gateways need it; `Roster` is one. Nothing of it is called but from a call of the application. */
export interface RosterPort {
  set(jid: BareJid, contact: { readonly name?: string; readonly groups?: readonly string[] }, options?: CallOptions): Promise<void>;
  subscribeTo(jid: BareJid, options?: CallOptions): Promise<void>;
  remove(jid: BareJid, options?: CallOptions): Promise<void>;
  confirmedContacts(): Iterable<{ readonly jid: BareJid }>;
}

/** Presence to one address alone. */
export interface PresencePort {
  /** Our own availability, to `to`; repeated when it changes, as far as directed presence is. */
  direct(to: BareJid): Promise<void>;
  undirect(to: BareJid): Promise<void>;
}

export interface GatewaysDeps {
  readonly account: BareJid;
  /** Of the present stream; rejects without one. */
  readonly iq: IqRequester;
  readonly roster: RosterPort;
  readonly presence: PresencePort;
  readonly memory: GatewayMemory;
  readonly onError: (error: unknown) => void;
}

/** Whether we are logged in to the network behind a gateway, as its own presence says (XEP-0100 #usecases-jabber-login). */
export type GatewayStatus =
  /** It has not said anything in this session of the server, or there is no stream. */
  | { readonly kind: "unknown" }
  /** `text`: its words, cleaned. */
  | { readonly kind: "available" | "unavailable"; readonly text?: string }
  /** It could not log us in. `condition`: RFC 6120 section 8.3.3, for example `not-authorized` or `registration-required`. */
  | { readonly kind: "failed"; readonly condition: string };

/** A gateway into another network. */
export interface Gateway {
  readonly jid: BareJid;
  /** The network behind it, for example "irc", "sms" or "xmpp"; "unknown" if it does not say. */
  readonly type: string;
  /** Its own words, cleaned. Show the address beside it. */
  readonly name?: string;
  /** The name could be taken for another one: it mixes scripts whose letters look alike, or uses foreign ones throughout (threats F20). */
  readonly confusable: boolean;
  /** Whether it takes registrations; absent until it was asked in this run. */
  readonly registers?: boolean;
  readonly status: GatewayStatus;
}

/** What a search has found. */
export interface Discovery {
  readonly gateways: readonly Gateway[];
  /** Services that gave no answer, and those beyond the number that is asked: they may be gateways too. */
  readonly unanswered: number;
}

/** A contact of another network, to be taken over. `jid`: as a gateway has proposed it (XEP-0144); `address`: as the user knows it. */
export interface LegacyContact {
  readonly jid?: string | undefined;
  readonly address?: string | undefined;
  readonly name?: string | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** How contacts are taken over. */
export interface LegacyImportOptions extends CallOptions {
  /** Ask to see their presence, which may show up at the other side as a request of the user. Default false. */
  readonly subscribe?: boolean | undefined;
  /** Groups that all of them get. Default: none. */
  readonly groups?: readonly string[] | undefined;
  /**
   * Also the groups that come with the contacts. Default false: whoever proposes contacts would choose the groups, and so what a presence or
   * contact policy lets them see and do.
   */
  readonly proposedGroups?: boolean | undefined;
}

/** Why a contact was not taken over: */
export type LegacyImportRefusal =
  | "not-an-address"
  /** The gateway speaks for nobody but its own users. */
  | "not-of-this-gateway"
  /** It is in the roster, and stays as it is; or it was named twice. */
  | "already-there"
  /** One call takes `legacyContactsMax`. */
  | "too-many"
  /** The server or the gateway refused it: see `condition`. */
  | "refused";

/** What became of each contact. */
export interface LegacyImportReport {
  /** In the roster now. */
  readonly added: readonly BareJid[];
  /** By their places in the list. One that is also in `added`: asking for its presence was refused. */
  readonly refused: readonly { readonly index: number; readonly reason: LegacyImportRefusal; readonly condition?: string }[];
  /** Present if it broke off; what was not reached is in neither list, and the same call may be made again. */
  readonly error?: unknown;
}

/** What became of an unregistration. */
export interface UnregisterReport {
  /** False if the gateway knew of no registration. */
  readonly wasRegistered: boolean;
  /** Taken out of the roster, if that was asked for. */
  readonly removed: readonly BareJid[];
  /** Still in the roster, though they should not be. */
  readonly kept: readonly BareJid[];
  /** Why the last of `kept` was not removed. */
  readonly error?: unknown;
}
