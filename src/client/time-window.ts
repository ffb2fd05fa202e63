/**
 * Times of day on days of the week, as people mean them: by the clock on the wall of a time zone. Evaluated at an instant, never added
 * up, so a day of 23 or 25 hours needs no care: the hour that is skipped never comes, the one that is repeated counts twice.
 * Spec: none; ECMA-402 for time zones. Not here: what follows from it (contact-policy/, presence-policy/).
 * @module
 */
import { UsageError } from "../base/errors.js";

/** A day of the week. */
export type Weekday = "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun";

const weekdays: readonly Weekday[] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** A span of the day, each day or on some days of the week. */
export interface TimeWindow {
  /** `HH:MM`, from 00:00 to 23:59: the first minute within. */
  readonly from: string;
  /**
   * `HH:MM`, from 00:00 to 24:00: the first minute that is not within any more. At or before `from` it is that time on the next day: `22:00` until
   * `07:00` is a night, `00:00` until `00:00` a whole day.
   */
  readonly until: string;
  /** The days on which it begins; what runs past midnight belongs to the day before. Default: every day. */
  readonly days?: readonly Weekday[];
  /** An IANA name such as `Europe/Rome`. Default: the platform's zone. */
  readonly timeZone?: string;
}

/** Whether an instant, in milliseconds since 1970, is within a window. */
export type WindowTest = (epochMs: number) => boolean;

/** Prepares the check of one window, for whoever asks more than once. @throws UsageError `ERR_INVALID_ARGUMENT` if it is malformed */
export function windowTest(window: TimeWindow): WindowTest {
  const from = minuteOf(window.from);
  const until = minuteOf(window.until);
  if (from === undefined || until === undefined || from === dayMinutes) throw malformed("a time window needs from and until as HH:MM");
  const named: unknown = window.days ?? weekdays;
  if (!Array.isArray(named) || !named.every(isWeekday)) {
    throw malformed("the days of a time window are mon, tue, wed, thu, fri, sat, sun");
  }
  const days = new Set<Weekday>(named);
  const wall = wallClock(window.timeZone);
  return (epochMs) => {
    const { day, minute } = wall(epochMs);
    const onDay = (index: number): boolean => days.has(weekdays[(index + 7) % 7] as Weekday);
    if (from < until) return minute >= from && minute < until && onDay(day);
    return minute >= from ? onDay(day) : minute < until && onDay(day - 1);
  };
}

/**
 * Reads a window that came from outside, an application or a stored record; whatever else the value holds is left out.
 * @throws UsageError `ERR_INVALID_ARGUMENT`
 */
export function timeWindow(value: unknown): TimeWindow {
  if (typeof value !== "object" || value === null) throw malformed("a time window is an object");
  const { from, until, days, timeZone } = value as Partial<TimeWindow>;
  const window = {
    from: from as string, until: until as string, // windowTest looks at them
    ...(days === undefined ? {} : { days }), ...(timeZone === undefined ? {} : { timeZone }),
  };
  windowTest(window);
  return window;
}

const dayMinutes = 24 * 60;

const isWeekday = (value: unknown): value is Weekday => (weekdays as readonly unknown[]).includes(value);

function minuteOf(time: unknown): number | undefined {
  const parts = typeof time === "string" ? /^(\d\d):(\d\d)$/.exec(time) : null;
  const minute = parts === null ? Number.NaN : Number(parts[1]) * 60 + Number(parts[2]);
  return minute <= dayMinutes && Number(parts?.[2]) < 60 ? minute : undefined;
}

/** Day of the week (0: Sunday) and minute of the day in `timeZone`. */
function wallClock(timeZone: unknown): (epochMs: number) => { readonly day: number; readonly minute: number } {
  if (timeZone !== undefined && typeof timeZone !== "string") throw malformed("a time zone is an IANA name");
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", calendar: "gregory", numberingSystem: "latn", ...(timeZone === undefined ? {} : { timeZone }),
    });
  } catch {
    throw malformed("this platform does not know that time zone");
  }
  return (epochMs) => {
    const parts = new Map<string, string>(format.formatToParts(epochMs).map(({ type, value }) => [type, value]));
    return { day: weekdays.indexOf((parts.get("weekday") ?? "").toLowerCase() as Weekday), minute: Number(parts.get("hour")) * 60 + Number(parts.get("minute")) };
  };
}

const malformed = (what: string): UsageError => new UsageError("ERR_INVALID_ARGUMENT", what);
