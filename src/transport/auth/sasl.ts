/**
 * SASL messages in their two dresses, and what servers say when they refuse.
 * Spec: RFC 6120 section 6 (SASL 1), XEP-0388 section 2 (SASL 2). Threats N11, N17, H02.
 * @module
 */
import { fromBase64, toBase64 } from "../../base/base64.js";
import { utf8Decode, type Bytes } from "../../base/bytes.js";
import { childElements, textOf, xml, type XmlElement, type XmlNode } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { childText } from "../xep/fields.js";

/** Namespace of SASL 1, and of the conditions of both. */
export const saslNamespace = "urn:ietf:params:xml:ns:xmpp-sasl";
/** Namespace of SASL 2. */
export const sasl2Namespace = "urn:xmpp:sasl:2";

/** How the exchange reaches the server. */
export interface SaslLink {
  write(element: XmlElement): Promise<void>;
  next(): Promise<XmlElement>;
}

/** One of the two ways to dress SASL messages. */
export interface SaslProfile {
  readonly namespace: string;
  /** The first message. */
  start(mechanism: string, initial: Bytes): XmlElement;
  /** The text in an element of the server. Unreadable text reads as nothing, and then fails its check. */
  text(element: XmlElement): string;
}

/** SASL 1. `=` stands for nothing (RFC 6120 section 6.4.2). */
export const saslProfile: SaslProfile = {
  namespace: saslNamespace,
  start: (mechanism, initial) => xml(saslNamespace, "auth", { mechanism }, toBase64(initial)),
  text: (element) => decoded(textOf(element)),
};

/** SASL 2, with what is to be settled together with the authentication. */
export function sasl2Profile(extensions: readonly XmlNode[]): SaslProfile {
  return {
    namespace: sasl2Namespace,
    start: (mechanism, initial) => xml(sasl2Namespace, "authenticate", { mechanism }, xml(sasl2Namespace, "initial-response", {}, toBase64(initial)), ...extensions),
    text: (element) => decoded(element.name === "challenge" ? textOf(element) : childText(element, sasl2Namespace, "additional-data") ?? ""),
  };
}

/** A later message. */
export function saslResponse(profile: SaslProfile, data: Bytes | undefined): XmlElement {
  return xml(profile.namespace, "response", {}, data === undefined ? undefined : toBase64(data));
}

/**
 * The next element, if it is one of those that may come now.
 * @throws TransportError `ERR_AUTH_REJECTED`, `ERR_AUTH_TEMPORARY`, `ERR_STREAM_PROTOCOL`
 */
export async function receiveSasl(link: SaslLink, profile: SaslProfile, expected: readonly ("challenge" | "success")[]): Promise<XmlElement> {
  const element = await link.next();
  const name = element.ns === profile.namespace ? element.name : "";
  if (name === "failure") throw failure(element);
  // Further steps - second factors, changes of the password - are not taken here.
  if (name === "continue" && profile.namespace === sasl2Namespace) throw new TransportError("ERR_AUTH_MECHANISM", "the server wants further steps of the login", { details: { reason: "further-steps" } });
  if ((expected as readonly string[]).includes(name)) return element;
  throw new TransportError("ERR_STREAM_PROTOCOL", "the server broke the order of the login", { details: { reason: "sasl-order" } });
}

const conditions: ReadonlySet<string> = new Set([
  "aborted", "account-disabled", "credentials-expired", "encryption-required", "incorrect-encoding", "invalid-authzid",
  "invalid-mechanism", "malformed-request", "mechanism-too-weak", "not-authorized", "temporary-auth-failure",
]);

function failure(element: XmlElement): TransportError {
  const condition = childElements(element).find((child) => child.ns === saslNamespace && conditions.has(child.name))?.name ?? "undefined-condition";
  const details = { details: { condition } };
  return condition === "temporary-auth-failure"
    ? new TransportError("ERR_AUTH_TEMPORARY", "the server cannot authenticate now", { ...details, retryable: true })
    : new TransportError("ERR_AUTH_REJECTED", "the server refused the login", details);
}

function decoded(text: string): string {
  const bytes = fromBase64(text); // of "=" too nothing remains: it is not base64
  return bytes === undefined ? "" : utf8Decode(bytes) ?? "";
}
