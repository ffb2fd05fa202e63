/** What an application hears of nodes on which its own device is published: threats T17. */
import { expect, onTestFinished, test } from "vitest";
import type { ClientEvent } from "../../../src/client/events.js";
import { createClientWith } from "../../../src/client/create-client.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { pubsubOwnerNamespace } from "../../../src/transport/xep/namespaces.js";
import { Life } from "../../simulation/life.js";
import { romeo, testWorld } from "../../support/facade-world.js";

test.each([
  ["shows its nodes to be readable by others: nothing", false, []],
  ["does not show how its nodes are: that others may not read them", true, ["bundle", "device-list"]],
] as const)("T17 of a server that %s is told", async (_, secretive, expected) => {
  const world = testWorld();
  const account = world.server.accounts.get(romeo);
  if (account === undefined) throw new RangeError("no account");
  const pubsub = account.pubsub.bind(account);
  account.pubsub = (request, ...rest) => (secretive && request.ns === pubsubOwnerNamespace ? { condition: "forbidden" } : pubsub(request, ...rest));
  const events: ClientEvent[] = [];
  const client = await createClientWith(
    { account: romeo, password: "secret", service: "wss://verona.example/ws", store: memoryStore() }, world.network(romeo, new Life()),
  );
  onTestFinished(() => client.close());
  client.onEvent((event) => { events.push(event); });
  await client.ready();
  expect(events.flatMap((event) => (event.kind === "not-readable-by-others" ? [event.content] : []))).toEqual(expected);
});
