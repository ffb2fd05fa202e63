/**
 * Elements that are records of short texts and numbers, as those of XEP-0080 and XEP-0118. Not here: which fields there are.
 * Threats F20 (texts), H08 (numbers). @module
 */
import { UsageError } from "../../base/errors.js";
import { personalTextLengthMax } from "../../base/limits.js";
import { xml, type XmlElement } from "../../base/xml.js";
import { cleanText } from "./clean-text.js";
import { childText } from "./fields.js";

/** The smallest and the largest value that make sense. */
export type NumberRange = readonly [min: number, max: number];

/** Names of the fields of a record `T`, each as what it is. */
export interface RecordShape {
  readonly texts: readonly string[];
  readonly numbers: Readonly<Record<string, NumberRange>>;
}

/** Text of a child, cleaned and shortened; `undefined` if there is none. */
export function shortText(parent: XmlElement, ns: string, name: string): string | undefined {
  const text = cleanText(childText(parent, ns, name) ?? "", personalTextLengthMax);
  return text === "" ? undefined : text;
}

/** A link that is safe to show as one; `undefined` for schemes that run something. */
export function safeLink(text: string | undefined): string | undefined {
  return text !== undefined && /^(?:https?:\/\/|geo:|xmpp:)[^\s<>"]+$/i.test(text) ? text : undefined;
}

/** The fields that are there and make sense; others are left out. */
export function decodeFields(element: XmlElement, { texts, numbers }: RecordShape): Readonly<Record<string, string | number>> {
  const fields: Record<string, string | number> = {};
  for (const name of texts) {
    const text = shortText(element, element.ns, name);
    const value = name === "uri" ? safeLink(text) : text;
    if (value !== undefined) fields[name] = value;
  }
  for (const [name, [min, max]] of Object.entries(numbers)) {
    const text = shortText(element, element.ns, name) ?? "";
    const value = Number(text);
    if (/^[+-]?[0-9]{1,12}(?:\.[0-9]{1,20})?$/.test(text) && value >= min && value <= max) fields[name] = value;
  }
  return fields;
}

/**
 * Writes the fields of `value`.
 * @throws UsageError `ERR_INVALID_ARGUMENT` for a field that `shape` does not have or cannot hold: left out, it would say something else, or take
 *   back what was said before; `ERR_INVALID_TEXT` for characters that XML does not allow
 */
export function encodeFields(ns: string, name: string, value: Readonly<Record<string, unknown>>, { texts, numbers }: RecordShape): XmlElement {
  const children = Object.entries(value).filter(([, content]) => content !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(([field, content]) => {
    const [min, max] = Object.hasOwn(numbers, field) ? numbers[field] as NumberRange : [Infinity, -Infinity];
    if (typeof content === "number" && content >= min && content <= max) return xml(ns, field, {}, decimal(content));
    if (typeof content === "string" && texts.includes(field)) return xml(ns, field, {}, content);
    throw new UsageError("ERR_INVALID_ARGUMENT", "a field is unknown, of another type, or out of its range", texts.includes(field) || Object.hasOwn(numbers, field) ? { details: { field } } : {});
  });
  return xml(ns, name, {}, ...children);
}

// xs:decimal knows no exponent.
const decimal = (content: number): string => (String(content).includes("e") ? content.toFixed(12) : String(content));
