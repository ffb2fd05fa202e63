/**
 * Error stanzas read into typed errors.
 * Spec: RFC 6120 section 8.3.3. Conditions are found by namespace, not by position:
 * servers put application conditions first (threats P15).
 * Not here: stream errors (stream-error.ts).
 * @module
 */
import { childElements, findChild, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { clientNamespace } from "../xep/namespaces.js";

/** Namespace of the conditions of stanza errors. */
export const stanzaErrorNamespace = "urn:ietf:params:xml:ns:xmpp-stanzas";

// Only names from these lists get into errors: text from outside never does (threats H02).
const stanzaConditions: ReadonlySet<string> = new Set([
  "bad-request", "conflict", "feature-not-implemented", "forbidden", "gone", "internal-server-error", "item-not-found",
  "jid-malformed", "not-acceptable", "not-allowed", "not-authorized", "policy-violation", "recipient-unavailable", "redirect",
  "registration-required", "remote-server-not-found", "remote-server-timeout", "resource-constraint", "service-unavailable",
  "subscription-required", "undefined-condition", "unexpected-request",
]);
// XEP-0060 section 11 and others that change what we do next.
const applicationConditions: ReadonlySet<string> = new Set([
  "precondition-not-met", "presence-subscription-required", "closed-node", "not-in-roster-group", "not-subscribed", "max-items-exceeded",
  "max-nodes-exceeded", "payload-too-big", "item-required", "payload-required", "invalid-payload", "invalid-options", "unsupported",
  "unsupported-access-model", "configuration-required", "nodeid-required", "blocked", "file-too-large",
]);
const errorTypes: ReadonlySet<string> = new Set(["auth", "cancel", "continue", "modify", "wait"]);

/** The condition in an error element, if it is one of `known`. */
export function conditionOf(error: XmlElement, namespace: string, known: ReadonlySet<string>): string {
  const condition = childElements(error).find((child) => child.ns === namespace && known.has(child.name));
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

// Trouble on the way, not a statement about the account that was asked for.
const passingConditions: ReadonlySet<unknown> = new Set(["internal-server-error", "remote-server-not-found", "remote-server-timeout", "resource-constraint", "undefined-condition"]);

/** True if the same question may be answered differently in a while. Prosody says `cancel` to trouble with its own database. */
export function isPassing(error: TransportError): boolean {
  return error.retryable || passingConditions.has(error.details["condition"]);
}
