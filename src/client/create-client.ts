/** How a client comes about: options checked, store opened, parts wired. Not here: what it does then (client.ts), how parts are wired (core.ts). @module */
import { SottoClient } from "./client.js";
import { onlineSource, openCore, type Replacements } from "./core.js";
import { checkOptions, type ClientOptions } from "./options.js";

/**
 * Opens the store and takes it over; resolves when that is done, online or not. Connecting goes on behind it: see
 * {@link SottoClient.status} and {@link SottoClient.ready}. The store belongs to the client from here on and closes with it.
 * @throws UsageError for a wrong option, StorageError if the store cannot be opened; ClientError `ERR_STORE_FOREIGN_ACCOUNT` if it belongs to another
 *   account, `ERR_NOT_LOADED` (retryable) if what it needs of Sotto does not come, `ERR_RECORD_INVALID` if the identity of this device cannot be read: it
 *   cannot be made again, only a new device in an empty store can. Other damage is told as events.
 */
export function createClient(options: ClientOptions): Promise<SottoClient> {
  return createClientWith(options);
}

/** {@link createClient} with other parts: tests put a simulated server here. @internal */
export async function createClientWith(options: ClientOptions, replaced: Replacements = {}): Promise<SottoClient> {
  const checked = checkOptions(options);
  // Fetched while the store is opened and keys are made. If that fails, connecting tries again, and tells.
  if (checked.autoConnect) (replaced.onlineSource ?? onlineSource)().catch(() => undefined);
  const core = await openCore(checked, replaced);
  // A policy can be read back from the start. Without a stream nothing depends on it: if it cannot be loaded, connecting tries again, and tells.
  if (core.hasPolicy) await core.presence.openPolicy().catch(() => undefined);
  const client = new SottoClient(core);
  if (checked.autoConnect) client.connect();
  return client;
}
