/** XEP-0059 Result Set Management, v1.0: which page is asked for, which one came. @module */
import { findChild, xml, type XmlElement } from "../../base/xml.js";
import { childText, given, parseId, parseInteger } from "./fields.js";
import { resultSetNamespace } from "./namespaces.js";

/** The page behind `after` or, counted from the end, the one ahead of `before`; "" is the last page (#last). */
export interface PageRequest {
  readonly max: number;
  readonly after?: string;
  readonly before?: string;
}

/** What an answer says about its page. All of it may be missing; a page without items has neither `first` nor `last`. */
export interface PageInfo {
  readonly first?: string;
  readonly last?: string;
  /** Items in the whole set, perhaps an estimate. */
  readonly count?: number;
}

/** Asks for a page. */
export function encodePageRequest(page: PageRequest): XmlElement {
  const field = (name: string, value: string | undefined): XmlElement | undefined =>
    value === undefined ? undefined : xml(resultSetNamespace, name, {}, value);
  return xml(resultSetNamespace, "set", {}, field("max", String(page.max)), field("after", page.after), field("before", page.before));
}

/** The page that `parent` tells about. */
export function decodePageInfo(parent: XmlElement): PageInfo {
  const set = findChild(parent, resultSetNamespace, "set");
  const field = (name: string): string | undefined => childText(set, resultSetNamespace, name);
  return given({ first: parseId(field("first")), last: parseId(field("last")), count: parseInteger(field("count"), 0, Number.MAX_SAFE_INTEGER) });
}
