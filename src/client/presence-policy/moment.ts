/**
 * Which rule holds at a moment, and when that may change next.
 * Clocks may jump, and days have 23 or 25 hours where they are changed: so with time windows each minute's turn is looked at. Not here: reading
 * rules (rules.ts), time windows (../time-window.ts).
 * @module
 */
import { type TimeWindow, type WindowTest, windowTest } from "../time-window.js";
import type { Condition, ConditionalRule, LevelRule, RuleBook } from "./rules.js";

/** What conditions are about. Times in milliseconds since the epoch. */
export interface Moment {
  readonly now: number;
  readonly inCall: boolean;
  readonly idleSince: number | undefined;
}

/** The choice that counts; the last one has no condition. */
export function choose(choices: readonly ConditionalRule[], moment: Moment): LevelRule {
  return choices.find(({ when }) => holds(moment, when)) ?? { level: "offline" };
}

/** Which choice of each rule counts, to be compared: two moments that give the same show everybody the same. */
export const chosen = (book: RuleBook, moment: Moment): string =>
  everyRule(book).map((choices) => choices.findIndex(({ when }) => holds(moment, when))).join();

const everyRule = ({ groups, contacts, others }: RuleBook): readonly (readonly ConditionalRule[])[] => [...groups.values(), ...contacts.values(), others];

/** True if all parts of the condition hold. */
function holds(moment: Moment, { between, idle, inCall }: Condition = {}): boolean {
  if (inCall === true && !moment.inCall) return false;
  if (idle !== undefined) {
    if (moment.idleSince === undefined) return false;
    if (idle !== true && moment.now - moment.idleSince < idle.afterMs) return false;
  }
  return between === undefined || isWithin(between, moment.now);
}

// Asked for every contact of a roster at one moment, which costs much with a time zone; preparing it costs more.
const asked = new WeakMap<TimeWindow, { readonly test: WindowTest; readonly now: number; readonly answer: boolean }>();

function isWithin(window: TimeWindow, now: number): boolean {
  const last = asked.get(window);
  if (last?.now === now) return last.answer;
  const test = last?.test ?? windowTest(window);
  const answer = test(now);
  asked.set(window, { test, now, answer });
  return answer;
}

/** Milliseconds until another choice may count, if only time passes; `undefined`: never. */
export function nextChange(book: RuleBook, { now, idleSince }: Moment): number | undefined {
  const delays: number[] = [];
  for (const choices of everyRule(book)) {
    for (const { when } of choices) {
      if (when?.between !== undefined) delays.push(60_000 - (now % 60_000));
      if (when?.idle !== undefined && when.idle !== true && idleSince !== undefined && now - idleSince < when.idle.afterMs) delays.push(idleSince + when.idle.afterMs - now);
    }
  }
  return delays.length === 0 ? undefined : Math.min(...delays);
}
