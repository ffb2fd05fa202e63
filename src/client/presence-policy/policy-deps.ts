/**
 * What a presence policy needs of the rest of the client, and what it throws.
 * Not here: what is done with it (policy-announcer.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import type { Unsubscribe } from "../../base/events.js";
import type { BareJid } from "../../base/jid.js";
import type { XmlElement } from "../../base/xml.js";
import type { Ledger } from "../../session/ledger.js";
import { ClientError } from "../errors.js";
import type { Connection } from "../link.js";
import type { Availability, PresenceAnnouncer } from "../presence/announcer.js";
import type { Contact } from "../roster/contact.js";
import type { PolicyState } from "./types.js";

/** What the policy needs of the rest of the client. */
export interface PolicyDeps {
  readonly account: BareJid;
  readonly clock: Clock;
  readonly ledger: Ledger;
  /** Begins the names of this device's lists, so that devices leave each other's alone. */
  readonly listPrefix: string;
  readonly roster: {
    /** Brings it up to date on this stream, if it is not. */
    prepare(connection: Connection): Promise<void>;
    confirmed(jid: string): Contact | undefined;
    confirmedContacts(): readonly Contact[];
    onChange(listener: (change: { readonly jid: BareJid; readonly before?: Contact; readonly after?: Contact }) => void): Unsubscribe;
  };
  /** The stream that is up, also while another announcer is in charge. */
  readonly connection: () => Connection | undefined;
  /** The resources of contacts that are known to be there: the policy may begin in the middle of a session. */
  readonly online: () => Iterable<readonly [jid: BareJid, resource: string]>;
  /** What the user says of himself. */
  readonly own: () => Availability;
  /** What goes with every presence of ours. */
  readonly extras: () => readonly XmlElement[];
  /** Puts an announcer in charge of presence; `undefined`: the one without a policy. */
  readonly use: (announcer: PresenceAnnouncer | undefined) => Promise<void>;
  /** What the application directs to single addresses has to be looked at again; `isLost`: the next time all of it is to be said again, for the server takes it back. */
  readonly reviewDirected: (isLost?: boolean) => void;
  readonly emit: (event: { readonly kind: "presence-policy"; readonly state: PolicyState }) => void;
  readonly onError: (error: unknown) => void;
}

/** Why a policy is refused. */
export const unsupported = (): ClientError => new ClientError("ERR_POLICY_UNSUPPORTED", "the server has no privacy lists, or does not keep them");

/** A step that the server refused. */
export const failed = (cause?: unknown): ClientError =>
  new ClientError("ERR_POLICY_FAILED", "the server refused a step of the presence policy", { retryable: true, ...(cause === undefined ? {} : { cause }) });
