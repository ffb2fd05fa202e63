/** Which client the hooks below a point of the tree are about. Not here: who opens and closes it (use-owned-client.ts). @module */
import { type Context, createContext, createElement, type ReactElement, type ReactNode, useContext } from "react";
import { UsageError } from "../base/errors.js";
import type { Client } from "../client/surface.js";

const ClientContext: Context<Client | undefined> = createContext<Client | undefined>(undefined);

/** Properties of {@link ClientProvider}. */
export interface ClientProviderProps {
  /** Opened and closed by whoever made it: see {@link useOwnedClient}. */
  readonly client: Client;
  readonly children?: ReactNode;
}

/** Gives the hooks of everything inside it their client. */
export function ClientProvider({ client, children }: ClientProviderProps): ReactElement {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/** The client of the nearest {@link ClientProvider}. @throws UsageError `ERR_INVALID_ARGUMENT` if there is none */
export function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === undefined) throw new UsageError("ERR_INVALID_ARGUMENT", "a hook of sotto/react needs a ClientProvider around its component");
  return client;
}
