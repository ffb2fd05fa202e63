/** The list of archived sessions names no session that is gone: threat R12. */
import { expect, test } from "vitest";
import { archivedSessionsMax } from "../../../src/base/limits.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { decodeDevice } from "../../../src/session/records/device-record.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { conversation, juliet, romeo, World } from "../../support/omemo-world.js";

test("R12 as many archived sessions are listed as are kept, however many there were", async () => {
  const { a, b } = await conversation(new World());
  const keys = new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2");
  for (let n = 0; n < archivedSessionsMax + 2; n++) {
    await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
    await b.open(romeo, await a.send(juliet, "anew"));
    await b.ledger.run((tx) => b.omemo.resetSession(tx, a.address));
    const listed = await b.ledger.run(async (tx) => decodeDevice(await tx.get(keys.device(a.address)) as Uint8Array).archived.length);
    expect(listed).toBe(Math.min(n + 2, archivedSessionsMax));
  }
}, 60_000);
