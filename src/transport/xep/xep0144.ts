/** XEP-0144 Roster Item Exchange, v1.1.1: proposals to change the roster, read only. They are data for whoever asks the user. Threats F20, F21, F25. @module */
import { isFullJid, parseJid, type BareJid } from "../../base/jid.js";
import { contactNameLengthMax, suggestedContactsMax } from "../../base/limits.js";
import { findChild, findChildren, isElement, type XmlElement } from "../../base/xml.js";
import { cleanText, looksConfusable } from "./clean-text.js";
import { rosterExchangeNamespace } from "./namespaces.js";
import { decodeGroups } from "./rfc6121-roster.js";

/** One proposed change. */
export interface SuggestedContact {
  readonly action: "add" | "delete" | "modify";
  readonly jid: BareJid;
  /** Cleaned (threats F20). */
  readonly name?: string;
  /** The name could be taken for another one: it mixes scripts whose letters look alike, or uses foreign ones throughout (threats F20). False without a name. */
  readonly confusable: boolean;
  readonly groups: readonly string[];
}

/** The proposals in a stanza, or in the payload of a request; malformed ones are left out. `undefined` if there is none to look at. */
export function decodeSuggestions(element: XmlElement): readonly SuggestedContact[] | undefined {
  const holder = isElement(element, rosterExchangeNamespace, "x") ? element : findChild(element, rosterExchangeNamespace, "x");
  if (holder === undefined) return undefined;
  const items = findChildren(holder, rosterExchangeNamespace, "item").slice(0, suggestedContactsMax).flatMap((item) => decodeItem(item) ?? []);
  return items.length === 0 ? undefined : items;
}

function decodeItem(item: XmlElement): SuggestedContact | undefined {
  const jid = parseJid(item.attrs["jid"] ?? "");
  const groups = decodeGroups(item);
  if (jid === undefined || isFullJid(jid) || groups === undefined) return undefined;
  const { action } = item.attrs;
  const name = cleanText(item.attrs["name"] ?? "", contactNameLengthMax);
  // #add: what is not understood counts as "add".
  return { action: action === "delete" || action === "modify" ? action : "add", jid, ...(name === "" ? {} : { name }), confusable: looksConfusable(name), groups };
}
