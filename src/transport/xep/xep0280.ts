/**
 * XEP-0280 Message Carbons v1.0: copies of what the account's other devices sent and received.
 * Not here: what happens to the copy (client/receiver.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { parseJid } from "../../base/jid.js";
import { findChild, findChildren, xml, type XmlElement } from "../../base/xml.js";
import { clientNamespace } from "./namespaces.js";

/** The namespace of carbons. */
export const carbonsNamespace = "urn:xmpp:carbons:2";
const forwardNamespace = "urn:xmpp:forward:0";

/** Asks the server for copies on this stream. */
export const enableCarbons: XmlElement = xml(carbonsNamespace, "enable");

/** What a message stanza turns out to be. */
export type Carbon =
  | { readonly kind: "none" }
  /** `message` was sent by, or came to, another device of the account. */
  | { readonly kind: "sent" | "received"; readonly message: XmlElement }
  /** A wrapper that did not come from our own bare address, or does not hold one message (threats F03, F04). */
  | { readonly kind: "forged" };

/** Opens at most one wrapper, and only one that our own server made. */
export function readCarbon(stanza: XmlElement, account: BareJid): Carbon {
  const wrappers = (["sent", "received"] as const)
    .flatMap((kind) => findChildren(stanza, carbonsNamespace, kind).map((wrapper) => ({ kind, wrapper })));
  const [first] = wrappers;
  if (first === undefined) return { kind: "none" };
  const from = stanza.attrs["from"];
  if (wrappers.length > 1 || (from !== undefined && parseJid(from) !== account)) return { kind: "forged" };
  const forwarded = findChild(first.wrapper, forwardNamespace, "forwarded");
  const messages = forwarded === undefined ? [] : findChildren(forwarded, clientNamespace, "message");
  const [message] = messages;
  if (message === undefined || messages.length > 1 || message.attrs["type"] === "groupchat") return { kind: "forged" };
  const nested = [...findChildren(message, carbonsNamespace, "sent"), ...findChildren(message, carbonsNamespace, "received")];
  return nested.length > 0 ? { kind: "forged" } : { kind: first.kind, message };
}
