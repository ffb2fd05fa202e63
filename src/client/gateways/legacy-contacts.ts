/**
 * Contacts of another network, taken over into the roster: only from a call of the application, only addresses of that gateway, names
 * cleaned, and nothing that is in the roster already is touched.
 * Spec: XEP-0100 #rosters, #addressing; XEP-0106 #bizrules-othermethods. Threats F20, F22.
 * @module
 */
import { parseJid, isFullJid, parseBareJid, type BareJid } from "../../base/jid.js";
import { formValueLengthMax, legacyContactsMax, legacyGroupsMax, legacyNameLengthMax } from "../../base/limits.js";
import { TransportError } from "../../transport/errors.js";
import type { IqRequester } from "../../transport/features/iq-requester.js";
import { cleanText } from "../../transport/xep/clean-text.js";
import { addressRequest, decodeAddress, isUserOf } from "../../transport/xep/xep0100.js";
import { escapedJid } from "../../transport/xep/xep0106.js";
import type { CallOptions, LegacyImportOptions, LegacyImportRefusal, LegacyImportReport, LegacyContact, RosterPort } from "./ports.js";
import type { GatewaySelf } from "./self.js";

/** Conditions by which an entity says that it does not know the question at all. */
const unknownQuestion: readonly unknown[] = ["service-unavailable", "feature-not-implemented"];

/**
 * The address of `name` behind the gateway: escaped if the gateway says that it reads that, else as the gateway itself translates it, else
 * in the oldest way, with % for @. `undefined`: there is none.
 * @throws TransportError what the gateway refused (`item-not-found`: nobody of that name), `ERR_STREAM_PROTOCOL` for an address that is not its own
 */
export async function legacyJid(iq: IqRequester, gateway: BareJid, self: GatewaySelf, name: string, signal?: AbortSignal): Promise<BareJid | undefined> {
  if (name.trim() === "" || name.length > formValueLengthMax) return undefined;
  if (self.escapes) return escapedJid(name, gateway);
  try {
    const answer = await iq.request({ type: "set", to: gateway, payload: addressRequest(name), ...(signal === undefined ? {} : { signal }) });
    const jid = decodeAddress(answer, gateway);
    if (jid === undefined) throw new TransportError("ERR_STREAM_PROTOCOL", "the gateway gave an address that is not one of its own");
    return jid;
  } catch (error) {
    const unknown = error instanceof TransportError && error.code === "ERR_STANZA_ERROR" && unknownQuestion.includes(error.details["condition"]);
    if (!unknown || self.translates) throw error;
    const jid = parseBareJid(`${name.trim().replaceAll("@", "%")}@${gateway}`);
    return jid !== undefined && isUserOf(jid, gateway) ? jid : undefined;
  }
}

/** What {@link importContacts} works with. */
export interface ImportWork {
  readonly roster: RosterPort;
  readonly gateway: BareJid;
  readonly contacts: readonly LegacyContact[];
  /** Turns a name of the other network into an address. */
  readonly addressOf: (name: string) => Promise<BareJid | undefined>;
  readonly how: LegacyImportOptions;
}

/** Takes them over one after the other. Does not throw for what the network does: see {@link LegacyImportReport.error}. */
export async function importContacts(work: ImportWork): Promise<LegacyImportReport> {
  const { roster, how } = work;
  const options: CallOptions = { signal: how.signal };
  const there = new Set<string>([...roster.confirmedContacts()].map(({ jid }) => jid));
  const added: BareJid[] = [];
  const refused: { index: number; reason: LegacyImportRefusal; condition?: string }[] = [];
  for (const [index, contact] of work.contacts.entries()) {
    if (index >= legacyContactsMax) {
      refused.push({ index, reason: "too-many" });
      continue;
    }
    try {
      const target = await targetOf(work, contact);
      if (target.kind === "refused" || there.has(target.jid)) {
        refused.push({ index, reason: target.kind === "refused" ? target.reason : "already-there" });
        continue;
      }
      await roster.set(target.jid, shownAs(contact, how), options);
      there.add(target.jid);
      added.push(target.jid);
      if (how.subscribe === true) await roster.subscribeTo(target.jid, options);
    } catch (error) {
      if (!(error instanceof TransportError) || error.code !== "ERR_STANZA_ERROR") return { added, refused, error };
      refused.push({ index, reason: "refused", condition: String(error.details["condition"]) });
    }
  }
  return { added, refused };
}

type Target = { readonly kind: "address"; readonly jid: BareJid } | { readonly kind: "refused"; readonly reason: LegacyImportRefusal };

async function targetOf(work: ImportWork, contact: LegacyContact): Promise<Target> {
  if (contact.jid === undefined) {
    const jid = contact.address === undefined ? undefined : await work.addressOf(contact.address);
    return jid === undefined ? { kind: "refused", reason: "not-an-address" } : { kind: "address", jid };
  }
  const jid = parseJid(contact.jid);
  if (jid === undefined || isFullJid(jid)) return { kind: "refused", reason: "not-an-address" };
  return isUserOf(jid, work.gateway) ? { kind: "address", jid } : { kind: "refused", reason: "not-of-this-gateway" };
}

/** The name, cleaned, and the groups: those that the application has named, and those proposed only if it says so, for groups may decide who sees what. */
function shownAs(contact: LegacyContact, how: LegacyImportOptions): { readonly name?: string; readonly groups: readonly string[] } {
  const name = cleanText(contact.name ?? "", legacyNameLengthMax);
  const proposed = how.proposedGroups === true ? (contact.groups ?? []).slice(0, legacyGroupsMax) : [];
  const groups = [...(how.groups ?? []), ...proposed].map((group) => cleanText(group, legacyNameLengthMax)).filter((group) => group !== "");
  return { ...(name === "" ? {} : { name }), groups: [...new Set(groups)] };
}
