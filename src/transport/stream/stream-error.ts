/**
 * Stream errors read into typed errors.
 * Spec: RFC 6120 section 4.9.3. Not here: error stanzas (stanza-error.ts).
 * @module
 */
import type { XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { childText } from "../xep/fields.js";
import { conditionOf } from "./stanza-error.js";

const streamErrorNamespace = "urn:ietf:params:xml:ns:xmpp-streams";

const streamConditions: ReadonlySet<string> = new Set([
  "bad-format", "bad-namespace-prefix", "conflict", "connection-timeout", "host-gone", "host-unknown", "improper-addressing",
  "internal-server-error", "invalid-from", "invalid-namespace", "invalid-xml", "not-authorized", "not-well-formed", "policy-violation",
  "remote-connection-failed", "reset", "resource-constraint", "restricted-xml", "see-other-host", "system-shutdown",
  "undefined-condition", "unsupported-encoding", "unsupported-feature", "unsupported-stanza-type", "unsupported-version",
]);
// After these the same account may simply connect again later.
const passingConditions: ReadonlySet<string> = new Set([
  "connection-timeout", "internal-server-error", "reset", "resource-constraint", "see-other-host", "system-shutdown", "undefined-condition",
]);

/** The error for `<stream:error/>`: `ERR_STREAM_CONFLICT`, else `ERR_STREAM_ERROR`. Redirects are not followed here (threats N05). */
export function streamError(element: XmlElement): TransportError {
  const condition = conditionOf(element, streamErrorNamespace, streamConditions);
  return condition === "conflict"
    ? new TransportError("ERR_STREAM_CONFLICT", "another client took over this resource", { details: { condition } })
    : new TransportError("ERR_STREAM_ERROR", "the server ended the stream with an error", { retryable: passingConditions.has(condition), details: { condition } });
}

/** The host in `<see-other-host/>` (RFC 6120 section 4.9.3.19), as the server wrote it. */
export function redirectOf(error: XmlElement): string | undefined {
  const text = childText(error, streamErrorNamespace, "see-other-host")?.trim() ?? "";
  return text === "" || text.length > 300 ? undefined : text;
}
