/**
 * Serves one client to many facades. Frames come from pages of the same origin, but perhaps from another build of the application: whatever
 * they hold ends in an answer or in nothing, never in an exception.
 * Not here: what is done for one tab (served-tab.ts), which calls there are (host-calls.ts).
 * @module
 */
import { ObservableValue } from "../base/events.js";
import { createClientWith, type SottoClient } from "../client/client.js";
import type { Replacements } from "../client/core.js";
import type { ClientOptions } from "../client/options.js";
import { type Carry, type FacadeFrame, type HostFrame, protocolVersion } from "./frames.js";
import { HostStates } from "./host-states.js";
import type { Host } from "./link.js";
import { ServedTab, type TabUse } from "./served-tab.js";

/** See {@link OpenHost}. @param replaced for tests: a simulated server */
export async function openHost(options: ClientOptions, out: (tab: string, frame: HostFrame) => void, replaced: Replacements = {}): Promise<ClientHost> {
  const client = await createClientWith({ ...options, autoConnect: false }, replaced);
  return new ClientHost(client, out, options.autoConnect ?? true);
}

/** How much of a host is in use: all of it goes with its tabs. */
export interface HostUse extends TabUse {
  readonly tabs: number;
}

/** A client and the tabs that it works for. */
export class ClientHost implements Host {
  /** @internal */
  readonly client: SottoClient;
  readonly #out: (tab: string, frame: HostFrame) => void;
  readonly #tabs = new Map<string, ServedTab>();
  readonly #carry = new ObservableValue<Carry>({});
  readonly #states: HostStates;
  /** Connects with the first tab. */
  #pending: boolean;
  #closed = false;
  #active = true;

  constructor(client: SottoClient, out: (tab: string, frame: HostFrame) => void, autoConnect: boolean) {
    this.client = client;
    this.#out = out;
    this.#pending = autoConnect;
    this.#states = new HostStates(client, this.#carry);
    client.presence.own.subscribe(() => { this.#note({ own: client.presence.own.getSnapshot() }); });
  }

  take(tab: string, frame: FacadeFrame): void {
    if (this.#closed) return;
    try {
      const { kind, protocol } = frame as { readonly kind?: unknown; readonly protocol?: unknown };
      if (kind !== "hello") this.#tabs.get(tab)?.take(frame);
      else if (protocol === protocolVersion) this.#greet(tab, (frame as { readonly carry?: unknown }).carry);
      else this.#send(tab, { kind: "refused", protocol: protocolVersion });
    } catch (error) {
      this.client.core.onError(error);
    }
  }

  leave(tab: string): void {
    this.#tabs.get(tab)?.close();
    this.#tabs.delete(tab);
    this.#review();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const tab of this.#tabs.values()) tab.close();
    this.#tabs.clear();
    this.#states.close();
    await this.client.close();
  }

  /** How much is in use. */
  get use(): HostUse {
    const all = [...this.#tabs.values()].map((tab) => tab.use);
    const sum = (field: keyof TabUse): number => all.reduce((total, use) => total + use[field], 0);
    return { tabs: all.length, calls: sum("calls"), watches: sum("watches"), readers: sum("readers"), follows: sum("follows"), inboxes: sum("inboxes") };
  }

  #greet(tab: string, carry: unknown): void {
    this.leave(tab); // whatever it had has been asked for anew
    this.#tabs.set(tab, new ServedTab({
      client: this.client, states: this.#states, send: (frame) => { this.#send(tab, frame); }, note: (news) => { this.#note(news); },
      review: () => { this.#review(); }, leave: () => { this.leave(tab); },
    }));
    this.#send(tab, { kind: "hello", protocol: protocolVersion });
    this.#start(typeof carry === "object" && carry !== null ? carry : {});
  }

  /** With the first tab: what the former leader's user said of himself holds before anything is shown to anybody (threats V01). */
  #start(carry: Carry): void {
    if (!this.#pending) return;
    this.#pending = false;
    this.#restore(carry).catch(this.client.core.onError).finally(() => { if (!this.#closed) this.client.connect(); }).catch(this.client.core.onError);
  }

  async #restore({ own, context, list }: Carry): Promise<void> {
    const { presence } = this.client;
    if (own?.kind === "unavailable") await presence.set("unavailable");
    else if (own !== undefined) await presence.set({ statuses: undefined, priority: undefined, idleSince: undefined, ...own });
    if (context !== undefined) await presence.setContext(context);
    if (list !== undefined) (await this.client.privacyLists()).want(list);
    this.#note({ ...(context === undefined ? {} : { context }), ...(list === undefined ? {} : { list }) });
  }

  #note(news: { readonly [K in keyof Carry]: Carry[K] | undefined }): void {
    const known = Object.entries({ ...this.#carry.getSnapshot(), ...news }).filter(([, value]) => value !== undefined);
    this.#carry.set(Object.fromEntries(known));
  }

  /** The user looks at the client if he looks at any tab. */
  #review(): void {
    const active = this.#tabs.size === 0 ? this.#active : [...this.#tabs.values()].some((tab) => tab.active);
    if (active === this.#active || this.#closed) return;
    this.#active = active;
    this.client.setActive(active);
  }

  #send(tab: string, frame: HostFrame): void {
    if (!this.#closed) this.#out(tab, frame);
  }
}
