/** Deleting what the application asks for: what does it is loaded then. Not here: how (retention.ts). @module */
import type { Core } from "../core.js";
import { loaded } from "../errors.js";
import type * as Retention from "./retention.js";

/** @throws ClientError `ERR_NOT_LOADED`; what `work` throws */
export async function deleting<T>({ ledger, log, storage }: Core, work: (how: typeof Retention, ...on: [Core["ledger"], Core["log"]]) => Promise<T>): Promise<T> {
  const done = await work(await loaded(import("./retention.js")), ledger, log);
  await storage.deleted();
  return done;
}
