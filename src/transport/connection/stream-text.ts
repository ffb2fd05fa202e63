/**
 * What we say outside of elements: how a stream opens and closes, over TCP and in WebSocket framing.
 * Spec: RFC 6120 sections 4.7, 4.4, 4.9; RFC 7395 sections 3.3.2, 3.6.
 * @module
 */
import { serializeXml, xml } from "../../base/xml.js";
import type { TransportError } from "../errors.js";
import { clientNamespace } from "../xep/namespaces.js";
import { managementNamespace } from "../stream/management.js";
import { framingNamespace } from "./framed-parser.js";

/** Namespace of stream headers, features and errors. */
export const streamNamespace = "http://etherx.jabber.org/streams";
const streamErrorNamespace = "urn:ietf:params:xml:ns:xmpp-streams";

/** Opens a stream to `domain`, in the name of `from`. */
export function header(framed: boolean, domain: string, from: string | undefined): string {
  if (framed) return serializeXml(xml(framingNamespace, "open", { from, to: domain, version: "1.0", "xml:lang": "en" }));
  // The root stays open and holds the default namespace of all stanzas; the domain is prepared and needs no escape beyond these.
  const to = serializeXml(xml(clientNamespace, "x", { from, to: domain }), clientNamespace).slice(3, -2);
  return `<?xml version="1.0"?><stream:stream xmlns="${clientNamespace}" xmlns:stream="${streamNamespace}" ${to} version="1.0" xml:lang="en">`;
}

/** Closes a stream. */
export function footer(framed: boolean): string {
  return framed ? serializeXml(xml(framingNamespace, "close")) : "</stream:stream>";
}

/** What the server is told about an error: only its own breach of the rules. */
export function reasonFor(error: TransportError): string {
  const { condition } = error.details;
  const breach = error.code === "ERR_STREAM_MALFORMED" || error.code === "ERR_STREAM_LIMIT" || error.code === "ERR_STREAM_PROTOCOL";
  if (!breach) return "";
  const { h, reason, sent } = error.details;
  // XEP-0198 section 6.
  const tooHigh = reason === "handled-count-too-high" ? xml(managementNamespace, reason, { h: Number(h), "send-count": Number(sent) }) : undefined;
  return serializeXml(xml(streamNamespace, "error", {}, xml(streamErrorNamespace, typeof condition === "string" ? condition : "policy-violation"), tooHigh));
}
