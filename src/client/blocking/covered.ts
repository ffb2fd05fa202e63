/** Whether a block list covers an address. Spec: XEP-0191 #matching. @module */
import { domainOf, type Jid, parseJid, toBare } from "../../base/jid.js";

/** True if a stanza from `address` is blocked by these; false for what is no address. */
export function isCovered(blocked: ReadonlySet<Jid>, address: string): boolean {
  const jid = parseJid(address);
  return jid !== undefined && (blocked.has(jid) || blocked.has(toBare(jid)) || blocked.has(domainOf(jid)));
}
