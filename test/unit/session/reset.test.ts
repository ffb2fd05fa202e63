/** Beginning anew with a device on request: threats R22, R08. @module */
import { expect, test } from "vitest";
import { createClientWith } from "../../../src/client/create-client.js";
import { onlineSource, type OnlineSource } from "../../../src/client/core.js";
import type { FollowUp } from "../../../src/session/outcome.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";
import { conversation, juliet, romeo, textOfOutcome, World } from "../../support/omemo-world.js";

test("R22 R08 an empty message after a reset is enough to make a chain readable again of which too much was lost", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  await b.ledger.run(async (tx) => { for (let n = 0; n <= 1_001; n++) await b.omemo.sealEmpty(tx, a.address); });
  expect(textOfOutcome(await a.open(juliet, await b.send(romeo, "can you read this?")))).toBe("failed ERR_RATCHET_TOO_MANY_SKIPPED");
  await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
  expect((await b.open(romeo, await a.sendEmpty(b.address))).kind).toBe("empty");
  expect(textOfOutcome(await a.open(juliet, await b.send(romeo, "and this?")))).toBe("and this?");
});

test("R22 a reset asks for an empty message at once, where there was a session, and for none where there was not", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const asked: FollowUp[] = [];
  const source: OnlineSource = async () => {
    const half = await onlineSource();
    return { ...half, openOnline: (offline) => ({ ...half.openOnline(offline), followUp: (each) => { asked.push(each); } }) };
  };
  const client = await createClientWith(
    { account: romeo, password: "secret", service: "wss://example.org/ws", store: memoryStore(a.disk), autoConnect: false },
    { onlineSource: source, connector: () => Promise.reject(new TransportError("ERR_AUTH_REJECTED", "wrong password")) },
  );
  await expect(client.resetSession("not an address", b.id)).rejects.toMatchObject({ code: "ERR_INVALID_JID" });
  client.connect();
  await expect(client.ready()).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED" });
  await client.resetSession(juliet, 4711);
  await client.resetSession(juliet, -1);
  expect(asked).toEqual([]);
  await client.resetSession(juliet, b.id);
  expect(asked).toEqual([{ kind: "send-empty", device: b.address, reason: "no-session", needsPlan: true }]);
  await client.resetSession(juliet, b.id);
  expect(asked).toHaveLength(1);
  await client.close();
});
