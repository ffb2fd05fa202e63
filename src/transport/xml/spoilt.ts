/**
 * Stanzas of which a part was left out because it breaks a limit. Nobody is shown the rest: whoever can have a part left out could
 * otherwise choose what others make of the remainder. What stays is who wrote to whom, and the frame that servers put around it.
 * Spec: docs/decisions/0015-spoilt-stanzas.md; RFC 6120 section 8; XEP-0203, XEP-0280, XEP-0297, XEP-0313, XEP-0359. Threats P09, P10, P12.
 * Not here: which part was left out (sparing-builder.ts), what is done with such a stanza (stream/iq.ts, client/receive/).
 * @module
 */
import { childElements, type XmlElement } from "../../base/xml.js";
import { archiveNamespace, carbonsNamespace, clientNamespace, delayNamespace, forwardNamespace, stanzaIdNamespace } from "../xep/namespaces.js";

const spoilt = new WeakSet<XmlElement>();

/** True for a stanza, live or forwarded, whose content cannot be known: it has none here. */
export function isSpoilt(stanza: XmlElement): boolean {
  return spoilt.has(stanza);
}

const key = (ns: string, name: string): string => `${ns} ${name}`;
/** What servers write into a message, apart from it: attributes are all it has. */
const stamps: ReadonlySet<string> = new Set([key(stanzaIdNamespace, "stanza-id"), key(delayNamespace, "delay")]);
const wrappers: ReadonlySet<string> = new Set([
  key(archiveNamespace, "result"), key(carbonsNamespace, "sent"), key(carbonsNamespace, "received"), key(forwardNamespace, "forwarded"), key(clientNamespace, "message"),
]);

/** What is left of `stanza`. Bounded: its parts were counted when they were read. */
export function spoiltStanza(stanza: XmlElement): XmlElement {
  const children = childElements(stanza).flatMap((child): XmlElement[] => {
    const kind = key(child.ns, child.name);
    if (stamps.has(kind)) return [Object.freeze({ ...child, children: Object.freeze([]) })];
    return wrappers.has(kind) ? [spoiltStanza(child)] : [];
  });
  const rest = Object.freeze({ ...stanza, children: Object.freeze(children) });
  spoilt.add(rest);
  return rest;
}
