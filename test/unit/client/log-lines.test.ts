/** What a logger is told: threats H01. @module */
import { expect, test } from "vitest";
import type { Logger, LogSafe } from "../../../src/base/logger.js";
import { systemRng } from "../../../src/base/rng.js";
import { createClient } from "../../../src/client/create-client.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { Ledger } from "../../../src/session/ledger.js";
import { Omemo } from "../../../src/session/omemo.js";
import { blindTrustBeforeVerification } from "../../../src/session/trust/blind-trust.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { sceEnvelopeCodec } from "../../../src/transport/xep/xep0420.js";
import { juliet, romeo, World } from "../../support/omemo-world.js";

interface Line { readonly event: string; readonly fields: Readonly<Record<string, LogSafe>> | undefined }

function listening(): { readonly lines: Line[]; readonly logger: Logger } {
  const lines: Line[] = [];
  return { lines, logger: (...[event, fields]) => { lines.push({ event, fields }); } };
}

const secret = "hunter2";

test("H01 a log line is a fixed name with numbers and flags: neither what a listener threw nor what it was told is in it", async () => {
  const { lines, logger } = listening();
  const client = await createClient({
    account: "romeo@verona.example", password: secret, service: "wss://verona.example/ws", store: memoryStore(), autoConnect: false, logger,
  });
  let thrown: unknown = new RangeError(secret);
  client.onEvent(() => { throw thrown; });
  for (const next of [new RangeError(secret), secret, { secret }, undefined]) {
    thrown = next;
    const handle = client.conversation("juliet@verona.example").send({ text: secret });
    await handle.reached("stored");
    await handle.cancel(); // an event: a message that failed
  }
  await client.close();
  expect(lines.length).toBeGreaterThanOrEqual(4);
  for (const { event, fields } of lines) {
    expect(["client.listener-failed", "omemo.listener-failed"]).toContain(event);
    for (const value of Object.values(fields ?? {})) expect(["number", "boolean"]).toContain(typeof value);
  }
  expect(JSON.stringify(lines)).not.toMatch(/hunter2|romeo|juliet|verona/);
});

test("H01 the encryption alone logs as little", async () => {
  const { lines, logger } = listening();
  const world = new World();
  const sender = await world.device(romeo);
  const store = memoryStore();
  const ledger = new Ledger(store, await store.acquire());
  const omemo = await Omemo.open({
    account: juliet, ledger, provider: nobleProvider, rng: systemRng(), clock: world.clock, directory: world.server.directoryOf(juliet),
    codec: sceEnvelopeCodec, trust: blindTrustBeforeVerification, logger,
  });
  await omemo.announce();
  omemo.events.subscribe(() => { throw new RangeError(secret); });
  const message = await sender.send(juliet, secret);
  await ledger.run((tx) => omemo.open(tx, { sender: romeo, message, context: { kind: "chat" } })); // an event: a new identity
  expect(lines).toEqual([{ event: "omemo.listener-failed", fields: undefined }]);
});

test("H01 text has no type that a log line takes", () => {
  const { lines, logger } = listening();
  logger("client.listener-failed", { count: 1, known: true });
  // @ts-expect-error a text may hold anything
  logger("client.listener-failed", { text: secret });
  // @ts-expect-error so may an error
  logger("client.listener-failed", { error: new RangeError(secret) });
  expect(lines).toHaveLength(3);
});
