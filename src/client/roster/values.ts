/** What an application or an import says about a contact, checked. Spec: RFC 6121 sections 2.1.2.4 (name) and 2.1.2.6 (groups). Threats F20, H04. @module */
import { UsageError } from "../../base/errors.js";
import { contactNameLengthMax, rosterGroupsMax, rosterNameLengthMax } from "../../base/limits.js";
import { isXmlText } from "../../base/xml.js";
import { cleanText } from "../../transport/xep/clean-text.js";
import { sortedGroups } from "../../transport/xep/rfc6121-roster.js";

/** What is given is to be; what is absent stays as it is. An empty name takes the name away. */
export interface ContactValues {
  readonly name?: string | undefined;
  readonly groups?: readonly string[] | undefined;
}

/**
 * The name as it will be shown (cleaned, threats F20), the groups sorted and each once.
 * @throws UsageError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_TEXT`
 */
export function checkedValues(values: ContactValues): ContactValues {
  // Applications in JavaScript hand in anything.
  if (typeof (values as unknown) !== "object" || (values as unknown) === null) throw new UsageError("ERR_INVALID_ARGUMENT", "the name and groups of a contact are fields of an object");
  const { name, groups } = values;
  if (groups !== undefined && (!isArray(groups) || groups.length > rosterGroupsMax || groups.includes(""))) {
    throw new UsageError("ERR_INVALID_ARGUMENT", "groups must be a list of at most 100 names that are not empty");
  }
  for (const text of [name, ...(groups ?? [])]) {
    if (text === undefined) continue;
    if (typeof text !== "string" || text.length > rosterNameLengthMax) throw new UsageError("ERR_INVALID_ARGUMENT", "a name must be a text of at most 1,023 characters");
    if (!isXmlText(text)) throw new UsageError("ERR_INVALID_TEXT", "a name holds characters that XML does not allow");
  }
  return { ...(name === undefined ? {} : { name: cleanText(name, contactNameLengthMax) }), ...(groups === undefined ? {} : { groups: sortedGroups(groups) }) };
}

/** As `Array.isArray`, which forgets what the elements are. */
const isArray = (value: readonly string[]): boolean => Array.isArray(value);
