/**
 * The policy as it is kept: it holds from the first presence after a restart on, and who may have been left with presence of ours by a crash is
 * looked after. What cannot be read is an error: then nobody is shown anything, and it can be replaced.
 * @module
 */
import { type BareJid, parseBareJid } from "../../base/jid.js";
import { asObject, choiceField, decodeJson, encodeJson, givenField, invalidRecord, type Json, numberField } from "../json-record.js";
import { type Level, levels } from "./levels.js";
import { keptRules, type PolicyRules, type RuleBook } from "./rules.js";

/** Everybody sees at most this level until then, in milliseconds since the epoch. */
export interface Override {
  readonly level: Level;
  /** Milliseconds since the epoch; in the future. */
  readonly until: number;
}

/** All that has to outlive the process. */
export interface StoredPolicy {
  /** As they were given. */
  readonly rules: PolicyRules;
  /** The same, read. */
  readonly book: RuleBook;
  readonly withoutPrivacyLists: "refuse" | "degrade";
  readonly override?: Override;
  readonly ghosts: readonly BareJid[];
}

export const encodePolicy = ({ rules, withoutPrivacyLists, override, ghosts }: StoredPolicy): Uint8Array<ArrayBuffer> =>
  encodeJson({ rules, without: withoutPrivacyLists, ghosts, ...(override === undefined ? {} : { override }) });

/** Nobody sees anything. */
export const closedPolicy = (): StoredPolicy => ({ ...keptRules({ others: "offline" }), withoutPrivacyLists: "refuse", ghosts: [] });

/** @throws ClientError `ERR_RECORD_INVALID` */
export function decodePolicy(row: Uint8Array): StoredPolicy {
  const record = decodeJson(row);
  const { ghosts } = record;
  if (!Array.isArray(ghosts)) throw invalidRecord();
  return {
    ...rulesOf(record["rules"]), withoutPrivacyLists: choiceField(record, "without", ["refuse", "degrade"]),
    ...givenField(record, "override", readOverride), ghosts: ghosts.map((text) => (typeof text === "string" ? parseBareJid(text) : undefined) ?? unreadable()),
  };
}

function readOverride(record: Json, field: string): Override {
  const override = asObject(record[field]);
  return { level: choiceField(override, "level", levels), until: numberField(override, "until") };
}

function rulesOf(value: unknown): Pick<StoredPolicy, "rules" | "book"> {
  try {
    return keptRules(value);
  } catch {
    return unreadable(); // the application wrote nothing wrong: the record is
  }
}

function unreadable(): never {
  throw invalidRecord();
}
