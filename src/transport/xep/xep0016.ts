/**
 * XEP-0016 Privacy Lists, v1.7: rules, requests, answers and pushes. The order of rules is their position in the array.
 * Not here: asking (features/privacy-lists.ts), what rules do to a stanza (client/privacy/evaluate.ts).
 * @module
 */
import { parseJid, type Jid } from "../../base/jid.js";
import { childElements, findChild, findChildren, isElement, xml, type XmlElement } from "../../base/xml.js";
import { given, parseId, parseInteger } from "./fields.js";
import { privacyNamespace } from "./namespaces.js";

/** What a rule can be about: what comes in (messages, requests, presence), and presence that goes out. Subscription requests are none of these. */
export type StanzaKind = "message" | "iq" | "presence-in" | "presence-out";

/** The subscription of a contact as rules name it; "none" includes everybody who is not in the roster. */
export type PrivacySubscription = "none" | "to" | "from" | "both";

/** Whom a rule is about. */
export type PrivacyMatch =
  | { readonly kind: "all" }
  | { readonly kind: "jid"; readonly jid: Jid }
  | { readonly kind: "group"; readonly group: string }
  | { readonly kind: "subscription"; readonly subscription: PrivacySubscription };

/** One rule. The first one that matches decides; if none does, the stanza passes. */
export interface PrivacyRule {
  readonly action: "allow" | "deny";
  readonly match: PrivacyMatch;
  /** Absent: every stanza in both directions, also messages and requests that go out, and subscription requests. */
  readonly kinds?: readonly StanzaKind[];
}

/** The lists of an account. */
export interface PrivacyLists {
  readonly names: readonly string[];
  /** In force for this connection only, instead of the default list. */
  readonly active?: string;
  /** In force for every connection without an active list, and while there is none. */
  readonly default?: string;
}

/** The rules of a list; `dropped`: items that could not be understood and were left out, one by one. */
export interface PrivacyListContent {
  readonly rules: readonly PrivacyRule[];
  readonly dropped: number;
}

/** All kinds, in the order in which they are written. */
export const stanzaKinds: readonly StanzaKind[] = ["message", "iq", "presence-in", "presence-out"];
/** All subscriptions that a rule can name. */
export const subscriptions: readonly PrivacySubscription[] = ["none", "to", "from", "both"];

const query = (...children: readonly XmlElement[]): XmlElement => xml(privacyNamespace, "query", {}, ...children);
const named = (element: "list" | "active" | "default", name: string | undefined, ...items: readonly XmlElement[]): XmlElement =>
  query(xml(privacyNamespace, element, { name }, ...items));

/** Asks for the names of all lists, and which are in force (#protocol-retrieve). */
export const listsRequest = (): XmlElement => query();
/** Asks for one list. */
export const listRequest = (name: string): XmlElement => named("list", name);
/** Creates or overwrites a list (#protocol-edit). There must be a rule: a list without items asks for the list's removal. */
export const putListRequest = (name: string, rules: readonly PrivacyRule[]): XmlElement => named("list", name, ...rules.map(encodeRule));
/** Removes a list (#protocol-remove). */
export const removeListRequest = (name: string): XmlElement => named("list", name);
/** Puts a list in force for this connection, or none (#protocol-active). */
export const activateRequest = (name: string | undefined): XmlElement => named("active", name);
/** Puts a list in force for the account, or none (#protocol-default). */
export const defaultRequest = (name: string | undefined): XmlElement => named("default", name);

function encodeRule({ action, match, kinds }: PrivacyRule, index: number): XmlElement {
  const value = match.kind === "jid" ? match.jid : match.kind === "group" ? match.group : match.kind === "subscription" ? match.subscription : undefined;
  return xml(privacyNamespace, "item", { type: match.kind === "all" ? undefined : match.kind, value, action, order: index + 1 },
    ...stanzaKinds.filter((kind) => kinds?.includes(kind)).map((kind) => xml(privacyNamespace, kind)));
}

/** The answer to {@link listsRequest}; `undefined` if it is none. Lists without a usable name are left out. */
export function decodeLists(answer: XmlElement | undefined): PrivacyLists | undefined {
  if (!isElement(answer, privacyNamespace, "query")) return undefined;
  const nameOf = (element: "active" | "default"): string | undefined => parseId(findChild(answer, privacyNamespace, element)?.attrs["name"]);
  return {
    names: [...new Set(findChildren(answer, privacyNamespace, "list").flatMap(({ attrs }) => parseId(attrs["name"]) ?? []))],
    ...given({ active: nameOf("active"), default: nameOf("default") }),
  };
}

/**
 * The rules of the list `name` in the answer to {@link listRequest}, in their order; `undefined` if it is another list or none. An item
 * without a usable order, action or value, or with kinds of which we know none, is left out and counted. Items with the same order keep
 * their places: the list that ejabberd 23.01 makes of blocks has such.
 */
export function decodeList(answer: XmlElement | undefined, name: string): PrivacyListContent | undefined {
  if (!isElement(answer, privacyNamespace, "query")) return undefined;
  const list = findChildren(answer, privacyNamespace, "list").find(({ attrs }) => attrs["name"] === name);
  if (list === undefined) return undefined;
  const items = childElements(list);
  const rules = items.flatMap((item) => {
    const order = parseInteger(item.attrs["order"], 0, 0xffff_ffff);
    const rule = isElement(item, privacyNamespace, "item") ? decodeRule(item) : undefined;
    return order === undefined || rule === undefined ? [] : [{ order, rule }];
  });
  return { rules: rules.sort((a, b) => a.order - b.order).map(({ rule }) => rule), dropped: items.length - rules.length };
}

function decodeRule(item: XmlElement): PrivacyRule | undefined {
  const { action } = item.attrs;
  const match = decodeMatch(item.attrs["type"], item.attrs["value"]);
  const children = childElements(item);
  const kinds = stanzaKinds.filter((kind) => children.some((child) => isElement(child, privacyNamespace, kind)));
  // Without children the rule is about everything: children that we do not know must not make it that.
  if (match === undefined || (action !== "allow" && action !== "deny") || (children.length > 0 && kinds.length === 0)) return undefined;
  return { action, match, ...(kinds.length === 0 ? {} : { kinds }) };
}

function decodeMatch(type: string | undefined, value = ""): PrivacyMatch | undefined {
  switch (type) {
    case undefined: return { kind: "all" };
    case "jid": {
      const jid = parseJid(value);
      return jid === undefined ? undefined : { kind: "jid", jid };
    }
    case "group": return value === "" ? undefined : { kind: "group", group: value };
    case "subscription": {
      const subscription = subscriptions.find((each) => each === value);
      return subscription === undefined ? undefined : { kind: "subscription", subscription };
    }
    default: return undefined;
  }
}

/** The name of the list that a push says has changed (#protocol-edit); `undefined` if it is no push. */
export function decodePrivacyPush(payload: XmlElement): string | undefined {
  if (!isElement(payload, privacyNamespace, "query")) return undefined;
  const [list, ...more] = childElements(payload);
  return isElement(list, privacyNamespace, "list") && more.length === 0 ? parseId(list.attrs["name"]) : undefined;
}
