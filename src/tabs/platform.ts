/**
 * What tabs need of their platform, injected so that tests own it: locks, channels, whether somebody looks, time, randomness.
 * Spec: Web Locks (W3C), BroadcastChannel and page visibility (HTML).
 * Not here: what is done with them (election.ts, channels.ts, hub.ts).
 * @module
 */
import { type Clock, systemClock } from "../base/clock.js";
import type { Unsubscribe } from "../base/events.js";
import { type Rng, systemRng } from "../base/rng.js";
import { ClientError } from "../client/errors.js";

/** One lock in a snapshot of {@link TabLocks.query}. @internal */
export interface HeldLock {
  readonly name?: string | undefined;
  /** The tab or worker that holds it. */
  readonly clientId?: string | undefined;
  /** `"shared"`: somebody has waited for its owner's end. */
  readonly mode?: "exclusive" | "shared" | undefined;
}

/** The part of `navigator.locks` that is used; locks are exclusive unless `mode` says otherwise. @internal */
export interface TabLocks {
  /** Runs `callback` while the lock `name` is held. */
  request<T>(
    name: string,
    options: { readonly mode?: "shared"; readonly signal?: AbortSignal; readonly steal?: boolean; readonly ifAvailable?: boolean },
    callback: (lock: object | null) => Promise<T>,
  ): Promise<T>;
  /** Who holds what. */
  query(): Promise<{ readonly held?: readonly HeldLock[] | undefined }>;
}

/** A channel to all who opened one of the same name: in order per sender, not to the sender itself. @internal */
export interface TabChannel {
  /** To all others. */
  postMessage(message: unknown): void;
  /** Hands the listener in this turn what has arrived before it and waits for one of its own. */
  readonly catchUp?: () => void;
  /** Nothing is heard any more. */
  close(): void;
}

/** Whether somebody can see this tab. @internal */
export interface TabVisibility {
  /** At present. */
  isVisible(): boolean;
  /** Calls `listener` when that may have changed. */
  onChange(listener: () => void): Unsubscribe;
}

/** Everything tabs need from outside. @internal */
export interface TabPlatform {
  readonly locks: TabLocks;
  /** Opens a channel; `listener` gets what others post. Without one it is only there to post. */
  readonly channel: (name: string, listener?: (message: unknown) => void) => TabChannel;
  readonly visibility: TabVisibility;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** The names that a browser may have, or a worker, or Node. */
interface Globals {
  readonly navigator?: { readonly locks?: TabLocks };
  readonly BroadcastChannel?: typeof BroadcastChannel;
  readonly document?: Document;
}

/**
 * The platform's own.
 * @param visibility of a worker: the page's, as it is told
 * @throws ClientError `ERR_NOT_SUPPORTED` where Web Locks or BroadcastChannel are missing, as on pages without HTTPS
 */
export function platformTabs(visibility?: TabVisibility): TabPlatform {
  const { navigator, BroadcastChannel: Channel, document } = globalThis as Globals;
  const locks = navigator?.locks;
  if (locks === undefined) throw missing("Web Locks");
  if (Channel === undefined) throw missing("BroadcastChannel");
  return {
    locks,
    channel: (name, listener) => (listener === undefined ? new Channel(name) : whileRunning(new Channel(name), listener)),
    visibility: visibility ?? visibilityOf(document),
    clock: systemClock,
    rng: systemRng(),
  };
}

/** Messages that a frozen page keeps. The oldest go first: a frame that is missing is noticed, and whoever leads is asked again (frame-count.ts, leader-watch.ts). */
export const keptMessagesMax: number = 10_000;

/**
 * Chromium hands messages of a BroadcastChannel to frozen pages too, but no results of their transactions: one that was opened for such a message
 * would keep everybody else from the database for a minute. Messages of a MessageChannel wait until the page runs again, so one rings for each that
 * is kept.
 */
function whileRunning(channel: BroadcastChannel, listener: (message: unknown) => void): TabChannel {
  const waiting: MessageEvent<unknown>[] = [];
  const { port1, port2 } = new MessageChannel();
  const hearNext = (): boolean => {
    const event = waiting.shift();
    if (event !== undefined) listener(event.data);
    return event !== undefined;
  };
  port1.onmessage = hearNext;
  channel.onmessage = (event: MessageEvent<unknown>) => {
    waiting.push(event);
    if (waiting.length > keptMessagesMax) waiting.shift();
    else port2.postMessage(undefined);
  };
  return {
    postMessage: (message) => { channel.postMessage(message); },
    catchUp: () => { while (hearNext()) continue; },
    close: () => {
      channel.close();
      port1.close();
    },
  };
}

/** @param document of a page; without one nobody could look away, so it counts as seen */
function visibilityOf(document: Document | undefined): TabVisibility {
  return {
    isVisible: () => document === undefined || document.visibilityState === "visible",
    onChange: (listener) => {
      document?.addEventListener("visibilitychange", listener);
      return () => { document?.removeEventListener("visibilitychange", listener); };
    },
  };
}

/** The error of a platform that has them and refuses their use. */
export function refusedTabs(cause: unknown): ClientError {
  return new ClientError("ERR_NOT_SUPPORTED", "the platform refuses Web Locks or BroadcastChannel, as in a sandboxed frame or with storage blocked", { cause });
}

function missing(what: string): ClientError {
  return new ClientError("ERR_NOT_SUPPORTED", `${what}: this platform has none, or only on pages served over HTTPS`, { details: { missing: what } });
}
