/**
 * Service discovery: asking an entity what belongs to it.
 * Spec: XEP-0030 #items. Not here: what each of them is (disco.ts).
 * @module
 */
import type { Jid } from "../../base/jid.js";
import { TransportError } from "../errors.js";
import { given } from "../xep/fields.js";
import { decodeDiscoItems, discoItemsRequest, type DiscoItem } from "../xep/xep0030.js";
import type { IqRequester } from "./iq-requester.js";

/**
 * Asks `to`, or one of its nodes. At most `discoItemsMax` items; unusable ones are left out.
 * @throws TransportError as the request does, and `ERR_STREAM_PROTOCOL` if the answer is no disco#items.
 */
export async function discoverItems(
  iq: IqRequester, { to, node, signal }: { readonly to: Jid; readonly node?: string; readonly signal?: AbortSignal },
): Promise<readonly DiscoItem[]> {
  const items = decodeDiscoItems(await iq.request({ type: "get", to, payload: discoItemsRequest(node), ...given({ signal }) }));
  if (items === undefined) throw new TransportError("ERR_STREAM_PROTOCOL", "the answer is not a list of items");
  return items;
}
