/** Somebody who writes into a store of an origin as if it were his alone: a page, or a worker of it. @module */
import { promisifyRequest } from "idb-keyval";
import { utf8, utf8Decode } from "../../src/base/bytes.js";
import { systemClock } from "../../src/base/clock.js";
import type { Fence } from "../../src/session/ports.js";
import { storeKey } from "../../src/session/ports.js";
import { IdbConnection } from "../../src/storage/indexeddb-database.js";
import { indexedDbStore } from "../../src/storage/indexeddb.js";

const key = storeKey("row");

/** One handle. */
export class Writer {
  readonly #store = indexedDbStore("fence");
  #fence: Fence | undefined;
  done = false;
  begun = 0;

  async take(): Promise<void> {
    this.#fence = await this.#store.acquire();
  }

  /** `written`, or the code of the error. */
  async write(text: string): Promise<string> {
    try {
      await this.#store.commit([{ kind: "put", key, value: utf8(text) }], this.#fence as Fence);
      return "written";
    } catch (error) {
      return (error as { readonly code: string }).code;
    }
  }

  async read(): Promise<string | undefined> {
    const value = await this.#store.get(key);
    return value === undefined ? undefined : utf8Decode(value);
  }

  async owns(): Promise<boolean> {
    return this.#store.owns(this.#fence as Fence);
  }

  /** Keeps one transaction open until {@link done}; counts how often it was begun. */
  linger(): Promise<void> {
    const connection = new IdbConnection("fence", () => indexedDB, systemClock);
    return connection.use("readwrite", async (store) => {
      this.begun += 1;
      while (!this.done) await promisifyRequest(store.get("row"));
    });
  }
}
