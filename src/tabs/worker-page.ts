/**
 * What worker mode needs of the page's platform, injected so that tests own it, and how the page tells its worker that both are about to be frozen.
 * A worker gets no such event: in the midst of a transaction it would keep all other tabs from the database, in Chromium for a minute. So its page
 * says it, and holds its own thread for a moment, for the worker is stopped as soon as the page's listeners are through.
 * Spec: Page Lifecycle (WICG), `freeze` and `resume`; Web Workers (HTML).
 * Not here: what a store does with it (storage/page-freeze.ts), how the worker passes it on (serve-worker.ts).
 * @module
 */
import type { Unsubscribe } from "../base/events.js";
import { workerFreezeHoldMs } from "../base/limits.js";
import type { FreezableDocument } from "../storage/page-freeze.js";
import { platformAuthority, type StorageAuthority } from "../storage/persistence.js";
import { platformTabs, type TabPlatform } from "./platform.js";
import type { PageWorker, WorkerNotice } from "./worker-messages.js";

/** Everything a page with a worker needs from outside. @internal */
export interface PagePlatform extends Pick<TabPlatform, "locks" | "visibility" | "clock"> {
  /** Who tells of a freeze; nobody where a client is made in a worker. */
  readonly lifecycle: FreezableDocument | undefined;
  /** Keeps the thread for as long, so that nothing else of this page runs. */
  readonly hold: (ms: number) => void;
  /** Whom to ask not to delete the store. */
  readonly authority: StorageAuthority | undefined;
}

/** The platform's own. @throws ClientError `ERR_NOT_SUPPORTED`, see {@link platformTabs} */
export function platformPage(): PagePlatform {
  const { locks, visibility, clock } = platformTabs();
  return {
    locks, visibility, clock,
    lifecycle: (globalThis as { readonly document?: FreezableDocument }).document,
    hold: (ms) => {
      const end = clock.monotonic() + ms;
      while (clock.monotonic() < end) continue; // nothing in a browser lets a page wait otherwise
    },
    authority: platformAuthority(),
  };
}

/**
 * Tells `worker` when the page is frozen and when it runs again. To the worker itself and not over a port: a port's messages take a way through
 * another thread, and would come too late. The page is hidden when it is frozen: that it stands still for a moment more is seen by nobody.
 */
export function tellFreezes(worker: PageWorker, { lifecycle, hold }: Pick<PagePlatform, "lifecycle" | "hold">): Unsubscribe {
  const onFreeze = (): void => {
    worker.postMessage({ sotto: "freeze" } satisfies WorkerNotice, []);
    hold(workerFreezeHoldMs);
  };
  const onResume = (): void => { worker.postMessage({ sotto: "resume" } satisfies WorkerNotice, []); };
  lifecycle?.addEventListener("freeze", onFreeze);
  lifecycle?.addEventListener("resume", onResume);
  return () => {
    lifecycle?.removeEventListener("freeze", onFreeze);
    lifecycle?.removeEventListener("resume", onResume);
  };
}
