/**
 * XEP-0100 Gateway Interaction, v1.0.1: the query jabber:iq:gateway (#addressing-iqgateway), by which a gateway says how a contact of its
 * network is written, and turns what the user wrote into an address.
 * @module
 */
import { domainOf, isFullJid, localOf, parseJid, type BareJid } from "../../base/jid.js";
import { formLabelLengthMax, formTextLengthMax } from "../../base/limits.js";
import { isElement, xml, type XmlElement } from "../../base/xml.js";
import { cleanText } from "./clean-text.js";
import { childText } from "./fields.js";
import { gatewayNamespace } from "./namespaces.js";

/** What to show where the user enters the name of a contact. Both are words of the gateway, cleaned. */
export interface GatewayPrompt {
  /** What to enter, for example "Screen Name". */
  readonly prompt?: string;
  /** A sentence about it; may have several lines. */
  readonly description?: string;
}

/** Asks how a contact is written. `language`: the one that the user reads (BCP 47). */
export const promptRequest = (language?: string): XmlElement => xml(gatewayNamespace, "query", { "xml:lang": language });
/** Asks for the address of a contact. */
export const addressRequest = (name: string): XmlElement => xml(gatewayNamespace, "query", {}, xml(gatewayNamespace, "prompt", {}, name));

/** Reads a prompt; `undefined` if it is none. */
export function decodePrompt(element: XmlElement | undefined): GatewayPrompt | undefined {
  if (!isElement(element, gatewayNamespace, "query")) return undefined;
  const prompt = cleanText(childText(element, gatewayNamespace, "prompt") ?? "", formLabelLengthMax);
  const description = cleanText(childText(element, gatewayNamespace, "desc") ?? "", formTextLengthMax, "lines");
  return { ...(prompt === "" ? {} : { prompt }), ...(description === "" ? {} : { description }) };
}

/**
 * The address that `gateway` gives; `undefined` if there is none, or if it is not that of one of its own users: a gateway speaks for
 * nobody else. Old gateways answer with `<prompt/>`.
 */
export function decodeAddress(element: XmlElement | undefined, gateway: BareJid): BareJid | undefined {
  if (!isElement(element, gatewayNamespace, "query")) return undefined;
  const text = childText(element, gatewayNamespace, "jid") ?? childText(element, gatewayNamespace, "prompt") ?? "";
  const jid = parseJid(text.trim());
  return jid !== undefined && !isFullJid(jid) && isUserOf(jid, gateway) ? jid : undefined;
}

/** True if `jid` is the address of a user behind `gateway`. */
export const isUserOf = (jid: BareJid, gateway: BareJid): boolean => localOf(jid) !== undefined && domainOf(jid) === gateway;
