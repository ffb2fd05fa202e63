/** React roots for tests, and a client whose state a test sets by hand. @module */
import { act, createElement, type ReactNode, StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { expect, onTestFinished } from "vitest";
import { Emitter, type Observable, ObservableValue, type Unsubscribe } from "../../../src/base/events.js";
import { bareJid, type BareJid } from "../../../src/base/jid.js";
import type { ClientEvent } from "../../../src/client/events.js";
import type { ContactPresence } from "../../../src/client/presence/contact-presence.js";
import { createClient, type Client, type ClientStatus, type Contact, memoryStore, type RosterSnapshot } from "../../../src/index.js";
import { ClientProvider } from "../../../src/react/client-context.js";

/** Whether React waits for `act()`; else it works as in an application: in slices, when it comes to it. */
export function reactWaits(is: boolean): void {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = is;
}
reactWaits(true);

/** Waits until the page, left alone, shows `expected`. */
export async function shows<T>(read: () => T, expected: T, timeout = 20_000): Promise<void> {
  reactWaits(false);
  try {
    await expect.poll(read, { timeout, interval: 20 }).toEqual(expected);
  } finally {
    reactWaits(true);
  }
}

export interface Page {
  readonly element: HTMLElement;
  readonly text: () => string;
  readonly root: Root;
  render(node: ReactNode): Promise<void>;
  unmount(): Promise<void>;
}

/** An empty page. */
export function page(): Page {
  const element = document.body.appendChild(document.createElement("div"));
  const root = createRoot(element);
  const unmount = async (): Promise<void> => { await act(async () => { root.unmount(); }); };
  onTestFinished(async () => {
    await unmount();
    element.remove();
  });
  return { element, root, unmount, text: () => element.textContent, render: async (node) => { await act(async () => { root.render(node); }); } };
}

export const strict = (...children: readonly ReactNode[]): ReactNode => createElement(StrictMode, null, ...children);
export const withClient = (client: Client, ...children: readonly ReactNode[]): ReactNode => createElement(ClientProvider, { client }, ...children);

/** An observable that counts who listens. */
export class CountedValue<T> extends ObservableValue<T> implements Observable<T> {
  listeners = 0;

  override subscribe = (listener: () => void): Unsubscribe => {
    this.listeners++;
    const stop = this.changes.subscribe(listener);
    return () => {
      this.listeners--;
      stop();
    };
  };

  override set(value: T): void {
    super.set(value);
    this.changes.emit(undefined);
  }

  private readonly changes = new Emitter<undefined>((error) => { throw error; });
}

export const contact = (jid: string, name: string): Contact => ({
  jid: bareJid(jid), name, groups: [], subscription: "both", pendingOut: false, pendingIn: false, approved: false, unconfirmed: false,
});

export const roster = (...contacts: readonly Contact[]): RosterSnapshot =>
  ({ contacts: new Map(contacts.map((each) => [each.jid, each])), requests: [], freshness: "synchronized" });

/** The observable parts of a client, in the hands of a test. */
export class FakeClient {
  readonly status: CountedValue<ClientStatus> = new CountedValue<ClientStatus>({ kind: "offline" });
  readonly roster: CountedValue<RosterSnapshot> = new CountedValue(roster());
  readonly presence: CountedValue<ReadonlyMap<BareJid, ContactPresence>> = new CountedValue<ReadonlyMap<BareJid, ContactPresence>>(new Map());
  readonly events: Emitter<ClientEvent> = new Emitter<ClientEvent>();
  closed = 0;
  onEvent(listener: (event: ClientEvent) => void): Unsubscribe { return this.events.subscribe(listener); }
  async close(): Promise<void> { this.closed++; }
  get client(): Client { return this as unknown as Client; }
}

/** A real client without a connection. */
export async function offlineClient(): Promise<Client> {
  const client = await createClient({ account: "romeo@verona.example", password: "secret", service: "wss://verona.example/ws", store: memoryStore(), autoConnect: false });
  onTestFinished(() => client.close());
  return client;
}
