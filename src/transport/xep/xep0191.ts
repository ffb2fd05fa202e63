/** XEP-0191 Blocking Command, v1.3: requests, answers and pushes. Not here: asking (features/blocking.ts), reports (xep0377.ts). @module */
import { parseJid, type Jid } from "../../base/jid.js";
import { childElements, isElement, xml, type XmlElement } from "../../base/xml.js";
import { blockingNamespace } from "./namespaces.js";

/** A block list as it came; `dropped`: items that could not be understood and were left out, one by one. */
export interface BlockedItems {
  readonly jids: readonly Jid[];
  readonly dropped: number;
}

/** What another resource, or we, did to the block list. */
export type BlockingPush =
  | ({ readonly kind: "block" | "unblock" } & BlockedItems)
  | { readonly kind: "unblock-all" };

/** Asks for the block list (#blocklist); from then on the server sends pushes. */
export const blockListRequest = (): XmlElement => xml(blockingNamespace, "blocklist");

/** Blocks addresses, each with an optional report (#block). */
export function blockRequest(items: readonly { readonly jid: Jid; readonly report?: XmlElement }[]): XmlElement {
  return xml(blockingNamespace, "block", {}, ...items.map(({ jid, report }) => xml(blockingNamespace, "item", { jid }, report)));
}

/** Unblocks addresses (#unblock). There must be one: without items everybody is unblocked. */
export function unblockRequest(jids: readonly Jid[]): XmlElement {
  return xml(blockingNamespace, "unblock", {}, ...jids.map((jid) => xml(blockingNamespace, "item", { jid })));
}

/** Unblocks everybody (#unblockall). */
export const unblockAllRequest = (): XmlElement => xml(blockingNamespace, "unblock");

/** The answer to {@link blockListRequest}; `undefined` if it is none. */
export function decodeBlockList(answer: XmlElement | undefined): BlockedItems | undefined {
  return isElement(answer, blockingNamespace, "blocklist") ? decodeItems(answer) : undefined;
}

/** A push; `undefined` if it is none. One of which no item can be understood is not a push about everybody. */
export function decodeBlockingPush(payload: XmlElement): BlockingPush | undefined {
  if (isElement(payload, blockingNamespace, "block")) return { kind: "block", ...decodeItems(payload) };
  if (!isElement(payload, blockingNamespace, "unblock")) return undefined;
  return childElements(payload).length === 0 ? { kind: "unblock-all" } : { kind: "unblock", ...decodeItems(payload) };
}

function decodeItems(parent: XmlElement): BlockedItems {
  const items = childElements(parent);
  const jids = items.flatMap((item) => (isElement(item, blockingNamespace, "item") ? parseJid(item.attrs["jid"] ?? "") : undefined) ?? []);
  return { jids: [...new Set(jids)], dropped: items.length - jids.length };
}
