/** Clients of fresh accounts on a real server, for one suite of tests: when it is over they are closed and the server is stopped (Node only). @module */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { type BareJid, bareJid } from "../../src/base/jid.js";
import type { SottoClient } from "../../src/client/client.js";
import { createClient } from "../../src/client/create-client.js";
import type { ClientOptions } from "../../src/client/options.js";
import { memoryStore } from "../../src/storage/memory.js";
import { secret } from "./policy-stage.js";
import { type PrivateServer, services } from "./servers.js";

export interface ClientStage {
  /** Within tests only: it is there once the suite has begun. */
  readonly server: PrivateServer;
  /** A new account; `name` begins its address, the password is {@link secret}. */
  account(name: string): Promise<BareJid>;
  /** A client of the account, connecting; with a store of its own unless given. */
  login(jid: BareJid, options?: Partial<ClientOptions>): Promise<SottoClient>;
}

/** To be called in a `describe`. */
export function clientStage(start: () => Promise<PrivateServer>): ClientStage {
  let server: PrivateServer;
  const clients: SottoClient[] = [];
  beforeAll(async () => { server = await start(); });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await server.stop();
  });
  return {
    get server() { return server; },
    async account(name) {
      const user = `${name}-${randomUUID().slice(0, 8)}`;
      await server.register(user, secret);
      return bareJid(`${user}@${server.domain}`);
    },
    async login(jid, options) {
      const client = await createClient({ account: jid, password: secret, service: services(server).tcp, store: memoryStore(), tls: { ca: server.caPem }, ...options });
      clients.push(client);
      return client;
    },
  };
}
