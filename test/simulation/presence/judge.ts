/** What must never be in any state, and what must not be left once nothing is under way. @module */
import type { BareJid } from "../../../src/base/jid.js";
import { isWithin, looksAlike, type Visible } from "../../../src/client/presence-policy/levels.js";
import type { Target } from "../../../src/client/presence-policy/plan.js";
import { isTampered } from "./server-model.js";
import type { World } from "./world.js";

/** Something wrong. */
export interface Finding {
  readonly what: "too much" | "a stranger" | "ghost" | "nothing" | "too little" | "stuck" | "another list";
  readonly jid?: BareJid;
}

const allows = (target: Target, jid: BareJid, view: Visible): boolean => {
  const limit = target.visible.get(jid);
  return limit !== undefined && isWithin(view.level, limit.level) && (view.statuses === undefined || looksAlike(view, limit));
};

const isBroadcast = ({ broadcast: content }: Target, view: Visible): boolean => content !== undefined && isWithin(view.level, content.level);

/** What is wrong in this state; none: `undefined`. */
export function judge(world: World): Finding | undefined {
  for (const [jid, { view }] of world.server.contacts) {
    if (view !== undefined && !world.bounds.some((target) => allows(target, jid, view) || (world.foreign && isBroadcast(target, view)))) return { what: "too much", jid };
  }
  if (world.memory === undefined) {
    if (world.server.up) return undefined;
    // Nobody holds presence of ours but those whom the next start looks after.
    for (const [jid, { view }] of world.server.contacts) if (view !== undefined && !world.ghosts.includes(jid)) return { what: "ghost", jid };
    return undefined;
  }
  const { memory } = world;
  if (world.out.length === 0 && world.in.length === 0 && memory.waiting !== undefined) return { what: "stuck" };
  if (memory.names > world.patience) return { what: "stuck" }; // trying again and again
  if (world.out.length > 0 || world.in.length > 0 || memory.waiting !== undefined || memory.failed) return undefined;
  return judgeSettled(world, memory.goal);
}

function judgeSettled(world: World, target: Target): Finding | undefined {
  if (isTampered(world.server) && !world.unnoticed) return { what: "another list" };
  for (const [jid, contact] of world.server.contacts) {
    const limit = contact.blocked ? undefined : target.visible.get(jid);
    if (contact.view !== undefined && !allows(target, jid, contact.view) && !(world.unnoticed && isBroadcast(target, contact.view))) return { what: contact.sees ? "ghost" : "a stranger", jid };
    if (limit === undefined || !contact.online) continue;
    if (contact.view === undefined) return { what: "nothing", jid };
    if (contact.tells && !looksAlike(contact.view, limit)) return { what: "too little", jid };
  }
  return undefined;
}
