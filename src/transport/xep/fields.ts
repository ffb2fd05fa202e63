/** Values of attributes and elements that several specifications share. @module */
import type { Bytes } from "../../base/bytes.js";
import { fromBase64 } from "../../base/base64.js";
import { findChild, textOf, type XmlElement } from "../../base/xml.js";

/**
 * The fields that have a value, for a type whose optional properties may be absent but not `undefined` (`exactOptionalPropertyTypes`). What is passed
 * is written by us: names from outside do not come here.
 */
export function given<T extends object>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { readonly [K in keyof T]?: Exclude<T[K], undefined> };
}

/** The text of the first child of that name and namespace; `undefined` if there is none, or no parent. */
export function childText(parent: XmlElement | undefined, ns: string, name: string): string | undefined {
  const child = parent === undefined ? undefined : findChild(parent, ns, name);
  return child === undefined ? undefined : textOf(child);
}

const decimal = /^[0-9]{1,10}$/;

/** A decimal number within the bounds; `undefined` for everything else, signs and exponents included. */
export function parseInteger(text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined || !decimal.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

/** `xs:boolean` (XML Schema part 2, section 3.2.2); `undefined` if it is none. */
export function parseBoolean(text: string | undefined): boolean | undefined {
  switch (text?.trim()) {
    case "true":
    case "1": return true;
    case "false":
    case "0": return false;
    default: return undefined;
  }
}

/** Longer ids are refused: nobody makes them, and we would have to store them. */
const idLengthMax = 1_024;

/** An id that somebody else has chosen, taken as it is; `undefined` if it is missing, empty or longer than anyone needs. */
export function parseId(text: string | undefined): string | undefined {
  return text !== undefined && text !== "" && text.length <= idLengthMax ? text : undefined;
}

/** The element's text as base64 of exactly `length` bytes; `undefined` otherwise (threats C07). */
export function base64Of(element: XmlElement | undefined, length: number): Bytes | undefined {
  if (element === undefined) return undefined;
  const bytes = fromBase64(textOf(element));
  return bytes?.length === length ? bytes : undefined;
}
