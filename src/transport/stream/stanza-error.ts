/**
 * Error stanzas and stream errors read into typed errors.
 * Spec: RFC 6120 sections 4.9.3 (stream errors) and 8.3.3 (stanza errors). Conditions are found by namespace, not by position:
 * servers put application conditions first (threats P15).
 * @module
 */
import { childElements, findChild, textOf, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";

/** Namespace of stanzas. */
export const clientNamespace = "jabber:client";
/** Namespace of the conditions of stanza errors. */
export const stanzaErrorNamespace = "urn:ietf:params:xml:ns:xmpp-stanzas";
const streamErrorNamespace = "urn:ietf:params:xml:ns:xmpp-streams";

// Only names from these lists get into errors: text from outside never does (threats H02).
const stanzaConditions: ReadonlySet<string> = new Set([
  "bad-request", "conflict", "feature-not-implemented", "forbidden", "gone", "internal-server-error", "item-not-found",
  "jid-malformed", "not-acceptable", "not-allowed", "not-authorized", "policy-violation", "recipient-unavailable", "redirect",
  "registration-required", "remote-server-not-found", "remote-server-timeout", "resource-constraint", "service-unavailable",
  "subscription-required", "undefined-condition", "unexpected-request",
]);
const streamConditions: ReadonlySet<string> = new Set([
  "bad-format", "bad-namespace-prefix", "conflict", "connection-timeout", "host-gone", "host-unknown", "improper-addressing",
  "internal-server-error", "invalid-from", "invalid-namespace", "invalid-xml", "not-authorized", "not-well-formed", "policy-violation",
  "remote-connection-failed", "reset", "resource-constraint", "restricted-xml", "see-other-host", "system-shutdown",
  "undefined-condition", "unsupported-encoding", "unsupported-feature", "unsupported-stanza-type", "unsupported-version",
]);
// XEP-0060 section 11 and others that change what we do next.
const applicationConditions: ReadonlySet<string> = new Set([
  "precondition-not-met", "presence-subscription-required", "closed-node", "not-in-roster-group", "not-subscribed", "max-items-exceeded",
  "max-nodes-exceeded", "payload-too-big", "item-required", "payload-required", "invalid-payload", "invalid-options", "unsupported",
  "unsupported-access-model", "configuration-required", "nodeid-required", "blocked", "file-too-large",
]);
const errorTypes: ReadonlySet<string> = new Set(["auth", "cancel", "continue", "modify", "wait"]);

function conditionOf(error: XmlElement, namespace: string, known: ReadonlySet<string>): string {
  const condition = childElements(error).find((child) => child.ns === namespace && child.name !== "text" && known.has(child.name));
  return condition?.name ?? "undefined-condition";
}

/**
 * The error that a stanza of type `error` carries: `ERR_STANZA_ERROR` with `details.condition`, `details.type` where it is one of
 * RFC 6120, and `details.application` where the application condition is one we act on. Retryable if the server says `wait`.
 */
export function stanzaError(stanza: XmlElement): TransportError {
  const error = findChild(stanza, clientNamespace, "error");
  const condition = error === undefined ? "undefined-condition" : conditionOf(error, stanzaErrorNamespace, stanzaConditions);
  const type = error?.attrs["type"];
  const application = error === undefined ? undefined
    : childElements(error).find((child) => child.ns !== stanzaErrorNamespace && applicationConditions.has(child.name))?.name;
  return new TransportError("ERR_STANZA_ERROR", "an error stanza was the answer", {
    retryable: type === "wait",
    details: {
      condition,
      ...(type !== undefined && errorTypes.has(type) ? { type } : {}),
      ...(application === undefined ? {} : { application }),
    },
  });
}

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
  const host = findChild(error, streamErrorNamespace, "see-other-host");
  const text = host === undefined ? "" : textOf(host).trim();
  return text === "" || text.length > 300 ? undefined : text;
}
