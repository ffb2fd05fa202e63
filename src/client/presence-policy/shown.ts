/**
 * What was shown to whom since the last broadcast, as far as is known. Whoever comes is answered with the broadcast, and what was directed to him
 * before may reach him before that or after it: so nothing that was directed is forgotten until the next broadcast covers it.
 * Spec: RFC 6121 sections 4.2.2, 4.3.2. Threats V01. Not here: who may see what (plan.ts), when it is said (machine.ts, raise.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { isWithin, looksAlike, type Visible } from "./levels.js";
import type { Situation } from "./plan.js";

/** What somebody holds who does not simply hold the broadcast. */
export interface Holding {
  /** Said to him alone, last; `undefined`: nothing, or that we are gone. */
  readonly directed: Visible | undefined;
  /** False: that, or the broadcast, or nothing. */
  readonly sure: boolean;
}

type Standing = Pick<Situation, "reach" | "broadcast">;

/** Everybody who does not simply hold the broadcast. */
export class Shown extends Map<BareJid, Holding> {
  /** What `jid` holds; `undefined`: nothing, or not known. */
  to(jid: BareJid, { reach, broadcast }: Standing): Visible | undefined {
    const held = this.get(jid);
    if (held !== undefined) return held.sure ? held.directed : undefined;
    return reach.has(jid) ? broadcast : undefined;
  }

  /** True if `jid` may hold more than `limit`. */
  exceeds(jid: BareJid, limit: Visible | undefined, { broadcast }: Standing): boolean {
    const held = this.get(jid);
    const possible = held?.directed === undefined ? [broadcast] : held.sure ? [held.directed] : [held.directed, broadcast];
    return possible.some((content) => !within(content, limit));
  }

  /** Who may hold something that was said to him alone. */
  get singled(): ReadonlySet<BareJid> {
    return new Set([...this].filter(([, { directed }]) => directed !== undefined).map(([jid]) => jid));
  }

  direct(jid: BareJid, directed: Visible | undefined): void {
    this.set(jid, { directed, sure: true });
  }

  /** `jid` was answered with the broadcast, before or after what was directed to him. */
  answered(jid: BareJid, broadcast: Visible | undefined): void {
    const directed = this.get(jid)?.directed;
    if (directed === undefined || looksAlike(directed, broadcast)) this.delete(jid);
    else this.set(jid, { directed, sure: false });
  }

  /** Perhaps `jid` was answered, perhaps what we said did not reach him. */
  doubt(jid: BareJid): void {
    this.set(jid, { directed: this.get(jid)?.directed, sure: false });
  }
}

function within(content: Visible | undefined, limit: Visible | undefined): boolean {
  if (content === undefined) return true;
  if (limit === undefined || !isWithin(content.level, limit.level)) return false;
  return (content.statuses === undefined && content.idleSince === undefined) || looksAlike(content, limit);
}
