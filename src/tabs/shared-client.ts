/**
 * One account in all tabs of an origin: {@link createSharedClient}.
 * Not here: how tabs find each other (hub.ts), what the client of a tab does (facade.ts), workers (worker-client.ts).
 * @module
 */
import { UsageError } from "../base/errors.js";
import type { BareJid } from "../base/jid.js";
import { asSottoError } from "../client/errors.js";
import { checkLogin } from "../client/login-options.js";
import type { ClientOptions } from "../client/options.js";
import type { Client } from "../client/surface.js";
import type { Store } from "../session/ports.js";
import { guardedStore } from "../storage/guarded-store.js";
import { abortedBegin, beginClient } from "./begin.js";
import { checkName, tabNames } from "./channels.js";
import { openHost } from "./host.js";
import { Hub } from "./hub.js";
import { leaderStore } from "./leader-store.js";
import type { OpenHost } from "./link.js";
import { platformTabs, type TabPlatform } from "./platform.js";
import { ownedLock } from "./tab-locks.js";
import { withWishes } from "./wishes.js";

/**
 * Options of {@link createSharedClient}: those of `createClient`, given alike in every tab, but for the store. The tab that leads logs in, with its own
 * `password` unless some tab has called `setCredentials()`; that of a tab that joins is not tried.
 */
export interface SharedClientOptions extends Omit<ClientOptions, "store"> {
  /**
   * Opens the store of the account. Called by a tab that begins to lead, anew each time: the same place, such as the same IndexedDB database, named after
   * the address that it is given. That one is prepared: `Romeo@` and `romeo@` are one account.
   */
  readonly store: (account: BareJid) => Store;
  /** Tells several clients of one account apart, each with a store of its own. Default `"default"`. */
  readonly name?: string | undefined;
  /** Ends the wait for a client; without effect afterwards. A hidden tab beside a frozen one waits until somebody looks at it. */
  readonly signal?: AbortSignal | undefined;
  /** Locks, channels, visibility and time, for tests. @internal */
  readonly platform?: TabPlatform;
}

/**
 * A client that all tabs of the origin share: one of them holds the connection and the keys, the others work through it, and when it is closed,
 * crashes or is frozen another goes on. Resolves when somebody leads.
 * @throws UsageError for a wrong option, `ERR_ABORTED`; ClientError `ERR_NOT_SUPPORTED` without Web Locks or BroadcastChannel, `ERR_TAB_VERSION`; what
 *   `createClient` throws, if this tab is to lead
 */
export async function createSharedClient(options: SharedClientOptions): Promise<Client> {
  return openShared(options, openHost);
}

/** {@link createSharedClient} with another host, for tests. @internal */
export async function openShared(options: SharedClientOptions, open: OpenHost): Promise<Client> {
  return beginClient(await openHub(options, open), options.signal);
}

/** A hub that opens hosts with `options`. @param copied see {@link HubDeps.copied} @throws UsageError also `ERR_ABORTED`, ClientError `ERR_NOT_SUPPORTED` */
export async function openHub(options: SharedClientOptions, open: OpenHost, copied: boolean = false): Promise<Hub> {
  checkShared(options);
  const { store, name = "default", platform, signal, ...rest } = options;
  const { account } = checkLogin(rest); // here, where the call is, and not when this tab begins to lead
  if (signal?.aborted === true) throw abortedBegin(signal);
  const tabs = platform ?? platformTabs();
  const names = tabNames(account, name);
  const living = async (known: readonly string[]): Promise<readonly string[]> => {
    const locks = await tabs.locks.query();
    return known.filter((tab) => ownedLock(locks, names.alive(tab)) !== undefined);
  };
  return Hub.open({
    platform: tabs, copied, names,
    openHost: async (wishes, out, { holds, ended }) => {
      const watched = guardedStore(leaderStore(store(account), holds));
      const host = await open({ ...withWishes({ ...rest, store: watched }, wishes), living }, out);
      watched.onEnd((error) => { ended(asSottoError(error)); }); // after the client's own listener: what it says comes first
      return host;
    },
  });
}

function checkShared(options: SharedClientOptions): void {
  // Applications in JavaScript hand in anything.
  const given = options as Partial<SharedClientOptions> | null | undefined;
  if (typeof given !== "object" || given === null) throw new UsageError("ERR_INVALID_ARGUMENT", "a shared client needs options");
  if (typeof given.store !== "function") throw new UsageError("ERR_INVALID_ARGUMENT", "store must be a function that opens the store, such as (account) => indexedDbStore(account)");
  checkName(given.name);
}
