/** XEP-0172 User Nickname, v1.1: in requests to see somebody's presence, and as a personal event. Threats F20. @module */
import { nicknameLengthMax } from "../../base/limits.js";
import { findChild, isElement, textOf, xml, type XmlElement } from "../../base/xml.js";
import { cleanText } from "./clean-text.js";
import { nickNamespace } from "./namespaces.js";

/** `<nick/>`; an empty one takes the nickname back. */
export function encodeNick(nick: string): XmlElement {
  return xml(nickNamespace, "nick", {}, nick);
}

/** The nickname in a stanza, cleaned; `undefined` if there is none. It proves nothing about who sends it. */
export function decodeNick(stanza: XmlElement): string | undefined {
  return readNick(findChild(stanza, nickNamespace, "nick"));
}

/** The same of the element itself; `undefined` also for an empty nickname. */
export function readNick(element: XmlElement | undefined): string | undefined {
  if (!isElement(element, nickNamespace, "nick")) return undefined;
  const nick = cleanText(textOf(element), nicknameLengthMax);
  return nick === "" ? undefined : nick;
}
