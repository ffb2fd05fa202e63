/** What the server was told of who looks, over a resumption on a real server (XEP-0352). */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ClientStatus } from "../../src/index.js";
import { memoryDisk, memoryStore } from "../../src/storage/memory.js";
import { FaultProxy } from "../faults/fault-proxy.js";
import { type Stage, stage } from "../support/prosody.js";

let verona: Stage;
let proxy: FaultProxy;
beforeAll(async () => {
  verona = await stage();
  proxy = await FaultProxy.start({ host: verona.server.host, port: verona.server.ports.c2s });
});
afterAll(async () => {
  await verona.end();
  await proxy.close();
});

const soon = (): AbortSignal => AbortSignal.timeout(30_000);

// As a page does that is reloaded: it says that nobody looks, is gone, and comes back at once. Prosody goes on with "inactive", and holds even answers back.
test("who resumes the stream of a client that nobody looked at gets answers from the first one on, before it is online and afterwards", async () => {
  const [romeo, juliet] = [await verona.account("romeo"), await verona.account("juliet")];
  const service = `xmpp://127.0.0.1:${proxy.port.toString()}`;
  const disk = memoryDisk();
  const before = await verona.client(romeo, { store: memoryStore(disk), service });
  const friend = await verona.client(juliet);
  await Promise.all([before, friend].map((client) => client.ready({ signal: soon() })));
  before.setActive(false);
  const arrived = new Promise<void>((resolve) => { before.onEvent(({ kind }) => { if (kind === "message") resolve(); }); });
  await friend.conversation(romeo).send({ text: "look out at the window" }).reached("sent", { signal: soon() });
  await arrived;
  const after = await verona.client(romeo, { store: memoryStore(disk), service, autoConnect: false }); // takes the store over: the former one does not come back
  proxy.cutNow();
  const seen: ClientStatus["kind"][] = [];
  after.status.subscribe(() => seen.push(after.status.getSnapshot().kind));
  proxy.delayMs = 300; // so that it is not online yet when Prosody would begin to hold back, after 5 s
  after.connect();
  await after.ready({ signal: AbortSignal.timeout(60_000) });
  proxy.delayMs = 0;
  expect(seen).not.toContain("waiting");
  const heard = new Promise<void>((resolve) => { after.onEvent((event) => { if (event.kind === "message" && event.message.text === "I come, anon") resolve(); }); });
  await friend.conversation(romeo).send({ text: "I come, anon" }).reached("sent", { signal: soon() });
  await heard;
});
