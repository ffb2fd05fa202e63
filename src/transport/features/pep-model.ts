/**
 * How own PEP nodes are to be configured: as fields of a form, best first, and read back.
 * Spec: XEP-0060 #accessmodels, #owner-configure. Threats F08. Not here: asking the server (pep.ts).
 * @module
 */
import type { FormFields } from "../xep/xep0004.js";
import type { NodeFields } from "../xep/xep0060.js";

/** How a node of ours has to be configured. */
export interface NodePolicy {
  readonly accessModel: "open" | "whitelist" | "presence";
  /** `many`: one item per device. `one`: the default of PEP, left alone. */
  readonly items: "one" | "many";
}

/** Values of `max_items` to try, best first: "max" is not known to every server. */
const maxItemsLadder = ["max", "1000", "100", "10"] as const;

/** Access models from the one that lets in fewest to the one that lets in all; of others nothing is known. */
const accessModels = ["whitelist", "roster", "presence", "open"] as const;

/** Two policies with one name ask for the same. */
export const nameOf = ({ accessModel, items }: NodePolicy): string => `${accessModel} ${items}`;

/** A field of a node's form. */
export const fieldOf = (form: FormFields, name: string): string | undefined => form.get(`pubsub#${name}`)?.[0];

/** Whether no model lets in fewer. */
export const isTightest = ({ accessModel }: NodePolicy): boolean => accessModel === accessModels[0];

/** The model that `form` shows, if it is known to let in fewer than `policy` does. */
export function tighterModel(form: FormFields, policy: NodePolicy): string | undefined {
  return accessModels.slice(0, accessModels.indexOf(policy.accessModel)).find((model) => model === fieldOf(form, "access_model"));
}

/** The fields that every configuration has. */
export const baseFields = (policy: NodePolicy): NodeFields => ({ access_model: policy.accessModel, persist_items: "true" });

/** The complete configurations to try, best first. */
export function configurations(policy: NodePolicy): readonly NodeFields[] {
  const base = baseFields(policy);
  return policy.items === "one" ? [base] : maxItemsLadder.map((maxItems) => ({ ...base, max_items: maxItems }));
}

/** Whether a node's form shows what `policy` asks for. Fields that the server does not have cannot be wrong. */
export function satisfies(form: FormFields, policy: NodePolicy): boolean {
  const persist = fieldOf(form, "persist_items") ?? "true";
  if (fieldOf(form, "access_model") !== policy.accessModel || (persist !== "true" && persist !== "1")) return false;
  const maxItems = fieldOf(form, "max_items");
  return policy.items === "one" || maxItems === undefined || maxItems === "max" || Number(maxItems) >= 10;
}
