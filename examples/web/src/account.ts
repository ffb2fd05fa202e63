/** The one place that makes the client. All open tabs share it: one of them holds the connection, and when it closes another goes on. @module */
import type { Client } from "sotto";
import { indexedDbStore } from "sotto/storage/indexeddb";
import { createSharedClient } from "sotto/tabs";
import type { Session } from "./session.js";

/** Opens the account's data in this browser. Does not connect yet. @throws SottoError */
export function openClient({ account, password, services }: Session): Promise<Client> {
  return createSharedClient({
    account,
    password,
    service: services,
    store: () => indexedDbStore(`chat:${account}`),
    autoConnect: false,
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- for a server on the developer's own machine; stripped from any other build
    ...(import.meta.env.VITE_INSECURE_LOOPBACK === "yes" ? { unsafeAllowInsecureLoopback: true } : {}),
  });
}
