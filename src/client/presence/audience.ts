/**
 * Who may learn that this client is there by asking it something.
 * Spec: XEP-0030 #security. Threats F24, V01. Not here: the questions and their answers (transport/features/).
 * @module
 */
import { type BareJid, domainOf, type Jid, toBare } from "../../base/jid.js";
import type { Subscription } from "../roster/contact.js";
import { seeOurs } from "../roster/subscription.js";
import type { PresenceContacts } from "./contact-watch.js";

export interface AudienceDeps {
  readonly account: BareJid;
  readonly contacts: Pick<PresenceContacts, "confirmed" | "confirmedContacts">;
  /** Whether the address was directed presence to. */
  readonly isTold: (jid: Jid) => boolean;
  /** Whether we show presence to anybody beside those. */
  readonly isShown: () => boolean;
  /** Whether a policy lets the address see anything. */
  readonly isAllowed: (jid: Jid) => boolean;
}

/** See {@link Presence.audience}. */
export function isAudience({ account, contacts, isTold, isShown, isAllowed }: AudienceDeps, from: Jid | undefined): boolean {
  if (from === undefined || toBare(from) === account || from === domainOf(account)) return true;
  if (isTold(from)) return isAllowed(from);
  if (!isShown()) return false;
  const sees = (jid: BareJid, subscription: Subscription | undefined): boolean => seeOurs(subscription) && isAllowed(jid);
  const bare = toBare(from);
  if (sees(bare, contacts.confirmed(bare)?.subscription)) return true;
  // Servers ask on behalf of their users what our capabilities are (XEP-0163 filtered notifications).
  return contacts.confirmedContacts().some(({ jid, subscription }) => domainOf(jid) === from && sees(jid, subscription));
}
