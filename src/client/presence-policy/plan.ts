/**
 * The order of the steps from what the server holds to what it should hold, such that nobody is shown too much in between, whatever
 * happens between two steps. Pure.
 *
 * The rules it follows were measured on Prosody 0.12 and ejabberd 23.01: the server answers probes with the broadcast presence; a list retracts and
 * announces nothing when it comes into force; it swallows the final `unavailable` as well. So:
 * - The broadcast is lowered before a list lets somebody new see it, and raised only afterwards.
 * - Who drops out is told `unavailable` directly before the list shuts him out. If he logs in between the two he is answered with the broadcast
 *   and would stay with it: where his login can be seen, it is looked for and cured (machine.ts); where it cannot, and in every state that is
 *   not certain, nothing is broadcast while the list is switched - then there is nothing that a probe could be answered with.
 * - What is more than the broadcast is directed, last, and again after each broadcast.
 *
 * Spec: RFC 6121 sections 4.2-4.6, XEP-0016. Threats V01. Not here: who may see what (compile.ts), running the steps (machine.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { PrivacyRule } from "../../transport/xep/xep0016.js";
import { looksAlike, meet, type Visible } from "./levels.js";

/** What should be. */
export interface Target {
  /** What the server tells everybody whom the list lets through; `undefined`: nothing. Never more than anybody in `visible` may see. */
  readonly broadcast: Visible | undefined;
  /** Who may see what, at most. Everybody else: nothing. */
  readonly visible: ReadonlyMap<BareJid, Visible>;
  /** The privacy list that lets exactly these through; a target that differs in this alone makes a new list necessary, too. */
  readonly rules: readonly PrivacyRule[];
  /** Contacts who see us and do not tell us when they log in. */
  readonly blind: ReadonlySet<BareJid>;
  /** Contacts who would see us if there was no list. */
  readonly hidden: ReadonlySet<BareJid>;
}

/** True if nothing has to be done to get from one to the other. */
export const sameTarget = (a: Target, b: Target): boolean => a.rules === b.rules && plainTarget(a) === plainTarget(b);
const plainTarget = ({ broadcast, visible, blind, hidden }: Target): string => JSON.stringify([broadcast ?? null, [...visible], [...blind], [...hidden]]);

/** What the server holds, as far as is known. */
export interface Situation {
  /** The list in force for this session; `undefined`: none of ours. */
  readonly list: string | undefined;
  /** The rules of {@link list}. */
  readonly rules: readonly PrivacyRule[] | undefined;
  /** Whom presence of ours can reach. */
  readonly reach: ReadonlySet<BareJid>;
  readonly broadcast: Visible | undefined;
  /** False after a step whose outcome is unknown, and while somebody may see what he should not. */
  readonly certain: boolean;
  /** Who may hold presence of ours that the list no longer lets us take back. */
  readonly ghosts: ReadonlySet<BareJid>;
  /** The list that was in force when the ghosts could still be reached; `undefined`: none of ours that is still there. */
  readonly former: string | undefined;
  /** Lists of ours on the server. */
  readonly lists: readonly string[];
  /** Who may hold something that was directed to him. */
  readonly upgraded: ReadonlySet<BareJid>;
}

/** One step. Those with an answer are waited for; presence leaves without waiting. */
export type Step =
  /** Remembers durably whom a crash from here on may leave with our presence. Has an answer. */
  | { readonly kind: "remember"; readonly ghosts: readonly BareJid[] }
  /** Stores a list and reads it back. Has an answer. */
  | { readonly kind: "put"; readonly name: string; readonly rules: readonly PrivacyRule[] }
  /** Puts a list in force for this session, or none, and checks that it is. Has an answer. */
  | { readonly kind: "activate"; readonly name: string | undefined; readonly reach: ReadonlySet<BareJid>; readonly rules: readonly PrivacyRule[] | undefined }
  /** Has an answer, but nothing depends on it. */
  | { readonly kind: "remove"; readonly name: string }
  /** Has an answer: everything before it was handled, and the list in force is still ours. */
  | { readonly kind: "confirm" }
  /** Broadcast presence; `undefined`: unavailable. */
  | { readonly kind: "broadcast"; readonly content: Visible | undefined }
  | { readonly kind: "direct"; readonly to: BareJid; readonly content: Visible }
  | { readonly kind: "retract"; readonly to: BareJid }
  /** Directs to everybody who sees less than he should; becomes `direct` when its turn comes. */
  | { readonly kind: "raise" }
  /** Without lists: whom presence of ours is to reach. Nothing is sent. */
  | { readonly kind: "aim"; readonly reach: ReadonlySet<BareJid> };

/** We are gone for everybody. */
export const silence: Step = { kind: "broadcast", content: undefined };

/** We are gone for `to`. */
export const retract = (to: BareJid): Step => ({ kind: "retract", to });

/** True if the machine waits for the answer to such a step. */
export function isAnswered(step: Step): boolean {
  return step.kind === "remember" || step.kind === "put" || step.kind === "activate" || step.kind === "remove" || step.kind === "confirm";
}

/** Plans are replaceable: without privacy lists another one is used, and the checker plants mistakes. */
export type Planner = (now: Situation, target: Target, name: string) => readonly Step[];

/** The steps to `target`; none if it is there. `name`: a list name that is not in use. */
export function plan(now: Situation, target: Target, name: string): readonly Step[] {
  if (target.broadcast === undefined) return goDark(now);
  const switches = now.rules !== target.rules || !now.certain || now.ghosts.size > 0;
  const gone = [...now.reach].filter((jid) => !target.visible.has(jid));
  const dark = !now.certain || now.ghosts.size > 0 || (switches && gone.some((jid) => target.blind.has(jid)));
  const between = dark || now.broadcast === undefined ? undefined : switches ? meet(now.broadcast, target.broadcast) : now.broadcast;
  const put: Step = { kind: "put", name, rules: target.rules };
  const activate: Step = { kind: "activate", name, reach: new Set(target.visible.keys()), rules: target.rules };
  const light: readonly Step[] = [
    ...(gone.length === 0 || between === undefined ? [] : [{ kind: "remember", ghosts: gone } as const]),
    ...(looksAlike(between, now.broadcast) ? [] : [{ kind: "broadcast", content: between } as const]),
    // No pause between these: what is written in one turn arrives together.
    ...(between === undefined ? [] : gone.map(retract)),
  ];
  return [
    ...(switches ? [put, ...(dark ? reopened(now) : light), activate] : []),
    ...(looksAlike(between, target.broadcast) ? [] : [{ kind: "broadcast", content: target.broadcast } as const]),
    { kind: "raise" },
    ...now.lists.filter((list) => list !== (switches ? name : now.list)).map((list): Step => ({ kind: "remove", name: list })),
    { kind: "confirm" },
    ...(switches && gone.length + now.ghosts.size > 0 ? [{ kind: "remember", ghosts: [] } as const] : []),
  ];
}

/**
 * Without privacy lists: what is broadcast reaches everybody, so a target that hides us from anybody has nothing to broadcast, and everything
 * is directed.
 */
export function planWithoutLists(now: Situation, target: Target): readonly Step[] {
  const silent = target.broadcast === undefined;
  const gone = [...new Set([...now.ghosts, ...now.upgraded])].filter((jid) => !target.visible.has(jid));
  const visible = [...target.visible.keys()];
  return [
    // Prosody forgets whom it was told to show something, if they could see us anyway: after a crash they keep it.
    { kind: "remember", ghosts: silent ? [...visible, ...gone] : [...now.ghosts] },
    ...(silent ? gone.map(retract) : []),
    ...(looksAlike(now.broadcast, target.broadcast) && now.certain ? [] : [{ kind: "broadcast", content: target.broadcast } as const]),
    ...(silent ? [] : gone.map(retract)),
    { kind: "aim", reach: new Set(visible) },
    { kind: "raise" },
    { kind: "confirm" },
    { kind: "remember", ghosts: silent ? visible : [] },
  ];
}

/** Everybody is told `unavailable`; the list stays in force, for there is nothing left that it would have to hold back. */
function goDark(now: Situation): readonly Step[] {
  // A final `unavailable` reaches whom the list lets through. Those who were shown more are told one by one as well.
  const retracted = [...now.upgraded].map(retract);
  // A list of which it is not known whether it came into force would be confirmed in vain, again and again.
  const unlisted: readonly Step[] = now.certain || now.ghosts.size > 0 ? [] : [{ kind: "activate", name: undefined, reach: now.reach, rules: undefined }];
  return [...retracted, ...reopened(now), ...unlisted, { kind: "confirm" }, ...(now.ghosts.size > 0 ? [{ kind: "remember", ghosts: [] } as const] : [])];
}

/** `unavailable` for everybody, also for those whom the list in force shuts out: with nothing to broadcast, letting them through shows them nothing. */
function reopened(now: Situation): readonly Step[] {
  const silenced = now.broadcast === undefined && now.certain ? [] : [silence];
  if (now.ghosts.size === 0) return silenced;
  const open = now.former !== undefined && now.lists.includes(now.former) ? now.former : undefined;
  return [
    ...silenced,
    { kind: "remember", ghosts: [...now.ghosts] },
    ...(now.list === undefined && now.certain ? [] : [{ kind: "activate", name: open, reach: new Set([...now.reach, ...now.ghosts]), rules: undefined } as const]),
    ...[...now.ghosts].map(retract),
  ];
}
