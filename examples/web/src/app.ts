/** What all views of a signed-in account share. @module */
import type { Client, ConversationsSnapshot, Observable } from "sotto";
import { explain } from "./lib/explain.js";
import type { Scope } from "./lib/scope.js";
import type { Route } from "./route.js";

/** The account on the screen. */
export interface App {
  readonly client: Client;
  readonly account: string;
  readonly scope: Scope;
  readonly route: Observable<Route>;
  readonly conversations: Observable<ConversationsSnapshot>;
  /** Says something to screen readers, and to everybody if it is a `problem`. */
  readonly announce: (text: string, kind?: "news" | "problem") => void;
  readonly signOut: () => void;
}

/** Runs what a click has begun; a failure is said, never lost. */
export function attempt(app: App, work: () => Promise<unknown>): void {
  work().catch((error: unknown) => { if (!app.scope.signal.aborted) app.announce(explain(error), "problem"); });
}
