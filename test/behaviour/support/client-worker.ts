/**
 * The client of worker mode: a worker for the whole page, in which each client is served through a port of its own.
 * @module
 */
import type { Client, ClientOptions } from "../../../src/index.js";
import { verifiedOnly } from "../../../src/index.js";
import { createWorkerClient, serveWorker } from "../../../src/tabs.js";
import { placeOf } from "./disk.js";

/** What the worker is to serve a client with. */
export interface Order {
  readonly place: string;
  readonly trust: "default" | "verified-only";
}

let worker: Worker | undefined;

/** As createClient. A store cannot be handed to a worker: it opens one at the same place. */
export async function openClient({ store, trust, ...options }: ClientOptions): Promise<Client> {
  if ((store as typeof store | undefined) === undefined) serveWorker({ store } as unknown as Parameters<typeof serveWorker>[0]); // where it would be missing
  if (trust !== undefined && trust !== verifiedOnly) throw new Error("the worker does not know this policy");
  worker ??= new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ place: placeOf(store), trust: trust === undefined ? "default" : "verified-only" } satisfies Order, [port2]);
  port1.start();
  return createWorkerClient({
    ...options, name: crypto.randomUUID(),
    worker: {
      postMessage: (message, transfer) => { port1.postMessage(message, transfer); },
      addEventListener: (type, listener) => { worker?.addEventListener(type, listener); },
      removeEventListener: (type, listener) => { worker?.removeEventListener(type, listener); },
    },
  });
}
