/** A client with a presence policy whose process can be made to die. @module */
import type { BareJid } from "../../src/base/jid.js";
import type { XmlElement } from "../../src/base/xml.js";
import { createClientWith } from "../../src/client/create-client.js";
import type { SottoClient } from "../../src/client/client.js";
import type { PolicyState } from "../../src/client/presence-policy/types.js";
import type { Store } from "../../src/session/ports.js";
import { connect } from "../../src/transport/connection/connect.js";
import type { Link, SocketFactories } from "../../src/transport/connection/sockets.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import type { Stream } from "../../src/transport/connection/stream.js";
import { services, type PrivateServer } from "./servers.js";

export interface PolicyClient {
  readonly client: SottoClient;
  /** How the policy stood, each time that it changed. */
  readonly states: readonly PolicyState[];
  /** What the server sent, over all connections. */
  readonly heard: readonly XmlElement[];
  /** Sends a stanza as it is, past the client. */
  readonly say: (stanza: XmlElement) => Promise<void>;
  readonly start: () => Promise<void>;
  /** The connection is gone without a word, and so are we. */
  readonly crash: () => Promise<void>;
  /** The connection is cut; resolves when the next one is up. */
  readonly reconnect: () => Promise<void>;
}

/** It is offline until it is started. */
export async function openPolicyClient(server: PrivateServer, account: BareJid, password: string, store: Store, resource = "policy"): Promise<PolicyClient> {
  const links: Link[] = [];
  const heard: XmlElement[] = [];
  let current: Stream | undefined;
  const { tcp } = sockets;
  if (tcp === undefined) throw new TypeError("no TCP");
  const cuttable: SocketFactories = {
    ...sockets,
    async tcp(...args: Parameters<typeof tcp>) {
      const link = await tcp(...args);
      links.push(link);
      return link;
    },
  };
  const client = await createClientWith(
    { account, password, service: services(server).directTls, store, tls: { ca: server.caPem }, resource, autoConnect: false },
    {
      connector: async (wanted) => {
        const stream = await connect(wanted, cuttable);
        stream.onStanza((stanza) => { heard.push(stanza); });
        current = stream;
        return stream;
      },
    },
  );
  const states: PolicyState[] = [];
  client.onEvent((event) => { if (event.kind === "presence-policy") states.push(event.state); });
  const cut = (): void => { for (const each of links) each.destroy(); };
  return {
    client, states, heard,
    say: async (stanza) => { await current?.send(stanza); },
    start: async () => {
      client.connect();
      await client.ready();
    },
    crash: async () => {
      cut();
      await client.close();
    },
    reconnect: async () => {
      const gone = new Promise<void>((resolve) => {
        const stop = client.status.subscribe(() => {
          if (client.status.getSnapshot().kind === "online") return;
          stop();
          resolve();
        });
      });
      cut();
      await gone;
      await client.ready();
    },
  };
}
