/** Whether a chat leads into another network, for views that say so: encryption ends at its gateway. @module */
import type { Beyond } from "sotto";
import type { App } from "../app.js";

/**
 * Renders now, when it turns out, and once `prepared` has settled: by then the contact's domain was asked what it is, perhaps on behalf of another
 * tab whose event has not reached this one.
 */
export function watchBeyond({ client, scope }: Pick<App, "client" | "scope">, jid: string, prepared: Promise<void>, render: (beyond: Beyond | undefined) => void): void {
  const now = (): void => { if (!scope.signal.aborted) render(client.conversation(jid).beyond); };
  scope.add(client.onEvent(({ kind }) => { if (kind === "gateway-changed") now(); }));
  prepared.catch(() => undefined).finally(now);
  now();
}
