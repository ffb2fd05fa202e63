/**
 * Presence stanzas, written and read.
 * Spec: RFC 6121 sections 3.1 (requests), 4.2-4.7 (presence), XEP-0319 v1.0.2 (idle since). Threats F20, P16, V06.
 * Not here: what to say to whom (client/presence/), requests and their answers beyond reading them (client/roster/).
 * @module
 */
import { isFullJid, parseJid, toBare, type BareJid, type FullJid, type Jid } from "../../base/jid.js";
import { statusLengthMax, statusLanguagesMax } from "../../base/limits.js";
import { findChildren, isElement, textOf, xml, type XmlElement } from "../../base/xml.js";
import { cleanText } from "./clean-text.js";
import { childText, given } from "./fields.js";
import { clientNamespace } from "./namespaces.js";
import { decodeCaps, type CapsClaim } from "./xep0115.js";
import { decodeNick } from "./xep0172.js";
import { decodeIdle, encodeIdle } from "./xep0319.js";

/** How available somebody is; `"available"` is presence without `<show/>` (section 4.7.2.1). */
export type Show = "chat" | "available" | "away" | "xa" | "dnd";

/** What one presence says about the one who sends it. */
export interface PresenceContent {
  readonly show: Show;
  /** Text by language tag, `""` for the language of the stream. Read ones are cleaned and shortened (threats F20). */
  readonly statuses?: Readonly<Record<string, string>> | undefined;
  /** -128 to 127; 0 if absent. Below 0 the server delivers no messages to the bare address here. */
  readonly priority?: number | undefined;
  /** Since when nobody has used the device, in milliseconds since the epoch (XEP-0319). */
  readonly idleSince?: number | undefined;
}

/** Presence that came in; texts are cleaned, addresses prepared. */
export type IncomingPresence =
  | { readonly kind: "available"; readonly from: Jid; readonly content: PresenceContent; readonly caps?: CapsClaim; readonly nick?: string }
  | { readonly kind: "unavailable"; readonly from: Jid; readonly statuses: Readonly<Record<string, string>> }
  /** Our presence did not reach `from`. */
  | { readonly kind: "error"; readonly from: Jid }
  | {
    readonly kind: "subscription"; readonly from: BareJid;
    readonly type: "subscribe" | "subscribed" | "unsubscribe" | "unsubscribed";
    readonly text?: string; readonly nick?: string;
  }
  /** Servers answer these; one that reaches a client is not answered. */
  | { readonly kind: "probe"; readonly from: Jid };

const shows: ReadonlySet<string> = new Set<Show>(["chat", "away", "xa", "dnd"]);
const subscriptionTypes: ReadonlySet<string> = new Set(["subscribe", "subscribed", "unsubscribe", "unsubscribed"]);
const language = /^[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8}){0,8}$/;

const encodeStatuses = (statuses: Readonly<Record<string, string>> = {}): XmlElement[] =>
  Object.entries(statuses).map(([lang, text]) => xml(clientNamespace, "status", { "xml:lang": lang === "" ? undefined : lang }, text));

/**
 * Presence without a type. `extras` go behind the content: capabilities, avatar hashes.
 * @throws UsageError `ERR_INVALID_TEXT` for characters that XML does not allow
 */
export function encodePresence(
  content: PresenceContent, options: { readonly to?: Jid; readonly extras?: readonly XmlElement[] } = {},
): XmlElement {
  const { show, statuses, priority, idleSince } = content;
  const child = (name: string, text: string): XmlElement => xml(clientNamespace, name, {}, text);
  return xml(clientNamespace, "presence", { to: options.to },
    show === "available" ? undefined : child("show", show),
    ...encodeStatuses(statuses),
    priority === undefined || priority === 0 ? undefined : child("priority", String(priority)),
    idleSince === undefined ? undefined : encodeIdle(idleSince),
    ...(options.extras ?? []));
}

/** Presence of type `unavailable`; to everybody who sees us unless `to` is given. */
export function encodeUnavailable(
  options: { readonly to?: Jid; readonly statuses?: Readonly<Record<string, string>> } = {},
): XmlElement {
  return xml(clientNamespace, "presence", { to: options.to, type: "unavailable" }, ...encodeStatuses(options.statuses));
}

/** Reads a presence stanza; `undefined` if it is none, has no sender, or a type that does not exist. */
export function decodePresence(stanza: XmlElement): IncomingPresence | undefined {
  if (!isElement(stanza, clientNamespace, "presence")) return undefined;
  const from = parseJid(stanza.attrs["from"] ?? "");
  if (from === undefined) return undefined;
  const { type } = stanza.attrs;
  if (type === undefined) return decodeAvailable(stanza, from);
  if (type === "unavailable") return { kind: "unavailable", from, statuses: decodeStatuses(stanza) };
  if (type === "error" || type === "probe") return { kind: type, from };
  return subscriptionTypes.has(type) ? decodeSubscription(stanza, toBare(from), type as "subscribe") : undefined;
}

function decodeAvailable(stanza: XmlElement, from: BareJid | FullJid): IncomingPresence {
  const shown = childText(stanza, clientNamespace, "show")?.trim();
  const priority = /^[+-]?[0-9]{1,3}$/.exec(childText(stanza, clientNamespace, "priority")?.trim() ?? "")?.[0];
  const statuses = decodeStatuses(stanza);
  const content: PresenceContent = {
    show: shown !== undefined && shows.has(shown) ? shown as Show : "available",
    priority: Math.min(127, Math.max(-128, Number(priority ?? 0))),
    ...(Object.keys(statuses).length === 0 ? {} : { statuses }),
    ...given({ idleSince: decodeIdle(stanza) }),
  };
  return { kind: "available", from, content, ...given({ caps: isFullJid(from) ? decodeCaps(stanza) : undefined, nick: decodeNick(stanza) }) };
}

type SubscriptionType = Extract<IncomingPresence, { kind: "subscription" }>["type"];

function decodeSubscription(stanza: XmlElement, from: BareJid, type: SubscriptionType): IncomingPresence {
  const statuses = decodeStatuses(stanza);
  return { kind: "subscription", type, from, ...given({ text: statuses[""] ?? Object.values(statuses)[0], nick: decodeNick(stanza) }) };
}

// No prototype: the languages come from outside (threats H04). The stanza's own language is what `""` stands for.
function decodeStatuses(stanza: XmlElement): Readonly<Record<string, string>> {
  const statuses = Object.create(null) as Record<string, string>;
  let count = 0;
  for (const element of findChildren(stanza, clientNamespace, "status")) {
    const lang = element.attrs["xml:lang"] ?? "";
    const text = cleanText(textOf(element), statusLengthMax, "lines");
    if (text === "" || lang in statuses || (lang !== "" && !language.test(lang))) continue;
    statuses[lang] = text;
    if (++count === statusLanguagesMax) break;
  }
  return statuses;
}
