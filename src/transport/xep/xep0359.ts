/** XEP-0359 Unique and Stable Stanza IDs, v0.7.0. @module */
import { parseJid, type BareJid } from "../../base/jid.js";
import { findChild, findChildren, xml, type XmlElement } from "../../base/xml.js";
import { parseId } from "./fields.js";
import { stanzaIdNamespace } from "./namespaces.js";

/** Writes the id that the sender gave its message. */
export function encodeOriginId(id: string): XmlElement {
  return xml(stanzaIdNamespace, "origin-id", { id });
}

/** The id that the sender gave its message. A claim of the sender's, worth something beside who it is only (threats F11). */
export function readOriginId(stanza: XmlElement): string | undefined {
  return parseId(findChild(stanza, stanzaIdNamespace, "origin-id")?.attrs["id"]);
}

/**
 * The id under which `archive` stores the message. Only the entity named in `by` may have put it there, and only if
 * it announces the feature (features/archive.ts); ids of others are ignored (#security, threats F10).
 */
export function readStanzaId(stanza: XmlElement, archive: BareJid): string | undefined {
  // The account's own address, not one of its devices: a client could have written that.
  const own = findChildren(stanza, stanzaIdNamespace, "stanza-id").filter((element) => parseJid(element.attrs["by"] ?? "") === archive);
  return own.length === 1 ? parseId(own[0]?.attrs["id"]) : undefined; // two of them: one is forged
}
