/** What can be said of gateways from data alone: the same in a tab that has no client of its own. Spec: XEP-0100, XEP-0106. @module */
import { type BareJid, bareJid, domainOf, localOf } from "../../base/jid.js";
import { legacyNameLengthMax } from "../../base/limits.js";
import { cleanText } from "../../transport/xep/clean-text.js";
import { checkAnswers, type FormAnswers, type FormProblem } from "../../transport/xep/xep0004-form.js";
import type { RegistrationOffer } from "../../transport/xep/xep0077.js";
import { unescapeLocal } from "../../transport/xep/xep0106.js";

/** Where the XMPP part of a conversation ends. */
export interface Beyond {
  readonly kind: "gateway";
  readonly gateway: BareJid;
  /** The network behind it, as the gateway names it: one of the types that XEP-0030's registry lists for the category "gateway", or another word. */
  readonly type: string;
}

/** What lies beyond the address if these are the gateways that are known. */
export function beyondOf(types: ReadonlyMap<BareJid, string>, jid: BareJid): Beyond | undefined {
  const gateway = domainOf(jid);
  const type = types.get(gateway);
  return type === undefined ? undefined : { kind: "gateway", gateway, type };
}

/** See {@link Gateways.problems}. */
export function problemsOf(offer: RegistrationOffer, answers: FormAnswers): readonly FormProblem[] {
  return offer.kind === "elsewhere" ? [] : checkAnswers(offer.form, answers);
}

/** See {@link Gateways.legacyName}. @throws UsageError `ERR_INVALID_JID` */
export function legacyNameOf(jid: string): string {
  const address = bareJid(jid);
  return cleanText(unescapeLocal(localOf(address) ?? address), legacyNameLengthMax);
}
