/** Being hidden from somebody while a receipt or marker waits for him in the outbox. Threats V01, V03. @module */
import { expect, test } from "vitest";
import type { BareJid } from "../../../src/base/jid.js";
import { encodeReceipt } from "../../../src/transport/xep/xep0184.js";
import { encodeDisplayed } from "../../../src/transport/xep/xep0333.js";
import { juliet, romeo, testWorld } from "../../support/facade-world.js";

const settled = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 500); });

test.each(["unavailable", "available"] as const)("V01 V03 receipts and markers that wait for a stream leave only if the user may be seen by then (%s)", async (now) => {
  const world = testWorld();
  const client = await world.other(romeo);
  const told: (string | undefined)[] = [];
  const handle = world.server.handle.bind(world.server);
  world.server.handle = (session, stanza) => {
    if (stanza.name === "message") told.push(stanza.attrs["to"]);
    handle(session, stanza);
  };
  await client.disconnect();
  const { ledger, sender: { intake } } = client.core;
  for (const [content, purpose] of [[encodeReceipt("x"), "receipt"], [encodeDisplayed("x"), "marker"]] as const) {
    await ledger.run((tx) => intake.notify(tx, juliet, [content], { purpose, protection: "none" }));
  }
  if (now === "unavailable") await client.presence.set("unavailable");
  client.connect();
  await client.ready();
  const expected: readonly BareJid[] = now === "unavailable" ? [] : [juliet, juliet];
  await expect.poll(() => told).toHaveLength(expected.length);
  await settled(); // and nothing comes behind it
  expect([told, client.waiting]).toEqual([expected, 0]);
}, 20_000);
