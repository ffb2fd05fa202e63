/**
 * The channels of one tab: one that all tabs of an account listen to, and one of its own, so that frames for one tab wake no other.
 * Not here: what is said (hub-messages.ts).
 * @module
 */
import { UsageError } from "../base/errors.js";
import { type HubMessage, isHubMessage } from "./hub-messages.js";
import type { TabChannel, TabPlatform } from "./platform.js";

/** Names of the locks and channels of an account. */
export interface TabNames {
  /** The lock that the leader holds, and the channel to all. */
  readonly account: string;
  /** The lock of whoever is about to take the leader's away. */
  readonly thief: string;
  /** The lock that a tab holds as long as it lives. */
  readonly alive: (tab: string) => string;
  /** The channel that a tab listens to. */
  readonly tab: (tab: string) => string;
}

/** Whether `name` may tell clients of one account apart. @throws UsageError */
export function checkName(name: unknown): void {
  if (name === undefined || (typeof name === "string" && /^[\w.-]{1,64}$/.test(name))) return;
  throw new UsageError("ERR_INVALID_ARGUMENT", "name must be 1 to 64 letters, digits, dots, dashes or underscores");
}

/** Names of everything that belongs to `account` and `name`. */
export function tabNames(account: string, name: string): TabNames {
  const base = `sotto:${account}:${name}`;
  return { account: base, thief: `${base}:thief`, alive: (tab) => `sotto-tab:${tab}`, tab: (tab) => `${base}:${tab}` };
}

/** Open until closed. */
export class Channels {
  readonly #platform: Pick<TabPlatform, "channel">;
  readonly #names: TabNames;
  readonly #listener: (message: HubMessage) => void;
  readonly #all: TabChannel;
  readonly #own: TabChannel;
  readonly #others = new Map<string, TabChannel>();
  #closed = false;

  /** @param id the tab's own name */
  constructor(platform: Pick<TabPlatform, "channel">, names: TabNames, id: string, listener: (message: HubMessage) => void) {
    this.#platform = platform;
    this.#names = names;
    this.#listener = listener;
    this.#all = this.#open(names.account);
    this.#own = this.#open(names.tab(id));
  }

  /** To every other tab. */
  toAll(message: HubMessage): void {
    if (!this.#closed) this.#all.postMessage(message);
  }

  /** To one tab, in order. */
  to(tab: string, message: HubMessage): void {
    if (this.#closed) return;
    let channel = this.#others.get(tab);
    if (channel === undefined) {
      channel = this.#platform.channel(this.#names.tab(tab)); // what others say to that tab is not for us
      this.#others.set(tab, channel);
    }
    channel.postMessage(message);
  }

  /** To one tab that may be gone by now, or ask only once: nothing is kept for it. */
  once(tab: string, message: HubMessage): void {
    const known = this.#others.has(tab);
    this.to(tab, message);
    if (!known) this.forget(tab);
  }

  /** Hears now what others have said before: in Firefox a lock is quicker than a message that waits for its turn. */
  catchUp(): void {
    for (const channel of [this.#all, this.#own]) channel.catchUp?.();
  }

  /** Nothing more is to be said to `tab`. */
  forget(tab: string): void {
    this.#others.get(tab)?.close();
    this.#others.delete(tab);
  }

  /** Nothing more is to be said to any one tab. */
  forgetAll(): void {
    for (const channel of this.#others.values()) channel.close();
    this.#others.clear();
  }

  close(): void {
    this.#closed = true;
    this.forgetAll();
    for (const channel of [this.#all, this.#own]) channel.close();
  }

  #open(name: string): TabChannel {
    return this.#platform.channel(name, (message) => {
      try {
        if (!this.#closed && isHubMessage(message)) this.#listener(message);
      } catch {
        // The fields of a message are another build's: what cannot be read is not for us, and nobody would catch what is thrown here.
      }
    });
  }
}
