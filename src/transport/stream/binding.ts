/**
 * Resource binding: the request, and the address that comes out.
 * Spec: RFC 6120 section 7. Threats N14.
 * Not here: when it is asked for (establish.ts), binding within the login (auth/sasl2.ts).
 * @module
 */
import { isFullJid, parseJid, toBare, type BareJid, type FullJid } from "../../base/jid.js";
import { findChild, xml, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { childText } from "../xep/fields.js";
import { clientNamespace } from "../xep/namespaces.js";
import { breach } from "./breach.js";
import { isPassing, stanzaError } from "./stanza-error.js";

const bindNamespace = "urn:ietf:params:xml:ns:xmpp-bind";

/** True if `features` offer binding. */
export function offersBinding(features: XmlElement): boolean {
  return findChild(features, bindNamespace, "bind") !== undefined;
}

/** Asks for `resource`, or leaves the choice to the server. */
export function bindRequest(id: string, resource: string | undefined): XmlElement {
  const wanted = resource === undefined ? undefined : xml(bindNamespace, "resource", {}, resource);
  return xml(clientNamespace, "iq", { type: "set", id }, xml(bindNamespace, "bind", {}, wanted));
}

/**
 * The address in the answer to {@link bindRequest}.
 * @throws TransportError `ERR_BIND_FAILED`; as {@link ownAddress}
 */
export function boundAddress(answer: XmlElement, account: BareJid): FullJid {
  if (answer.attrs["type"] === "error") throw bindingRefused(answer);
  const address = childText(findChild(answer, bindNamespace, "bind"), bindNamespace, "jid");
  if (answer.attrs["type"] !== "result" || address === undefined) throw breach("binding");
  return ownAddress(address, account);
}

/**
 * What an element with an error in it says about binding. Prosody says `cancel` where it cannot read the account's data at the moment; `conflict` is the
 * word of servers that let an old session stand, ours for one, until its time is over (RFC 6120 section 7.7.2.2).
 */
export function bindingRefused(refusal: XmlElement): TransportError {
  const error = stanzaError(refusal);
  const { details } = error;
  return new TransportError("ERR_BIND_FAILED", "the server refused to bind a resource", { details, retryable: isPassing(error) || details["condition"] === "conflict" });
}

/**
 * A full address of `account`.
 * @throws TransportError `ERR_BIND_FOREIGN` (threats N14), `ERR_STREAM_PROTOCOL`
 */
export function ownAddress(text: string, account: BareJid): FullJid {
  const jid = parseJid(text);
  if (jid === undefined || !isFullJid(jid)) throw breach("binding");
  if (toBare(jid) !== account) throw new TransportError("ERR_BIND_FOREIGN", "the server bound us to another account's address");
  return jid;
}
