/**
 * How much of us somebody sees, as a total order, and what presence of a level looks like.
 * Spec: RFC 6121 section 4.7.2.1 (show). Not here: who gets which level (compile.ts).
 * @module
 */
import { sameData } from "../../base/same-data.js";
import type { PresenceContent, Show } from "../../transport/xep/rfc6121-presence.js";
import type { Availability } from "../presence/announcer.js";

/**
 * From seeing nothing to seeing somebody who wants to talk. The order is how restrictive a level is, and what "at most" means in every rule:
 * `offline` < `xa` < `away` < `busy` < `available` < `chat`.
 */
export type Level = "offline" | "xa" | "away" | "busy" | "available" | "chat";

/** A level that shows that we are there. */
export type VisibleLevel = Exclude<Level, "offline">;

/** What somebody may see: a level and what goes with it. */
export interface Visible {
  readonly level: VisibleLevel;
  /** Text by language, `""` for none given. */
  readonly statuses?: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly idleSince?: number;
  /** Counts changes of what goes with presence and is no secret: capabilities. */
  readonly edition?: number;
}

/** All levels, the most restrictive first. */
export const levels: readonly Level[] = ["offline", "xa", "away", "busy", "available", "chat"];

const rank = (level: Level): number => levels.indexOf(level);

/** The more restrictive one. */
export const lower = <A extends Level, B extends Level>(a: A, b: B): A | B => (rank(a) <= rank(b) ? a : b);

/** True if nobody who may see `limit` sees too much with `level`. */
export const isWithin = (level: Level, limit: Level): boolean => rank(level) <= rank(limit);

const levelOf = (show: Show): VisibleLevel => (show === "dnd" ? "busy" : show);

/** What the user says of himself, as a level with its text. */
export function visibleSelf(own: Availability): Visible | undefined {
  if (own.kind === "unavailable") return undefined;
  const { show, statuses, idleSince } = own;
  return {
    level: levelOf(show),
    ...(statuses === undefined || Object.keys(statuses).length === 0 ? {} : { statuses }),
    ...(idleSince === undefined ? {} : { idleSince }),
  };
}

/** As presence; `priority` is no secret: it only tells servers where messages go. */
export function toPresence({ level, statuses, idleSince }: Visible, priority: number | undefined): PresenceContent {
  return {
    show: level === "busy" ? "dnd" : level,
    ...(statuses === undefined ? {} : { statuses }),
    ...(priority === undefined ? {} : { priority }),
    ...(idleSince === undefined ? {} : { idleSince }),
  };
}

/** True if both look the same to whoever sees them. */
export const looksAlike = (a: Visible | undefined, b: Visible | undefined): boolean => sameData(a, b);

/** What everybody who may see `a`, and everybody who may see `b`, may see. */
export const meet = (a: Visible, b: Visible): Visible => (looksAlike(a, b) ? a : { level: lower(a.level, b.level), ...(b.edition === undefined ? {} : { edition: b.edition }) });
