/**
 * XML elements as immutable data: (namespace, local name), attributes, children. Built here, written here, never parsed here.
 * Spec: XML 1.0 section 2.2 (characters), RFC 6120 section 11. Parsing is transport/xml/parser.ts.
 * @module
 */
import type { Brand } from "./brand.js";
import { UsageError } from "./errors.js";

/** An element; matched by `ns` and `name` only, prefixes are gone (threats P08). */
export interface XmlElement {
  readonly name: string;
  readonly ns: string;
  /** Unprefixed attributes by name; `xml:lang` stands as `"xml:lang"`. Has no prototype (threats H04). */
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: readonly XmlNode[];
}
/** Child of an element: an element or text. */
export type XmlNode = XmlElement | string;

const nameForm = /^[A-Za-z_][A-Za-z0-9_.-]{0,255}$/;
// What is written may be an application's literal, which xml() has not seen, or come from the parser, whose names have letters that ours have not.
// No colon: the parser has none, and whoever writes a prefix has not declared it.
const writableName = /^(?![.\d-])[^\0-,/:-@[-^`{-\x7f]+$/;
// Everything outside XML 1.0 Char, lone surrogates included (the u flag makes pairs one character).
const notXmlChar = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** True if every character of `text` may stand in an XML document (threats P17). */
export function isXmlText(text: string): boolean {
  return !notXmlChar.test(text);
}

/**
 * Builds an element. Attributes that are `undefined` and children that are `undefined` are left out.
 * @throws UsageError `ERR_INVALID_TEXT` if a name or character cannot stand in XML.
 */
export function xml(
  ns: string,
  name: string,
  attrs: Readonly<Record<string, string | number | undefined>> = {},
  ...children: readonly (XmlNode | undefined)[]
): XmlElement {
  if (!nameForm.test(name)) throw notName();
  const own = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(attrs)) {
    if (value === undefined) continue;
    if ((!nameForm.test(key) && key !== "xml:lang") || key === "xmlns") throw notName();
    own[key] = checkedText(String(value));
  }
  const kept = children.filter((child) => child !== undefined && child !== "") as XmlNode[];
  for (const child of kept) if (typeof child === "string") checkedText(child);
  return { name, ns: checkedText(ns), attrs: own, children: kept };
}

const notName = (): UsageError => new UsageError("ERR_INVALID_TEXT", "not an XML name");

function checkedText(text: string): string {
  if (!isXmlText(text)) throw new UsageError("ERR_INVALID_TEXT", "text holds characters that XML does not allow");
  return text;
}

function checkedName(name: string): string {
  if (!writableName.test(name)) throw notName();
  return checkedText(name);
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;",
};
const escapeText = (text: string): string => checkedText(text).replace(/[&<>\r]/g, (c) => escapes[c] as string);
const escapeAttribute = (text: string): string => checkedText(text).replace(/[&<>"'\t\n\r]/g, (c) => escapes[c] as string);

/**
 * Writes `element`; a namespace is declared wherever it differs from `scope`, the default namespace around it.
 * @throws UsageError `ERR_INVALID_TEXT` if {@link xml} did not build it, and a name or character in it cannot stand in XML
 */
export function serializeXml(element: XmlElement, scope = ""): string {
  const parts: string[] = [];
  write(element, scope, parts);
  return parts.join("");
}

// Depth is bounded: parsed trees by the parser, built ones by the code that builds them.
function write(element: XmlElement, scope: string, parts: string[]): void {
  parts.push("<", checkedName(element.name));
  if (element.ns !== scope) parts.push(' xmlns="', escapeAttribute(element.ns), '"');
  for (const key of Object.keys(element.attrs)) parts.push(" ", key === "xml:lang" ? key : checkedName(key === "xmlns" ? "" : key), '="', escapeAttribute(element.attrs[key] as string), '"');
  if (element.children.length === 0) {
    parts.push("/>");
    return;
  }
  parts.push(">");
  for (const child of element.children) {
    if (typeof child === "string") parts.push(escapeText(child));
    else write(child, element.ns, parts);
  }
  parts.push("</", element.name, ">");
}

/** An element that {@link isElement} has matched. A type of its own, so that what did not match still counts as an element. */
export type MatchedElement = Brand<XmlElement, "MatchedElement">;

/** True if `node` is an element of that name and namespace. */
export function isElement(node: XmlNode | undefined, ns: string, name: string): node is MatchedElement {
  return typeof node === "object" && node.ns === ns && node.name === name;
}

/** Child elements, in order. */
export function childElements(element: XmlElement): XmlElement[] {
  return element.children.filter((child) => typeof child === "object");
}

/** The first child of that name and namespace. */
export function findChild(element: XmlElement, ns: string, name: string): XmlElement | undefined {
  return element.children.find((child) => isElement(child, ns, name));
}

/** All children of that name and namespace. */
export function findChildren(element: XmlElement, ns: string, name: string): XmlElement[] {
  return element.children.filter((child) => isElement(child, ns, name));
}

/** The element's own text, its child elements left out. */
export function textOf(element: XmlElement): string {
  const [first] = element.children;
  if (element.children.length === 1 && typeof first === "string") return first;
  return element.children.filter((child) => typeof child === "string").join("");
}
