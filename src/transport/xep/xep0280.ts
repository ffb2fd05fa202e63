/**
 * XEP-0280 Message Carbons v1.0.1: copies of what the account's other devices sent and received.
 * Not here: what happens to the copy (client/receive/).
 * @module
 */
import { parseJid, toBare, type BareJid } from "../../base/jid.js";
import { findChildren, xml, type XmlElement } from "../../base/xml.js";
import { carbonsNamespace } from "./namespaces.js";
import { readForwarded } from "./xep0297.js";

/** Asks the server for copies on this stream. */
export const enableCarbons: XmlElement = xml(carbonsNamespace, "enable");

/** What a message stanza turns out to be. */
export type Carbon =
  | { readonly kind: "none" }
  /** `message` was sent by, or came to, another device of the account; its addresses say so too. */
  | { readonly kind: "sent" | "received"; readonly message: XmlElement }
  /** A wrapper that did not come from our own bare address, or does not hold one message of our own (threats F03, F04). */
  | { readonly kind: "forged" };

/** Opens at most one wrapper, and only one that our own server made. */
export function readCarbon(stanza: XmlElement, account: BareJid): Carbon {
  const wrappers = (["sent", "received"] as const)
    .flatMap((kind) => findChildren(stanza, carbonsNamespace, kind).map((wrapper) => ({ kind, wrapper })));
  const [first] = wrappers;
  if (first === undefined) return { kind: "none" };
  const { from, type } = stanza.attrs;
  // No sender is our own account (threats F26); a full address is one of its devices, which has no say here.
  if (wrappers.length > 1 || type === "error" || (from !== undefined && parseJid(from) !== account)) return { kind: "forged" };
  const { message, nested } = readForwarded(first.wrapper) ?? {};
  if (message === undefined || nested === true || message.attrs["type"] === "groupchat") return { kind: "forged" };
  const own = parseJid(message.attrs[first.kind === "sent" ? "from" : "to"] ?? account);
  return own !== undefined && toBare(own) === account ? { kind: first.kind, message } : { kind: "forged" };
}
