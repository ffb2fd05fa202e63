/** A Prosody per test file, and clients on it. @module */
import { randomUUID } from "node:crypto";
import type { ClientOptions, SottoClient } from "../../src/index.js";
import { createClient } from "../../src/client/create-client.js";
import { memoryStore } from "../../src/storage/memory.js";
import { type Prosody, startProsody } from "../../scripts/lib/prosody.mjs";


export interface Stage {
  readonly server: Prosody;
  readonly tcp: string;
  readonly directTls: string;
  readonly websocket: string;
  /** Creates an account with a fresh name and gives its address. */
  account(name?: string): Promise<string>;
  /** A client; its store is in memory unless given. Closed by {@link Stage.end}. */
  client(account: string, options?: Partial<ClientOptions>): Promise<SottoClient>;
  end(): Promise<void>;
}

export const password = "a rose by any other name";

/** Starts the server. */
export async function stage(): Promise<Stage> {
  const server = await startProsody({ logStanzas: true });
  const clients: SottoClient[] = [];
  const tcp = `xmpp://${server.host}:${server.ports.c2s.toString()}`;
  return {
    server,
    tcp,
    directTls: `xmpps://${server.host}:${server.ports.directTls.toString()}`,
    websocket: `wss://${server.host}:${server.ports.wss.toString()}/xmpp-websocket`,
    async account(name = "user") {
      const user = `${name}-${randomUUID().slice(0, 8)}`;
      await server.register(user, password);
      return `${user}@${server.domain}`;
    },
    async client(account, options = {}) {
      const client = await createClient({ account, password, service: tcp, store: memoryStore(), tls: { ca: server.caPem }, ...options });
      clients.push(client);
      return client;
    },
    async end() {
      await Promise.all(clients.map((client) => client.close()));
      await server.stop();
    },
  };
}
