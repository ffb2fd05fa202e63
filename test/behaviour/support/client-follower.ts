/**
 * The client of a tab that follows: two hubs in one page, of which the first leads and the application holds the second one's facade.
 * @module
 */
import type { Client, ClientOptions } from "../../../src/index.js";
import { createSharedClient } from "../../../src/tabs.js";
import { closingWith } from "./closing.js";

/** As createClient. A store that is given can only be opened by who leads. */
export async function openClient({ store, ...options }: ClientOptions): Promise<Client> {
  const name = crypto.randomUUID(); // clients of one account are devices of their own here, not tabs of one
  const shared = { ...options, name };
  const leader = await createSharedClient({ ...shared, store: opener(store) });
  const follower = await createSharedClient({ ...shared, store: () => { throw new Error("the second tab is not to lead"); } });
  return closingWith(follower, () => leader.close());
}

/** Nothing opens what is not there: that is the wrong option that it would be in createClient. */
const opener = (store: ClientOptions["store"] | undefined) => (store === undefined ? undefined : () => store) as () => ClientOptions["store"];
