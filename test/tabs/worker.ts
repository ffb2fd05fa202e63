/** The whole worker of an application in worker mode. @module */
import { indexedDbStore } from "../../src/storage/indexeddb.js";
import { serveWorker } from "../../src/tabs/serve-worker.js";

serveWorker({ store: (account) => indexedDbStore(account) });
