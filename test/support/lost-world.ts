/**
 * Clients of one account on a database in memory that goes away under them, as a browser evicts it or somebody deletes it, with the simulation's
 * server around them: alone, or in the tabs of a {@link TabWorld}.
 * @module
 */
import { IDBFactory as FakeFactory } from "fake-indexeddb";
import type { SottoClient } from "../../src/client/client.js";
import { createClientWith } from "../../src/client/create-client.js";
import type { Client } from "../../src/client/surface.js";
import type { Store } from "../../src/session/ports.js";
import { indexedDbStore } from "../../src/storage/indexeddb.js";
import type { StoreWitness } from "../../src/storage/store-witness.js";
import { openHost } from "../../src/tabs/host.js";
import { openShared } from "../../src/tabs/shared-client.js";
import type { Stream } from "../../src/transport/connection/stream.js";
import { Life } from "../simulation/life.js";
import { FacadeWorld, romeo } from "./facade-world.js";
import { type Tab, TabWorld } from "./tab-world.js";

/** See the module. */
export class LostWorld {
  readonly people = new FacadeWorld();
  readonly tabs = new TabWorld();
  readonly factory: IDBFactory = new FakeFactory();
  /** What stands in the page's localStorage. */
  readonly witnessed = new Map<string, string>();
  readonly streams: Stream[] = [];
  readonly clients: (Client | SottoClient)[] = [];
  /** Connections to the database, of all tabs. */
  readonly #connections = new Set<IDBDatabase>();
  readonly #witness: StoreWitness = {
    read: (name) => Promise.resolve(this.witnessed.get(name)),
    write: (name, incarnation) => Promise.resolve(void this.witnessed.set(name, incarnation)),
    remove: (name) => Promise.resolve(void this.witnessed.delete(name)),
  };
  /** Stores that were opened. */
  opened = 0;

  constructor() {
    const open = this.factory.open.bind(this.factory);
    this.factory.open = (...args): IDBOpenDBRequest => {
      const request = open(...args);
      request.addEventListener("success", () => this.#connections.add(request.result));
      return request;
    };
  }

  store(): Store {
    this.opened += 1;
    return indexedDbStore("s", { platform: this.factory, witness: this.#witness, persist: false });
  }

  /** A client without any tabs. */
  async alone(store: Store = this.store()): Promise<SottoClient> {
    const client = await createClientWith({ ...this.#login, store }, this.#network());
    this.clients.push(client);
    await client.ready();
    return client;
  }

  /** A client in a tab of its own. */
  async tab(): Promise<{ readonly tab: Tab; readonly client: Client }> {
    const tab = this.tabs.open();
    const client = await openShared({ ...this.#login, store: () => this.store(), platform: tab.platform }, (options, out) => openHost(options, out, this.#network()));
    this.clients.push(client);
    return { tab, client };
  }

  /** As a browser evicts: connections are closed, the database is gone, and then the connections hear of it. */
  async evict(options: { readonly witness?: boolean } = {}): Promise<void> {
    const open = [...this.#connections];
    this.#connections.clear();
    for (const connection of open) connection.close();
    await this.remove();
    if (options.witness === true) this.witnessed.clear();
    for (const connection of open) connection.onclose?.(new Event("close"));
  }

  /** As a page deletes a database without our help. */
  async remove(): Promise<void> {
    await new Promise((resolve) => { this.factory.deleteDatabase("s").onsuccess = resolve; });
  }

  async end(): Promise<void> {
    for (const client of this.clients) await client.close();
    await this.people.end();
  }

  get #login(): { readonly account: string; readonly password: string; readonly service: string } {
    return { account: romeo, password: "secret", service: "wss://verona.example/ws" };
  }

  #network(): ReturnType<FacadeWorld["network"]> {
    const { connector } = this.people.network(romeo, new Life());
    return {
      connector: async (...args) => {
        const stream = await connector(...args);
        this.streams.push(stream);
        return stream;
      },
    };
  }
}
