/** What an application may say about its user, checked. Spec: RFC 6121 section 4.7, XEP-0319. @module */
import { UsageError } from "../../base/errors.js";
import { type Jid, parseJid } from "../../base/jid.js";
import { statusLanguagesMax, statusLengthMax } from "../../base/limits.js";
import { isXmlText } from "../../base/xml.js";
import type { PresenceContent, Show } from "../../transport/xep/rfc6121-presence.js";
import type { Availability } from "./announcer.js";

/** What to change; see {@link Presence.set}. */
export type AvailabilityChange = "unavailable" | { readonly [K in keyof PresenceContent]?: PresenceContent[K] | undefined };

const fields: readonly string[] = ["kind", "show", "statuses", "priority", "idleSince"];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null && !Array.isArray(value);

const shows: readonly Show[] = ["chat", "available", "away", "xa", "dnd"];

const refuse = (what: string): never => {
  throw new UsageError("ERR_INVALID_ARGUMENT", what);
};

/** Any address. @throws UsageError `ERR_INVALID_JID` */
export function address(text: string): Jid {
  const jid = parseJid(text);
  if (jid === undefined) throw new UsageError("ERR_INVALID_JID", "not an XMPP address");
  return jid;
}

/** A copy that is fit to be sent. @throws UsageError naming the field that is wrong */
export function checkedContent(content: { readonly [K in keyof PresenceContent]?: PresenceContent[K] | undefined }): PresenceContent {
  if (!isObject(content)) return refuse("presence is an object, with a field show for example");
  const { show = "available", statuses, priority, idleSince } = content;
  if (statuses !== undefined && !isObject(statuses)) refuse("statuses are texts by language: { en: \"gone to lunch\" }");
  if (!shows.includes(show)) refuse("show must be chat, available, away, xa or dnd");
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= -128 && priority <= 127)) refuse("priority must be an integer from -128 to 127");
  // The years that XEP-0082 can write.
  if (idleSince !== undefined && !(idleSince >= 0 && idleSince < 253_402_300_800_000)) refuse("idleSince must be milliseconds since the epoch");
  const texts = Object.entries(statuses ?? {}).filter(([, text]) => text !== "");
  if (texts.length > statusLanguagesMax) refuse("statuses in too many languages");
  for (const [lang, text] of texts) {
    if (!/^([A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8}){0,8})?$/.test(lang)) refuse("the keys of statuses are language tags");
    if (typeof text !== "string" || !isXmlText(text) || text.length > statusLengthMax) refuse("a status text is too long, or holds characters that XML does not allow");
  }
  return {
    show,
    ...(texts.length === 0 ? {} : { statuses: Object.fromEntries(texts) }),
    ...(priority === undefined ? {} : { priority }),
    ...(idleSince === undefined ? {} : { idleSince }),
  };
}

/** What somebody can be shown of it on his own: it is said to him whether it is said to others or not. */
export const contentOf = (availability: Availability): PresenceContent => (availability.kind === "available" ? availability : { show: "available" });

/** What `now` becomes. @throws UsageError naming the field that is wrong */
export function changedAvailability(now: Availability, change: AvailabilityChange): Availability {
  if (change === "unavailable") return { kind: "unavailable" };
  // Whoever misspells a field, or wants to be unavailable in another way, must not be shown as available for it.
  if (!isObject(change) || ("kind" in change && change["kind"] !== "available") || Object.keys(change).some((field) => !fields.includes(field))) {
    return refuse('what is said is "unavailable", or the fields show, statuses, priority and idleSince');
  }
  return { kind: "available", ...checkedContent({ ...now, ...change }) };
}
