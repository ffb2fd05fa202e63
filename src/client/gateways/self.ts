/**
 * What one domain says of itself: asked by a request of its own, bounded and cleaned.
 * Spec: XEP-0100 #usecases-jabber-register, XEP-0030 #info. Threats F20, L04.
 * Not here: which domains to ask (find.ts, domain-asking.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { formLabelLengthMax, gatewayTimeoutMs } from "../../base/limits.js";
import { TransportError } from "../../transport/errors.js";
import { discoverInfo } from "../../transport/features/disco.js";
import type { IqRequester } from "../../transport/features/iq-requester.js";
import { cleanText, looksConfusable } from "../../transport/xep/clean-text.js";
import { gatewayNamespace, registrationNamespace } from "../../transport/xep/namespaces.js";
import type { DiscoInfo } from "../../transport/xep/xep0030.js";
import { escapingFeature } from "../../transport/xep/xep0106.js";

/** What a gateway says of itself. */
export interface GatewaySelf {
  readonly type: string;
  readonly name?: string;
  /** The name could be taken for another one (threats F20). */
  readonly confusable: boolean;
  readonly registers: boolean;
  /** It reads escaped localparts (XEP-0106). */
  readonly escapes: boolean;
  /** It turns names into addresses (jabber:iq:gateway). */
  readonly translates: boolean;
}

const word = /^[a-z0-9][a-z0-9._-]{0,31}$/;

/** What `info` says; `undefined` if it is not that of a gateway. The first identity as a gateway counts. */
export function gatewaySelf(info: DiscoInfo): GatewaySelf | undefined {
  const identity = info.identities.find(({ category }) => category === "gateway");
  if (identity === undefined) return undefined;
  const name = cleanText(identity.name ?? "", formLabelLengthMax);
  return {
    type: word.test(identity.type) ? identity.type : "unknown", ...(name === "" ? {} : { name }), confusable: looksConfusable(name),
    registers: info.features.has(registrationNamespace), escapes: info.features.has(escapingFeature), translates: info.features.has(gatewayNamespace),
  };
}

/** Asks one domain. @throws TransportError as the request does */
export const askSelf = async (iq: IqRequester, to: BareJid, signal?: AbortSignal): Promise<GatewaySelf | undefined> =>
  gatewaySelf(await discoverInfo(iq, { to, timeoutMs: gatewayTimeoutMs, ...(signal === undefined ? {} : { signal }) }));

/** Whether the other side is there and has said something: also that it says nothing. */
export const isRefusal = (error: unknown): error is TransportError =>
  error instanceof TransportError && (error.code === "ERR_STANZA_ERROR" || error.code === "ERR_STREAM_PROTOCOL");

/** Whether nobody has answered in time, or somebody in such a way that nothing is known: not that there was no stream to ask on. */
export const isNoAnswer = (error: unknown): boolean => isRefusal(error) || (error instanceof TransportError && error.code === "ERR_IQ_TIMEOUT");
