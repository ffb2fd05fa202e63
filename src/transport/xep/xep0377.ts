/** XEP-0377 Spam Reporting, v0.4: the report that goes along with a block. Not here: blocking (xep0191.ts). @module */
import type { BareJid } from "../../base/jid.js";
import { xml, type XmlElement } from "../../base/xml.js";
import { reportingNamespace, stanzaIdNamespace } from "./namespaces.js";

/** What the own server is told about somebody who is blocked. It stays with the own server: forwarding it is never approved. */
export interface AbuseReport {
  readonly reason: "spam" | "abuse";
  /** For those who read the report. */
  readonly text?: string | undefined;
  /** Language of `text`. */
  readonly lang?: string | undefined;
  /** The messages it is about: their ids in the archive (XEP-0359) of `by`. */
  readonly messages?: readonly { readonly id: string; readonly by: BareJid }[] | undefined;
}

/** Writes a report (#payload, #blocking). */
export function encodeReport({ reason, text, lang, messages = [] }: AbuseReport): XmlElement {
  return xml(reportingNamespace, "report", { reason: `urn:xmpp:reporting:${reason}` },
    ...messages.map(({ id, by }) => xml(stanzaIdNamespace, "stanza-id", { by, id })),
    text === undefined ? undefined : xml(reportingNamespace, "text", { "xml:lang": lang }, text));
}
