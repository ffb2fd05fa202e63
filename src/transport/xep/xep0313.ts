/**
 * XEP-0313 Message Archive Management, v1.1.3: queries, results and the end of a page.
 * Not here: which results to believe (features/archive.ts).
 * @module
 */
import { type BareJid } from "../../base/jid.js";
import { findChildren, isElement, xml, type XmlElement } from "../../base/xml.js";
import { given, parseBoolean, parseId } from "./fields.js";
import { archiveNamespace } from "./namespaces.js";
import { encodeForm } from "./xep0004.js";
import { decodePageInfo, encodePageRequest, type PageInfo, type PageRequest } from "./xep0059.js";
import { formatDateTime } from "./xep0203.js";
import { readForwarded } from "./xep0297.js";

/** Which messages match; without anything, all of them. Times are milliseconds since 1970-01-01 UTC, both ends included. */
export interface ArchiveFilter {
  readonly with?: BareJid;
  readonly start?: number;
  readonly end?: number;
}

/** Asks for a page of the messages that match. Only the three fields that every server has (#filter). */
export function encodeArchiveQuery(queryId: string, filter: ArchiveFilter, page: PageRequest): XmlElement {
  const time = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : formatDateTime(ms));
  const fields: Readonly<Record<string, string>> = given({ with: filter.with, start: time(filter.start), end: time(filter.end) });
  return xml(archiveNamespace, "query", { queryid: queryId },
    Object.keys(fields).length === 0 ? undefined : encodeForm(archiveNamespace, fields),
    encodePageRequest(page));
}

/** The result elements of a message stanza: one, if a server made it. */
export function findArchiveResults(stanza: XmlElement): XmlElement[] {
  return findChildren(stanza, archiveNamespace, "result");
}

/** One message of an archive, as the archive tells it. */
export interface ArchiveResult {
  /** Id in the archive. */
  readonly id: string;
  /** When the archive received it, milliseconds since 1970-01-01 UTC. */
  readonly stamp: number;
  readonly message: XmlElement;
  /** The message is a wrapper itself (threats F04). */
  readonly nested: boolean;
}

/** Reads a result; `undefined` without a usable id and stamp and exactly one message. */
export function decodeArchiveResult(result: XmlElement): ArchiveResult | undefined {
  const id = parseId(result.attrs["id"]);
  const forwarded = readForwarded(result);
  if (id === undefined || forwarded?.stamp === undefined) return undefined;
  return { id, stamp: forwarded.stamp, message: forwarded.message, nested: forwarded.nested };
}

/** The end of a page. */
export interface ArchiveFin extends PageInfo {
  /** True if there is nothing behind the page in the direction of the query. Servers leave out what is false. */
  readonly complete: boolean;
  /** False if the archive may still change under this page. */
  readonly stable: boolean;
}

/** Reads the answer to a query; `undefined` if it is none. */
export function decodeArchiveFin(element: XmlElement | undefined): ArchiveFin | undefined {
  if (!isElement(element, archiveNamespace, "fin")) return undefined;
  return {
    complete: parseBoolean(element.attrs["complete"]) === true,
    stable: parseBoolean(element.attrs["stable"]) !== false,
    ...decodePageInfo(element),
  };
}
