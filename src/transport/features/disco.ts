/**
 * Service discovery: asking an entity what it can do.
 * Spec: XEP-0030 #info. Not here: our own answers (caps.ts).
 * @module
 */
import type { Jid } from "../../base/jid.js";
import { TransportError } from "../errors.js";
import { given } from "../xep/fields.js";
import { decodeDiscoInfo, discoInfoRequest, type DiscoInfo } from "../xep/xep0030.js";
import type { IqRequester } from "./iq-requester.js";

/**
 * Asks `to`, or one of its nodes.
 * @throws TransportError as the request does, and `ERR_STREAM_PROTOCOL` if the answer is no disco#info.
 */
export async function discoverInfo(
  iq: IqRequester, { to, node, timeoutMs, signal }: { readonly to: Jid; readonly node?: string; readonly timeoutMs?: number; readonly signal?: AbortSignal },
): Promise<DiscoInfo> {
  const info = decodeDiscoInfo(await iq.request({ type: "get", to, payload: discoInfoRequest(node), ...given({ timeoutMs, signal }) }));
  if (info === undefined) throw new TransportError("ERR_STREAM_PROTOCOL", "the answer is not service discovery information");
  return info;
}
