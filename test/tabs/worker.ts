/**
 * The whole worker of an application in worker mode. What it has to tell goes to the stage over HTTP: no debugging protocol listens here, and its page may
 * be frozen. That it leads is told when it has taken the store.
 * @module
 */
import { createDefaultProvider } from "../../src/crypto/default-provider-browser.js";
import type { Store } from "../../src/session/ports.js";
import { indexedDbStore } from "../../src/storage/indexeddb.js";
import { serveWorker } from "../../src/tabs/serve-worker.js";
import { recorded } from "./page-recorder.js";
import type { PageReport } from "./page.js";

/** On its way, if not there, even when this worker ends now. */
function tell(report: PageReport): void {
  fetch(`/report${location.search}`, { method: "POST", body: JSON.stringify(report), keepalive: true }).catch(() => undefined);
}

const at = (): number => performance.timeOrigin + performance.now();

function told(store: Store): Store {
  const [acquire, close] = [store.acquire.bind(store), store.close.bind(store)];
  const news: Pick<Store, "acquire" | "close"> = {
    acquire: async (confirm) => {
      const fence = await acquire(confirm);
      tell({ kind: "leads", at: at() });
      return fence;
    },
    close: async () => {
      tell({ kind: "led", at: at() });
      await close();
    },
  };
  return Object.assign(store, news);
}

serveWorker({ store: (account) => told(indexedDbStore(account)), provider: recorded(createDefaultProvider(), tell) });
