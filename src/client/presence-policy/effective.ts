/**
 * What one address may see, for people and for presence that the application directs itself.
 * Not here: rules (compile.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { PresenceContent } from "../../transport/xep/rfc6121-presence.js";
import type { Contact } from "../roster/contact.js";
import { type Circumstances, ruleFor, verdict } from "./compile.js";
import { looksAlike, lower, toPresence, visibleSelf } from "./levels.js";
import type { PolicySession } from "./session.js";
import type { Effective } from "./types.js";

/** What `jid` may see, why, and whether it is known to see just that. */
export function effective(c: Circumstances, jid: BareJid, contact: Contact | undefined, session: Pick<PolicySession, "target" | "shownTo"> | undefined): Effective {
  const said = verdict(c, jid, contact);
  const content = session?.target.visible.get(jid);
  const shown = session?.shownTo(jid);
  if (session === undefined || content === undefined || shown === undefined) return { ...said, shown: "nothing" };
  const { target } = session;
  // Who does not tell us when he comes may have come since, and been answered with the broadcast.
  const certain = looksAlike(content, target.broadcast) || (!target.blind.has(jid) && looksAlike(shown, content));
  return { ...said, shown: certain ? "exact" : "at-most" };
}

/** What of `content` may be shown to `jid`: contacts as the rules say, others only if the rules name their address. */
export function limited(c: Circumstances, jid: BareJid, contact: Contact | undefined, content: PresenceContent): PresenceContent | undefined {
  if (jid === c.account) return content;
  if (contact === undefined && !c.book.contacts.has(jid)) return undefined;
  const rule = ruleFor(c, jid, contact?.groups ?? []);
  const asked = visibleSelf({ kind: "available", ...content });
  if (asked === undefined || rule.level === "offline") return undefined;
  const level = lower(asked.level, rule.level);
  return level === asked.level ? content : toPresence({ level }, content.priority);
}
