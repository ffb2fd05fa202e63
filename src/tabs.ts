/**
 * One account in many tabs, and off the main thread. Entry `sotto/tabs`.
 * @module
 */
export { createSharedClient } from "./tabs/shared-client.js";
export type { SharedClientOptions } from "./tabs/shared-client.js";
export { createWorkerClient } from "./tabs/worker-client.js";
export type { WorkerClientOptions } from "./tabs/worker-client.js";
export { serveWorker } from "./tabs/serve-worker.js";
export type { ServeWorkerOptions, WorkerScope } from "./tabs/serve-worker.js";
export type { PageWorker, TravellingOptions } from "./tabs/worker-messages.js";
