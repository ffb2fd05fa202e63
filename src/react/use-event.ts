/** Everything that happens, for components that do something about it. Not here: state to render (use-account.ts). @module */
import { useEffect, useInsertionEffect, useRef } from "react";
import type { ClientEvent } from "../client/events.js";
import { useClient } from "./client-context.js";

/**
 * Calls `listener` - always the one of the latest render - for each event of the client while the component is mounted. For notifications and
 * sounds; what is to be seen is state, and has a hook of its own.
 */
export function useEvent(listener: (event: ClientEvent) => void): void {
  const client = useClient();
  const latest = useRef(listener);
  // Before any other effect of the commit, so that no event meets the listener of an older render.
  useInsertionEffect(() => { latest.current = listener; });
  useEffect(() => client.onEvent((event) => { latest.current(event); }), [client]);
}
