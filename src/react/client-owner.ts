/**
 * Opens a client for whoever holds it and closes it when nobody does. React mounts a component twice in StrictMode and hides and shows it at
 * will; that is one holding here, for a release counts at the end of the turn in which it was made.
 * Not here: React (use-owned-client.ts).
 * @module
 */
import { UsageError } from "../base/errors.js";
import { ObservableValue, type Unsubscribe } from "../base/events.js";
import type { Client } from "../client/surface.js";

/** A client on its way to the components. */
export type OwnedClient =
  | { readonly kind: "opening" }
  | { readonly kind: "open"; readonly client: Client }
  /** The store could not be opened, or an option is wrong: what `createClient` rejects with. */
  | { readonly kind: "failed"; readonly error: unknown };

/** Before anybody holds a client, and while one is opened. */
export const openingClient: OwnedClient = { kind: "opening" };

/** What there is, and for which key: a component that has just got another one must not show the client of the one before. */
export interface KeyedClient {
  readonly key: unknown;
  readonly state: OwnedClient;
}

interface Holding {
  readonly key: unknown;
  readonly client: Promise<Client>;
  holders: number;
}

/** One client at a time: the next is opened when the one before is closed, for two cannot own a store. */
export class ClientOwner extends ObservableValue<KeyedClient> {
  #holding: Holding | undefined;
  #closed: Promise<void> = Promise.resolve();

  constructor() {
    super({ key: undefined, state: openingClient });
  }

  /** Opens a client, unless one with this `key` is held or was just let go. @returns lets go of it */
  hold(key: unknown, open: () => Promise<Client>): Unsubscribe {
    if (this.#holding !== undefined && !Object.is(this.#holding.key, key)) this.#drop(this.#holding);
    const holding = (this.#holding ??= this.#open(key, open));
    holding.holders++;
    return () => {
      holding.holders--;
      queueMicrotask(() => { if (holding.holders === 0) this.#drop(holding); });
    };
  }

  #open(key: unknown, open: () => Promise<Client>): Holding {
    const client = this.#closed.then(() => {
      if (this.#holding !== holding) throw new UsageError("ERR_CLOSED", "nobody holds the client any more");
      return open();
    });
    const holding: Holding = { key, client, holders: 0 };
    const show = (state: OwnedClient): void => { if (this.#holding === holding) this.set({ key, state }); };
    holding.client.then((client) => { show({ kind: "open", client }); }, (error: unknown) => { show({ kind: "failed", error }); });
    return holding;
  }

  /** Whoever renders is told first: nobody may use a client that is closing. */
  #drop(holding: Holding): void {
    if (this.#holding !== holding) return;
    this.#holding = undefined;
    this.set({ key: holding.key, state: openingClient });
    // A client that was never opened, or does not close cleanly, must not stop the next one; the store tells what is wrong with it.
    this.#closed = holding.client.then((client) => client.close()).catch(() => undefined);
  }
}
