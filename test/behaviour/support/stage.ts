/** Clients on a real Prosody, in Node as in Chromium. What a test opens here ends with the test. @module */
import { inject, onTestFinished } from "vitest";
import { openClient } from "#client";
import { durableDisk } from "#durable-store";
import type { Client, ClientEvent, ClientOptions } from "../../../src/index.js";
import { type Disk, memory } from "./disk.js";

async function ask<T>(what: string, how: Readonly<Record<string, unknown>> = {}): Promise<T> {
  const response = await fetch(`${inject("behaviourDesk")}/${what}`, { method: "POST", body: JSON.stringify(how) });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return JSON.parse(text) as T;
}

/** A way to the server that can be cut. */
export interface Way {
  readonly service: string;
  /** Connections on it break off, and new ones are refused. */
  cut(): Promise<void>;
  mend(): Promise<void>;
}

export async function way(): Promise<Way> {
  const { port, service } = await ask<{ readonly port: number; readonly service: string }>("road");
  return {
    service,
    async cut() { await ask("cut", { port }); },
    async mend() { await ask("mend", { port }); },
  };
}

let common: Promise<Way> | undefined;

/** An account of its own, with a name that nobody else has. */
export async function account(name: string): Promise<string> {
  return (await ask<{ readonly account: string }>("account", { name })).account;
}

export const password = "a rose by any other name";

/** A client; its store is in memory unless given. */
export async function open(address: string, options: Partial<ClientOptions> = {}): Promise<Client> {
  const { service } = await (common ??= way());
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the road is on loopback; certificates have suites of their own
  const client = await openClient({ account: address, password, service, store: memory().open(), unsafeAllowInsecureLoopback: true, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** A client that is online, on a fresh account unless one is given. */
export async function arrive(name: string, options: Partial<ClientOptions> = {}): Promise<Client> {
  const client = await open(name.includes("@") ? name : await account(name), options);
  await client.ready({ signal: soon() });
  return client;
}

/** Two accounts that are online. */
export async function couple(): Promise<{ readonly romeo: Client; readonly juliet: Client }> {
  const [romeo, juliet] = await Promise.all([arrive("romeo"), arrive("juliet")]);
  return { romeo, juliet };
}

/** They see each other's presence. */
export async function befriend(a: Client, b: Client): Promise<void> {
  for (const [one, other] of [[a, b], [b, a]] as const) {
    await one.roster.subscribeTo(other.device.jid);
    await until(other.roster, ({ requests }) => requests.some(({ jid }) => jid === one.device.jid));
    await other.roster.approve(one.device.jid);
  }
  for (const [one, other] of [[a, b], [b, a]] as const) {
    await until(one.roster, ({ contacts }) => contacts.get(other.device.jid)?.subscription === "both");
  }
}

/** Everything the server wrote down: each stanza in clear text. */
export async function serverLog(): Promise<string> {
  return (await ask<{ readonly log: string }>("log")).log;
}

/** Where stores lie: in memory, and where the platform keeps things. */
export const disks: readonly { readonly kind: string; readonly disk: () => Promise<Disk> }[] = [
  { kind: "memory", disk: () => Promise.resolve(memory()) },
  {
    kind: "the platform's durable store",
    disk: async () => {
      const disk = await durableDisk();
      onTestFinished(() => disk.remove());
      return disk;
    },
  },
];

/** The end of patience. */
export const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** The value of an observable as soon as it meets `condition`. */
export function until<T>(observable: { getSnapshot(): T; subscribe(listener: () => void): () => void }, condition: (value: T) => boolean): Promise<T> {
  return new Promise((resolve, reject) => {
    const signal = soon();
    const end = (): void => {
      stop();
      signal.removeEventListener("abort", late);
    };
    const late = (): void => {
      end();
      reject(new Error(`it did not come to that: ${JSON.stringify(observable.getSnapshot(), (_, each: unknown) => (each instanceof Map ? [...each] : each))}`));
    };
    const look = (): void => {
      const value = observable.getSnapshot();
      if (!condition(value)) return;
      end();
      resolve(value);
    };
    const stop = observable.subscribe(look);
    signal.addEventListener("abort", late);
    look();
  });
}

/** The next event of this kind that meets `condition`. Begins to listen at once. */
export function nextEvent<K extends ClientEvent["kind"]>(
  client: Client, kind: K, condition: (event: Extract<ClientEvent, { kind: K }>) => boolean = () => true,
): Promise<Extract<ClientEvent, { kind: K }>> {
  return new Promise((resolve) => {
    const stop = client.onEvent((event) => {
      if (event.kind !== kind || !condition(event as Extract<ClientEvent, { kind: K }>)) return;
      stop();
      resolve(event as Extract<ClientEvent, { kind: K }>);
    });
  });
}
