/**
 * RFC 6121 section 2: the roster, written and read. Items that cannot be understood are left out one by one and counted.
 * Spec: sections 2.1.2 (item), 2.1.3-2.1.6 (get, set, push), 2.6 (versions). Threats F20, F21, H06.
 * Not here: whose pushes count, and what becomes of them (features/roster.ts, client/roster/).
 * @module
 */
import { isFullJid, parseJid, type BareJid } from "../../base/jid.js";
import { contactNameLengthMax, rosterContactsMax, rosterGroupsMax, rosterNameLengthMax } from "../../base/limits.js";
import { findChildren, isElement, textOf, xml, type XmlElement } from "../../base/xml.js";
import { cleanText } from "./clean-text.js";
import { parseBoolean } from "./fields.js";
import { rosterNamespace } from "./namespaces.js";

/** Who sees whose presence (section 2.1.2.5): `to`: we theirs; `from`: they ours. */
export type Subscription = "none" | "to" | "from" | "both";

/** An entry of the roster. */
export interface RosterItem {
  readonly jid: BareJid;
  /** Cleaned for display (threats F20). */
  readonly name?: string;
  /** As it stands on the wire, where that is another one: whoever sets the item writes this back. */
  readonly rawName?: string;
  /** Sorted, each once, as they stand on the wire: they are compared with what other clients write. */
  readonly groups: readonly string[];
  readonly subscription: Subscription;
  /** `ask='subscribe'`: our request waits for an answer. */
  readonly ask: boolean;
  /** Their next request is granted in advance (section 3.4). */
  readonly approved: boolean;
}

/** A whole roster. */
export interface RosterList {
  /** The server's name for this state; absent where it keeps none. Compared with nothing, only handed back. */
  readonly version?: string;
  /** Each address once. */
  readonly items: readonly RosterItem[];
  /** Items that could not be understood, repeated an address, or were too many. */
  readonly dropped: number;
}

/** What a push says: an item is as given, or gone. */
export interface RosterPush {
  readonly version?: string;
  /** `undefined`: the one item could not be understood. */
  readonly change: { readonly jid: BareJid; readonly item?: RosterItem } | undefined;
}

const subscriptions: ReadonlySet<string> = new Set<Subscription>(["none", "to", "from", "both"]);

/** Asks for the roster. `version`: the one that is at hand, `""` for none; absent where the server has no versions. */
export function encodeRosterGet(version?: string): XmlElement {
  return xml(rosterNamespace, "query", { ver: version });
}

/** Adds an item or replaces its name and groups; the subscription is none of the client's business here (section 2.1.2.5). */
export function encodeRosterSet(item: Pick<RosterItem, "jid" | "name" | "rawName" | "groups">): XmlElement {
  return xml(rosterNamespace, "query", {},
    xml(rosterNamespace, "item", { jid: item.jid, name: item.rawName ?? item.name }, ...item.groups.map((group) => xml(rosterNamespace, "group", {}, group))));
}

/** Takes an item out, and both subscriptions with it (section 2.5). */
export function encodeRosterRemove(jid: BareJid): XmlElement {
  return xml(rosterNamespace, "query", {}, xml(rosterNamespace, "item", { jid, subscription: "remove" }));
}

/** The answer to {@link encodeRosterGet}; `undefined` if it is none. */
export function decodeRoster(query: XmlElement | undefined): RosterList | undefined {
  if (!isElement(query, rosterNamespace, "query")) return undefined;
  const items = new Map<BareJid, RosterItem>();
  let dropped = 0;
  for (const element of findChildren(query, rosterNamespace, "item")) {
    const item = decodeItem(element);
    // Of two that are the same address once it is prepared, the first counts (threats F21).
    if (item === undefined || items.has(item.jid) || items.size === rosterContactsMax) dropped += 1;
    else items.set(item.jid, item);
  }
  return { items: [...items.values()], dropped, ...versionOf(query) };
}

/** The payload of a push; `undefined` if it is none. */
export function decodeRosterPush(query: XmlElement): RosterPush | undefined {
  if (!isElement(query, rosterNamespace, "query")) return undefined;
  const [element, ...more] = findChildren(query, rosterNamespace, "item");
  const jid = more.length > 0 ? undefined : itemJid(element); // section 2.1.6: exactly one
  if (element === undefined || jid === undefined) return { change: undefined, ...versionOf(query) };
  if (element.attrs["subscription"] === "remove") return { change: { jid }, ...versionOf(query) };
  const item = decodeItem(element);
  return { change: item === undefined ? undefined : { jid, item }, ...versionOf(query) };
}

function versionOf(query: XmlElement): { readonly version?: string } {
  const version = query.attrs["ver"];
  return version === undefined || version === "" || version.length > rosterNameLengthMax ? {} : { version };
}

function itemJid(element: XmlElement | undefined): BareJid | undefined {
  const jid = parseJid(element?.attrs["jid"] ?? "");
  return jid === undefined || isFullJid(jid) ? undefined : jid;
}

function decodeItem(element: XmlElement): RosterItem | undefined {
  const jid = itemJid(element);
  const { subscription = "none", ask, approved, name = "" } = element.attrs;
  const groups = decodeGroups(element);
  if (jid === undefined || groups === undefined || !subscriptions.has(subscription)) return undefined;
  const shown = cleanText(name, contactNameLengthMax);
  return {
    jid, ...(shown === "" ? {} : { name: shown }), ...(name === shown || name.length > rosterNameLengthMax ? {} : { rawName: name }), groups, subscription: subscription as Subscription,
    ask: ask === "subscribe", approved: parseBoolean(approved) ?? false,
  };
}

/** The `<group/>` children of an item; empty ones are none (section 2.1.2.6). `undefined`: too many, or too long. */
export function decodeGroups(element: XmlElement): readonly string[] | undefined {
  if (element.children.length === 0) return [];
  const groups = findChildren(element, element.ns, "group").map(textOf).filter((group) => group !== "");
  if (groups.length > rosterGroupsMax || groups.some((group) => group.length > rosterNameLengthMax)) return undefined;
  return sortedGroups(groups);
}

/** In the order of their code units, each once: the same groups look the same everywhere. */
export function sortedGroups(groups: readonly string[]): readonly string[] {
  return groups.length < 2 ? groups : [...new Set(groups)].sort((a, b) => (a < b ? -1 : 1));
}
