/** The worker of client-worker.ts. @module */
import { verifiedOnly } from "../../../src/index.js";
import { indexedDbStore } from "../../../src/storage-indexeddb.js";
import { serveWorker } from "../../../src/tabs.js";
import type { Order } from "./client-worker.js";
import { memoryAt } from "./disk.js";

addEventListener("message", ({ data: { place, trust }, ports: [scope] }: MessageEvent<Order>) => {
  if (scope === undefined) return;
  serveWorker({
    store: () => (place.startsWith("memory ") ? memoryAt(place) : indexedDbStore(place)), scope, ...(trust === "verified-only" ? { trust: verifiedOnly } : {}),
  });
  scope.start();
});
