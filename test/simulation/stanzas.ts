/** Small tools for the simulated server's stanzas. @module */
import { type BareJid, type FullJid, parseJid, toBare } from "../../src/base/jid.js";
import { findChild, findChildren, xml, type XmlElement, type XmlNode } from "../../src/base/xml.js";
import { clientNamespace, delayNamespace, hintsNamespace, stanzaIdNamespace } from "../../src/transport/xep/namespaces.js";
import { formatDateTime } from "../../src/transport/xep/xep0203.js";
import { readOriginId } from "../../src/transport/xep/xep0359.js";

const errorNamespace = "urn:ietf:params:xml:ns:xmpp-stanzas";

export const withAttrs = (stanza: XmlElement, attrs: Readonly<Record<string, string>>): XmlElement => ({ ...stanza, attrs: { ...stanza.attrs, ...attrs } });

export const withChildren = (stanza: XmlElement, ...more: readonly XmlNode[]): XmlElement => ({ ...stanza, children: [...stanza.children, ...more] });

export const iqResult = (request: XmlElement, to: FullJid, payload?: XmlElement): XmlElement => {
  const { id, to: from } = request.attrs;
  return xml(clientNamespace, "iq", { type: "result", id, from, to }, payload);
};

/** An error for `stanza`; `application` is a condition of its own namespace. */
export function errorFor(stanza: XmlElement, to: string, condition: string, application?: XmlElement): XmlElement {
  const { id, to: from } = stanza.attrs;
  return xml(clientNamespace, stanza.name, { type: "error", id, from, to },
    xml(clientNamespace, "error", { type: "cancel" }, xml(errorNamespace, condition), application));
}

/** The address as it stands in a stanza of our own client: always well-formed. */
export function addressOf(text: string | undefined): { readonly full: string; readonly bare: BareJid } | undefined {
  const jid = text === undefined ? undefined : parseJid(text);
  return jid === undefined ? undefined : { full: jid, bare: toBare(jid) };
}

/** What the sender calls its message. */
export const nameOf = (message: XmlElement): string | undefined => readOriginId(message) ?? message.attrs["id"];

const hasHint = (message: XmlElement, name: string): boolean => findChild(message, hintsNamespace, name) !== undefined;

/** Whether a message belongs into archives and into offline storage. */
export function isStored(message: XmlElement): boolean {
  const { type } = message.attrs;
  if (type === "error" || type === "headline" || type === "groupchat" || hasHint(message, "no-store")) return false;
  return hasHint(message, "store") || findChild(message, clientNamespace, "body") !== undefined;
}

/** The message under its id in the archive of `account`; forged ids are taken out (threats F10). */
export function withStanzaId(message: XmlElement, account: BareJid, id: string | undefined): XmlElement {
  const forged = new Set<XmlNode>(findChildren(message, stanzaIdNamespace, "stanza-id").filter((element) => element.attrs["by"] === account));
  const children = message.children.filter((child) => !forged.has(child));
  return { ...message, children: id === undefined ? children : [...children, xml(stanzaIdNamespace, "stanza-id", { by: account, id })] };
}

export const delayElement = (from: string, stamp: number): XmlElement => xml(delayNamespace, "delay", { from, stamp: formatDateTime(stamp) });
