/** Clients that leave something to close behind. @module */
import type { Client } from "../../../src/index.js";

/** `client`, whose end is also `more`. */
export function closingWith(client: Client, more: () => Promise<void>): Client {
  const close = client.close.bind(client);
  let closed: Promise<void> | undefined;
  const both = (): Promise<void> => closed ??= close().then(more);
  return Object.assign(client, { close: both, [Symbol.asyncDispose]: both });
}
