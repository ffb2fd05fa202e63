/**
 * Takes elements of @xmpp/xml (ltx), as application developers have them, into our immutable form.
 * They are matched by shape, so that no type of that library stands in our surface. Why ours differ: docs/decisions/0003-xmpp-chassis.md.
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { xmlDepthMax } from "../../base/limits.js";
import { xml, type XmlElement, type XmlNode } from "../../base/xml.js";

/** The shape of an element of @xmpp/xml: prefixed name, namespace declarations among the attributes. */
export interface XmppElementLike {
  readonly name: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly children: readonly unknown[];
  /** Holds namespaces that are declared further out. */
  readonly parent?: XmppElementLike | null | undefined;
}

/**
 * Copies `element` with everything below it.
 * @param defaultNamespace - of elements that declare none, as in `xml("message", …)`; usually `jabber:client`.
 * @throws UsageError `ERR_INVALID_TEXT` for names, prefixes, characters or depth that XML streams may not have (threats P17).
 */
export function fromXmppElement(element: XmppElementLike, defaultNamespace: string): XmlElement {
  return convert(element, scopeOf(element.parent, { "": defaultNamespace, xml: "http://www.w3.org/XML/1998/namespace" }, 0), 0);
}

type Scope = Readonly<Record<string, string>>;

function scopeOf(element: XmppElementLike | null | undefined, outer: Scope, depth: number): Scope {
  if (element === null || element === undefined) return outer;
  return declare(element, scopeOf(element.parent, outer, checkedDepth(depth)));
}

function declare(element: XmppElementLike, outer: Scope): Scope {
  const scope = Object.assign(Object.create(null) as Record<string, string>, outer);
  for (const [name, value] of Object.entries(element.attrs)) {
    if (typeof value !== "string") continue;
    if (name === "xmlns") scope[""] = value;
    else if (name.startsWith("xmlns:")) scope[name.slice("xmlns:".length)] = value;
  }
  return scope;
}

function convert(element: XmppElementLike, outer: Scope, depth: number): XmlElement {
  const inside = checkedDepth(depth);
  const scope = declare(element, outer);
  const colon = element.name.indexOf(":");
  const namespace = scope[colon < 0 ? "" : element.name.slice(0, colon)];
  if (namespace === undefined) throw new UsageError("ERR_INVALID_TEXT", "a namespace prefix is not declared");
  const attrs: [string, string][] = [];
  for (const [name, value] of Object.entries(element.attrs)) {
    const declares = name === "xmlns" || name.startsWith("xmlns:");
    // ltx leaves attributes without a value out when it writes; so do we. Prefixed ones other than xml:lang have no place in our form.
    if (declares || value === undefined || value === null || (name.includes(":") && name !== "xml:lang")) continue;
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") throw new UsageError("ERR_INVALID_TEXT", "an attribute is not text");
    attrs.push([name, String(value)]);
  }
  const children = element.children.map((child) => convertChild(child, scope, inside));
  return xml(namespace, element.name.slice(colon + 1), Object.fromEntries(attrs), ...children);
}

function convertChild(child: unknown, scope: Scope, depth: number): XmlNode {
  if (typeof child === "string") return child;
  if (typeof child === "number" || typeof child === "boolean") return String(child);
  if (isElementLike(child)) return convert(child, scope, depth);
  throw new UsageError("ERR_INVALID_TEXT", "a child is neither text nor an element");
}

function isElementLike(value: unknown): value is XmppElementLike {
  return typeof value === "object" && value !== null && "name" in value && typeof value.name === "string"
    && "attrs" in value && typeof value.attrs === "object" && value.attrs !== null && "children" in value && Array.isArray(value.children);
}

function checkedDepth(depth: number): number {
  if (depth >= xmlDepthMax) throw new UsageError("ERR_INVALID_TEXT", "elements are nested too deeply");
  return depth + 1;
}
