/**
 * Which of the services that a server names are gateways. Everything they say is bounded, and one that is silent holds up none of the others.
 * Spec: XEP-0100 #usecases-jabber-register, XEP-0030. Threats F20, L03, L04.
 * @module
 */
import { isFullJid, localOf, type BareJid } from "../../base/jid.js";
import { formLabelLengthMax, gatewaysAskedAtOnceMax, gatewaysAskedMax, gatewayTimeoutMs } from "../../base/limits.js";
import { TransportError } from "../../transport/errors.js";
import { discoverInfo } from "../../transport/features/disco.js";
import { discoverItems } from "../../transport/features/disco-items.js";
import type { IqRequester } from "../../transport/features/iq-requester.js";
import { isOtherService } from "../../transport/features/registration.js";
import { cleanText } from "../../transport/xep/clean-text.js";
import { gatewayNamespace, registrationNamespace } from "../../transport/xep/namespaces.js";
import type { DiscoInfo } from "../../transport/xep/xep0030.js";
import { escapingFeature } from "../../transport/xep/xep0106.js";

/** What a gateway says of itself. */
export interface GatewaySelf {
  readonly type: string;
  readonly name?: string;
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
    type: word.test(identity.type) ? identity.type : "unknown", ...(name === "" ? {} : { name }),
    registers: info.features.has(registrationNamespace), escapes: info.features.has(escapingFeature), translates: info.features.has(gatewayNamespace),
  };
}

/** Asks one domain. @throws TransportError as the request does */
export const askSelf = async (iq: IqRequester, to: BareJid, signal?: AbortSignal): Promise<GatewaySelf | undefined> =>
  gatewaySelf(await discoverInfo(iq, { to, timeoutMs: gatewayTimeoutMs, ...(signal === undefined ? {} : { signal }) }));

/** Whether the other side is there and has said something: also that it says nothing. */
export const isRefusal = (error: unknown): error is TransportError =>
  error instanceof TransportError && (error.code === "ERR_STANZA_ERROR" || error.code === "ERR_STREAM_PROTOCOL");

/** Asks the services of `server`. What an answer said is in `said`; `undefined`: no gateway. */
export async function findGateways(
  iq: IqRequester, account: BareJid, server: BareJid, signal?: AbortSignal,
): Promise<{ readonly said: ReadonlyMap<BareJid, GatewaySelf | undefined>; readonly unanswered: number }> {
  const items = await discoverItems(iq, { to: server, ...(signal === undefined ? {} : { signal }) });
  const candidates = [...new Set(items.flatMap(({ jid, node }) => (
    node === undefined && localOf(jid) === undefined && !isFullJid(jid) && isOtherService(jid, account) ? [jid] : []
  )))];
  const waiting = candidates.slice(0, gatewaysAskedMax);
  const said = new Map<BareJid, GatewaySelf | undefined>();
  let unanswered = candidates.length - waiting.length;
  const work = async (): Promise<void> => {
    for (let jid = waiting.shift(); jid !== undefined; jid = waiting.shift()) {
      try {
        said.set(jid, await askSelf(iq, jid, signal));
      } catch (error) {
        // One that fails is told as unanswered; without a link, or when the caller has left, there is nothing more to ask.
        if (!isRefusal(error) && !(error instanceof TransportError && error.code === "ERR_IQ_TIMEOUT")) throw error;
        unanswered++;
      }
    }
  };
  await Promise.all(Array.from({ length: gatewaysAskedAtOnceMax }, work));
  return { said, unanswered };
}
