/** What the user says of himself, kept for the next start, for the SDK is told anew each time. @module */
import type { Client } from "sotto";
import { keep, kept } from "./lib/kept.js";

/** What the user can say of himself. */
export type OwnLevel = "available" | "away" | "busy" | "offline";

const levelKey = (account: string): string => `chat.level:${account}`;

/** What was said last. */
export function ownLevel(account: string): OwnLevel {
  const last = kept("device", levelKey(account));
  return last === "away" || last === "busy" || last === "offline" ? last : "available";
}

/** Says it, and keeps it. */
export async function setOwnLevel(client: Client, account: string, level: OwnLevel): Promise<void> {
  keep("device", levelKey(account), level);
  await tellOwnLevel(client, level);
}

/** Says it to the SDK: before the first connection, so that nobody sees anything else first. */
export async function tellOwnLevel(client: Client, level: OwnLevel): Promise<void> {
  await client.presence.set(level === "offline" ? "unavailable" : { show: level === "busy" ? "dnd" : level });
}
