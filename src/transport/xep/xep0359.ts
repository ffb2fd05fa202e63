/** XEP-0359 Unique and Stable Stanza IDs, v0.7.0. @module */
import { parseBareJid, type BareJid } from "../../base/jid.js";
import { findChild, findChildren, xml, type XmlElement } from "../../base/xml.js";
import { stanzaIdNamespace } from "./namespaces.js";

/** Longer ids than this are left out: nobody makes them, and we would have to store them. */
const idLengthMax = 1_024;

/** Writes the id that the sender gave its message. */
export function encodeOriginId(id: string): XmlElement {
  return xml(stanzaIdNamespace, "origin-id", { id });
}

/** The id that the sender gave its message. */
export function readOriginId(stanza: XmlElement): string | undefined {
  return usable(findChild(stanza, stanzaIdNamespace, "origin-id")?.attrs["id"]);
}

/**
 * The id under which `archive` stores the message. Only the entity named in `by` may have put it there, and only if
 * it announces the feature; ids of others are ignored (#security).
 */
export function readStanzaId(stanza: XmlElement, archive: BareJid): string | undefined {
  const own = findChildren(stanza, stanzaIdNamespace, "stanza-id").filter((element) => parseBareJid(element.attrs["by"] ?? "") === archive);
  return own.length === 1 ? usable(own[0]?.attrs["id"]) : undefined; // two of them: one is forged
}

function usable(id: string | undefined): string | undefined {
  return id !== undefined && id !== "" && id.length <= idLengthMax ? id : undefined;
}
