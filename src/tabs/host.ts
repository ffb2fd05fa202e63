/**
 * Serves one client to many facades. Frames come from pages of the same origin, but perhaps from another build of the application: whatever
 * they hold ends in an answer or in nothing, never in an exception.
 * Not here: what is done for one tab (served-tab.ts), which calls there are (host-calls.ts).
 * @module
 */
import type { SottoClient } from "../client/client.js";
import { createClientWith } from "../client/create-client.js";
import type { Replacements } from "../client/core.js";
import type { Fields } from "./frame-fields.js";
import { type Carry, type FacadeFrame, type HostFrame, protocolVersion } from "./frames.js";
import { HostStates } from "./host-states.js";
import type { Host, HostOptions } from "./link.js";
import { contextOf, Said, type SaidNews, type SaidValues } from "./said.js";
import { ServedTab, type TabUse } from "./served-tab.js";
import { TabPasswords } from "./tab-passwords.js";

/** See {@link OpenHost}. @param replaced for tests: a simulated server */
export async function openHost(options: HostOptions, out: (tab: string, frame: HostFrame) => void, replaced: Replacements = {}): Promise<ClientHost> {
  const { living = () => Promise.resolve([]), passwordOf, autoConnect = true, ...rest } = options;
  const client = await createClientWith({ ...rest, autoConnect: false }, replaced);
  try {
    const said = await Said.load(client.core, living);
    await restore(client, said.values); // offline: told and shown as it is from the first moment (threats V01)
    return new ClientHost(client, out, said, { connects: said.values.connected ?? autoConnect, passwordOf });
  } catch (error) {
    await client.close();
    throw error;
  }
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
  readonly #said: Said;
  readonly #states: HostStates;
  readonly #passwords: TabPasswords;
  readonly #connects: boolean;
  #begun = false;
  #closed = false;
  #active = true;

  /** @param how whether it connects, with the first tab; which tab has set the password under a former leader */
  constructor(
    client: SottoClient, out: (tab: string, frame: HostFrame) => void, said: Said,
    { connects, passwordOf }: { readonly connects: boolean; readonly passwordOf: string | undefined },
  ) {
    this.client = client;
    this.#out = out;
    this.#said = said;
    this.#connects = connects;
    this.#states = new HostStates(client, said.carry);
    this.#passwords = new TabPasswords(client, passwordOf);
  }

  take(tab: string, frame: FacadeFrame): void {
    if (this.#closed) return;
    try {
      const { kind, protocol, carry, active } = frame as Fields;
      if (kind !== "hello") this.#tabs.get(tab)?.take(frame);
      else if (protocol === protocolVersion) this.#greet(tab, carry, active !== false);
      else this.#send(tab, { kind: "refused", protocol: protocolVersion });
    } catch (error) {
      this.client.core.onError(error);
    }
  }

  leave(tab: string): void {
    this.#tabs.get(tab)?.close();
    this.#tabs.delete(tab);
    this.#review();
    this.#said.part(tab);
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

  #greet(tab: string, carry: unknown, active: boolean): void {
    this.#tabs.get(tab)?.close(); // whatever it had has been asked for anew
    this.#tabs.set(tab, new ServedTab({
      name: tab, active, client: this.client, states: this.#states, said: this.#said, passwords: this.#passwords, send: (frame) => { this.#send(tab, frame); },
      review: () => { this.#review(); }, leave: () => { this.leave(tab); },
    }));
    this.#review();
    this.#said.meet(tab);
    this.#send(tab, { kind: "hello", protocol: protocolVersion });
    this.#start(typeof carry === "object" && carry !== null ? carry : {});
  }

  /** With the first tab: what it hands over may be newer than what was stored, or all that is left (threats V01). */
  #start(carry: Carry): void {
    if (this.#begun) return;
    this.#begun = true;
    const { client } = this;
    this.#said.begin(carry, (holds) => restore(client, holds)).then(() => { if (this.#connects && !this.#closed) client.connect(); }).catch(client.core.onError);
  }

  /** The user looks at the client if he looks at any tab. At the end of the turn: a tab that begins anew leaves first. */
  #review(): void {
    Promise.resolve().then(() => {
      const active = this.#tabs.size === 0 ? this.#active : [...this.#tabs.values()].some((tab) => tab.active);
      if (active === this.#active || this.#closed) return;
      this.#active = active;
      this.client.setActive(active);
    }).catch(this.client.core.onError);
  }

  #send(tab: string, frame: HostFrame): void {
    if (!this.#closed) this.#out(tab, frame);
  }
}

/** What was said through a former leader. Never throws. @returns what is true now */
async function restore(client: SottoClient, { own, context, list }: SaidValues): Promise<SaidNews> {
  const { presence, core: { onError } } = client;
  if (own?.kind === "unavailable") await presence.set("unavailable");
  else if (own !== undefined) {
    await presence.set({ statuses: undefined, priority: undefined, idleSince: undefined, ...own }).catch((error: unknown) => {
      onError(error); // of another build: what cannot be understood is not taken for "available"
      return presence.set("unavailable");
    });
  }
  if (context !== undefined) await presence.setContext(context).catch(onError);
  const said = own === undefined ? own : presence.own.getSnapshot();
  if (list !== undefined) {
    await client.privacyLists().then((lists) => { lists.want(list); }).catch((error: unknown) => {
      onError(error);
      return presence.set("unavailable"); // what nothing holds back is not shown; the next leader may have the code for it
    });
  }
  return { own: said, context: context === undefined ? context : contextOf(context), list };
}
