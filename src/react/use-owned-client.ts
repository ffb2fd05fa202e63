/** A client that lives as long as a component. Not here: one that lives longer; make that outside of React. @module */
import { useEffect, useRef, useState } from "react";
import type { Client } from "../client/surface.js";
import { ClientOwner, openingClient, type OwnedClient } from "./client-owner.js";
import { useObservable } from "./use-observable.js";

/**
 * Opens a client when the component is mounted and closes it when it is unmounted; right in StrictMode, and never two at a time. `open` is
 * called again only for another `key`: take the account's address, or anything else that names what is opened.
 *
 * ```ts
 * const owned = useOwnedClient(account, () => createClient({ account, password, service, store: indexedDbStore(account) }));
 * ```
 */
export function useOwnedClient(key: string, open: () => Promise<Client>): OwnedClient {
  const [owner] = useState(() => new ClientOwner());
  const latest = useRef(open);
  useEffect(() => { latest.current = open; });
  useEffect(() => owner.hold(key, () => latest.current()), [owner, key]);
  const held = useObservable(owner);
  return held.key === key ? held.state : openingClient;
}
