/** Data as people read it. @module */
import type { Client, ContactPresence, Level, Message } from "sotto";

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const shortDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** The time of day. */
export const timeOf = (ms: number): string => time.format(ms);

/** The day, for separators. */
export const dayOf = (ms: number): string => (sameDay(ms, Date.now()) ? "Today" : day.format(ms));

/** Today's time, or the day. */
export const briefly = (ms: number): string => (sameDay(ms, Date.now()) ? time.format(ms) : shortDay.format(ms));

const sameDay = (a: number, b: number): boolean => new Date(a).toDateString() === new Date(b).toDateString();

/** When a message was written, as far as anybody says. */
export const writtenAt = ({ sentAt, archivedAt, receivedAt }: Message): number => sentAt ?? archivedAt ?? receivedAt;

/** The name that the user gave somebody, or the address. */
export const nameOf = (client: Client, jid: string): string => client.roster.get(jid)?.name ?? jid;

/** How much of the user somebody may see. */
export const levelNames: Readonly<Record<Level, string>> = {
  chat: "free for chat", available: "available", busy: "busy", away: "away", xa: "away for long", offline: "offline",
};

/** How somebody shows; `undefined` if nothing is known of them. */
export function presenceOf(presence: ContactPresence | undefined): { readonly kind: string; readonly text: string } {
  const best = presence?.best;
  if (best === undefined) return { kind: "offline", text: "offline" };
  const level = best.show === "dnd" ? "busy" : best.show;
  const [status] = Object.values(best.statuses ?? {});
  return { kind: level, text: status === undefined ? levelNames[level] : `${levelNames[level]}: ${status}` };
}

/** The letter and the colour that stand for somebody. */
export function portrait(name: string, jid: string): { readonly letter: string; readonly hue: number } {
  let hue = 0;
  for (const character of jid) hue = (hue * 31 + (character.codePointAt(0) ?? 0)) % 6;
  return { letter: (/^\P{M}\p{M}*/u.exec(name)?.[0] ?? "?").toUpperCase(), hue };
}

/** One line of a message, for lists. */
export const lineOf = (message: Message): string => (message.unreadable === undefined ? message.text.replace(/\s+/g, " ").slice(0, 120) : "A message that this device cannot read");
