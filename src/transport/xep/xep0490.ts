/** XEP-0490 Message Displayed Synchronization, v1.0.1: how far the account has read, per conversation. @module */
import { isFullJid, parseJid, type BareJid } from "../../base/jid.js";
import { isElement, xml, type XmlElement } from "../../base/xml.js";
import { readPositionsNamespace, stanzaIdNamespace } from "./namespaces.js";
import type { PubsubItem } from "./xep0060.js";
import { readStanzaId } from "./xep0359.js";

/** Everything in `conversation` up to the message with `stanzaId` (XEP-0359, by the own account) was displayed. */
export interface ReadPosition {
  readonly conversation: BareJid;
  readonly stanzaId: string;
}

/** The payload of the item of a conversation; the id of the item is the conversation's address. */
export function encodeReadPosition(stanzaId: string, account: BareJid): XmlElement {
  return xml(readPositionsNamespace, "displayed", {}, xml(stanzaIdNamespace, "stanza-id", { by: account, id: stanzaId }));
}

/** Reads an item; `undefined` if it is malformed, or about a conversation that is not one with a bare address and our own archive. */
export function decodeReadPosition(item: PubsubItem, account: BareJid): ReadPosition | undefined {
  const conversation = parseJid(item.id ?? "");
  if (conversation === undefined || isFullJid(conversation) || !isElement(item.payload, readPositionsNamespace, "displayed")) return undefined;
  const stanzaId = readStanzaId(item.payload, account);
  return stanzaId === undefined ? undefined : { conversation, stanzaId };
}
