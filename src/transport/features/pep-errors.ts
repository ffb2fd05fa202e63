/** What the error to a PEP request means for what we do next. Spec: XEP-0060 sections 7.1.3 and 7.1.5, measured on servers. @module */
import { TransportError } from "../errors.js";

/** Why a request with a configuration was refused. */
export type ConfigurationRefusal =
  | "mismatch" // the node exists and is configured otherwise
  | "fields" // the server takes fewer fields in this place, whatever their values
  | "values"; // the server may accept other values

const valueConditions: ReadonlySet<unknown> = new Set(["bad-request", "not-acceptable", "feature-not-implemented", "not-allowed", "undefined-condition"]);

/** Reads the answer to a request with a configuration; `undefined` if the error has nothing to do with it. */
export function configurationRefusal(error: unknown): ConfigurationRefusal | undefined {
  if (!isStanzaError(error)) return undefined;
  const { condition, application } = error.details;
  if (application === "precondition-not-met" || condition === "conflict") return "mismatch";
  // ejabberd says so, as if it were temporary, to every field of publish-options but access_model and persist_items.
  if (condition === "resource-constraint") return "fields";
  if (isNodeMissing(error)) return "fields";
  return valueConditions.has(condition) ? "values" : undefined;
}

/** True if a server or peer answered with an error stanza. */
export function isStanzaError(error: unknown): error is TransportError {
  return error instanceof TransportError && error.code === "ERR_STANZA_ERROR";
}

/**
 * To a publication: there is no node, and publishing does not make one. ejabberd 23.01 says so too when the creation of several nodes at the
 * same moment has ended in a deadlock of its database; the next attempt may well succeed.
 */
export function isNodeMissing(error: unknown): boolean {
  return isStanzaError(error) && error.details["condition"] === "item-not-found";
}
