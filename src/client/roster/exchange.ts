/**
 * The roster as plain JSON, out and in. What comes in is from outside: it is checked entry by entry, and says who the contacts are, never who
 * sees whose presence.
 * Spec: RFC 6121 section 2.3 (adding). Threats F21, F22, H04. Not here: sending (roster.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { isFullJid, parseJid, type BareJid } from "../../base/jid.js";
import { rosterContactsMax, rosterImportsAtOnceMax } from "../../base/limits.js";
import { TransportError } from "../../transport/errors.js";
import { sameGroups, type Contact } from "./contact.js";
import { checkedValues, type ContactValues } from "./values.js";

/** What {@link Roster.export} gives. */
export interface RosterExport {
  readonly version: 1;
  readonly contacts: readonly { readonly jid: string; readonly name?: string; readonly groups: readonly string[] }[];
}

/** What became of an import. */
export interface ImportReport {
  readonly added: number;
  readonly changed: number;
  /** Those who are there already as they are to be; also this account itself, which is no contact of its own. */
  readonly unchanged: number;
  /** Entries that could not be read, or repeated an address. */
  readonly malformed: number;
  /** What the server would not have, with the condition of its error. */
  readonly refused: readonly { readonly jid: BareJid; readonly condition: string }[];
}

/**
 * The entries that can be used. Unknown fields are ignored.
 * @throws UsageError `ERR_INVALID_ARGUMENT` if `data` is no export of this version, or has more contacts than a roster may
 */
export function readExport(data: unknown): { readonly entries: Map<BareJid, ContactValues>; readonly malformed: number } {
  const contacts = isObject(data) && data["version"] === 1 ? data["contacts"] : undefined;
  if (!Array.isArray(contacts) || contacts.length > rosterContactsMax) return invalid("not an exported roster");
  const entries = new Map<BareJid, ContactValues>();
  for (const each of contacts as readonly unknown[]) {
    const entry = readEntry(each);
    if (entry !== undefined && !entries.has(entry.jid)) entries.set(entry.jid, entry.values);
  }
  return { entries, malformed: contacts.length - entries.size };
}

function readEntry(entry: unknown): { readonly jid: BareJid; readonly values: ContactValues } | undefined {
  if (!isObject(entry) || typeof entry["jid"] !== "string") return undefined;
  const jid = parseJid(entry["jid"]);
  if (jid === undefined || isFullJid(jid)) return undefined;
  try {
    return { jid, values: checkedValues(pick(entry)) };
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

const invalid = (what: string): never => { throw new UsageError("ERR_INVALID_ARGUMENT", what); };

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null;

/** The two fields, whatever they hold: {@link checkedValues} looks at them. */
function pick(entry: Readonly<Record<string, unknown>>): ContactValues {
  return Object.fromEntries(["name", "groups"].filter((field) => Object.hasOwn(entry, field) && entry[field] !== undefined).map((field) => [field, entry[field]]));
}

/** What an import needs of the roster. */
export interface ImportPort {
  /** The account that the roster belongs to. */
  readonly account: BareJid;
  readonly known: (jid: BareJid) => Contact | undefined;
  readonly set: (jid: BareJid, values: ContactValues) => Promise<void>;
  /** Asks to see their presence, if it should and nobody has asked yet. */
  readonly ask: (jid: BareJid) => Promise<void>;
}

/**
 * Adds and changes contacts, a few at a time; none is removed. What a field does not say stays as it is.
 * @throws what the first call throws that failed for another reason than the server's refusal; the rest may be imported again then
 */
export async function importContacts(data: unknown, port: ImportPort): Promise<ImportReport> {
  const { entries, malformed } = readExport(data);
  const counts = { added: 0, changed: 0, unchanged: 0 };
  const refused: { readonly jid: BareJid; readonly condition: string }[] = [];
  const one = async (jid: BareJid, values: ContactValues): Promise<void> => {
    const known = port.known(jid);
    const kind = known === undefined ? "added" : saysTheSame(known, values) ? "unchanged" : "changed";
    try {
      if (kind !== "unchanged") await port.set(jid, values);
      await port.ask(jid);
      counts[kind] += 1;
    } catch (error) {
      if (!(error instanceof TransportError) || error.code !== "ERR_STANZA_ERROR") throw error;
      refused.push({ jid, condition: String(error.details["condition"]) });
    }
  };
  // An export of one account goes into another one: of a friend, who has us in it.
  if (entries.delete(port.account)) counts.unchanged += 1;
  const waiting = [...entries];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await one(...next);
  };
  await Promise.all(Array.from({ length: rosterImportsAtOnceMax }, () => work().catch((error: unknown) => {
    waiting.length = 0; // the others stop as well
    throw error;
  })));
  return { ...counts, malformed, refused };
}

const saysTheSame = (contact: Contact, { name, groups }: ContactValues): boolean =>
  (name === undefined || name === (contact.name ?? "")) && (groups === undefined || sameGroups(groups, contact.groups));
