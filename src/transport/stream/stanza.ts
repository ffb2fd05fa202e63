/**
 * What a stanza is, and how large one may be.
 * Spec: RFC 6120 section 8; XEP-0478. Threats P08, P16.
 * @module
 */
import { utf8 } from "../../base/bytes.js";
import { parseJid } from "../../base/jid.js";
import { findChild, serializeXml, type XmlElement } from "../../base/xml.js";
import { childText } from "../xep/fields.js";
import { clientNamespace } from "../xep/namespaces.js";

const limitsNamespace = "urn:xmpp:stream-limits:0";
const stanzaNames: ReadonlySet<string> = new Set(["iq", "message", "presence"]);

/** True for message, presence and iq. Matched by namespace and name only (threats P08). */
export function isStanza(element: XmlElement): boolean {
  return element.ns === clientNamespace && stanzaNames.has(element.name);
}

/** True unless an address of the stanza is malformed (threats P16). */
export function hasAddresses(stanza: XmlElement): boolean {
  return [stanza.attrs["from"], stanza.attrs["to"]].every((text) => text === undefined || parseJid(text) !== undefined);
}

/** Bytes on the wire, but for the namespace that a stream may spare. */
export function bytesOf(stanza: XmlElement): number {
  return utf8(serializeXml(stanza)).length;
}

/** The largest stanza that the server takes, if it says so. */
export function announcedBytesMax(features: XmlElement): number | undefined {
  const text = childText(findChild(features, limitsNamespace, "limits"), limitsNamespace, "max-bytes")?.trim() ?? "";
  return /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : undefined;
}
