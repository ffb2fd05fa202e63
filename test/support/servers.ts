/** Both makes of server behind one interface, so that a suite runs over `describe.each(servers)` (Node only). @module */
import { startEjabberd } from "../../scripts/lib/ejabberd.mjs";
import type { PrivateServer } from "../../scripts/lib/private-server.mjs";
import { startProsody } from "../../scripts/lib/prosody.mjs";

export type { PrivateServer } from "../../scripts/lib/private-server.mjs";

export interface ServerChoice {
  /** Seconds for which a lost connection's session waits to be resumed. Default: what the server does by itself. */
  readonly resumeSeconds?: number;
  readonly logStanzas?: boolean;
  /** Prosody only, beside the usual ones; ejabberd always has all that the tests need. */
  readonly extraModules?: readonly string[];
  /** Users may change their password and delete their account over XMPP; Prosody lets them anyway. */
  readonly registration?: boolean;
  /** Domains for programs that connect to `ports.component` (XEP-0114). */
  readonly components?: readonly { readonly domain: string; readonly secret: string }[];
}

export interface ServerMake {
  readonly make: "prosody" | "ejabberd";
  readonly start: (choice?: ServerChoice) => Promise<PrivateServer>;
}

/** In the order of their start-up cost. */
export const servers: readonly ServerMake[] = [
  { make: "prosody", start: (choice) => startProsody(choice) },
  { make: "ejabberd", start: (choice) => startEjabberd(choice) },
];

/** Where a server answers, as the client's `service` option wants it. */
export const services = (server: PrivateServer): { readonly tcp: string; readonly directTls: string; readonly websocket: string } => ({
  tcp: `xmpp://${server.host}:${server.ports.c2s.toString()}`,
  directTls: `xmpps://${server.host}:${server.ports.directTls.toString()}`,
  websocket: `wss://${server.host}:${server.ports.wss.toString()}/xmpp-websocket`,
});
