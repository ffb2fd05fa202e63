/** Who is blocked, for views that show it. @module */
import type { ClientBlocking } from "sotto";
import { attempt, type App } from "../app.js";

/** Renders now and after each change, for as long as the view lives. */
export function watchBlocked(app: App, render: (isBlocked: (jid: string) => boolean, blocking: ClientBlocking | undefined) => void): void {
  render(() => false, undefined);
  attempt(app, async () => {
    const blocking = await app.client.blocking();
    if (!app.scope.signal.aborted) app.scope.watch(blocking, () => { render((jid) => blocking.isBlocked(jid), blocking); });
  });
}
