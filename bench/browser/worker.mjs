/** The worker of the measured page. @module */
import { indexedDbStore } from "sotto/storage/indexeddb";
import { serveWorker } from "sotto/tabs";

serveWorker({ store: () => indexedDbStore("worker") });
