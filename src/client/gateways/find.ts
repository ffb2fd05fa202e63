/**
 * Which of the services that a server names are gateways. Everything they say is bounded, and one that is silent holds up none of the others.
 * Spec: XEP-0100 #usecases-jabber-register, XEP-0030. Threats F20, L03, L04.
 * @module
 */
import { isFullJid, localOf, type BareJid } from "../../base/jid.js";
import { gatewaysAskedAtOnceMax, gatewaysAskedMax } from "../../base/limits.js";
import { discoverItems } from "../../transport/features/disco-items.js";
import type { IqRequester } from "../../transport/features/iq-requester.js";
import { isOtherService } from "../../transport/features/registration.js";
import { askSelf, type GatewaySelf, isNoAnswer } from "./self.js";

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
        if (!isNoAnswer(error)) throw error;
        unanswered++;
      }
    }
  };
  await Promise.all(Array.from({ length: gatewaysAskedAtOnceMax }, work));
  return { said, unanswered };
}
