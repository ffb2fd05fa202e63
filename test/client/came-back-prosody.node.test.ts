/** A real Prosody that keeps for a client what comes back after it has gone. Threats Q01, F15 (Node only). */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { XmlElement } from "../../src/base/xml.js";
import { xml } from "../../src/base/xml.js";
import { createClient } from "../../src/client/create-client.js";
import { memoryDisk, memoryStore } from "../../src/storage/memory.js";
import { type Prosody, startProsody } from "../../scripts/lib/prosody.mjs";
import { Component, componentNamespace, stanza } from "../support/component.js";
import { services } from "../support/servers.js";

const account = "romeo@verona.example";
const mantua = "mantua.example";
let server: Prosody;
let component: Component;
const taken: XmlElement[] = [];

beforeAll(async () => {
  server = await startProsody({ accounts: [["romeo", "pencil"]], components: [{ domain: mantua, secret: "secret" }] });
  component = await Component.connect({ port: server.ports.component ?? 0, domain: mantua, secret: "secret", script: { onMessage: (message) => { taken.push(message); } } });
}, 60_000);
afterAll(async () => {
  await component.close();
  await server.stop();
});

test("Q01 a message that comes back when its sender has left is told as failed when he is there again", async () => {
  const disk = memoryDisk();
  const login = (): ReturnType<typeof createClient> => createClient({ account, password: "pencil", service: services(server).tcp, store: memoryStore(disk), tls: { ca: server.caPem } });
  const first = await login();
  await first.conversation(`balthasar@${mantua}`).sendUnencrypted({ text: "Will you come?" }).reached("sent", { signal: AbortSignal.timeout(20_000) });
  await first.close();
  await expect.poll(() => taken.length).toBe(1);
  const { id, from, to } = taken[0]?.attrs ?? {};
  component.send(stanza("message", { type: "error", id, from: to, to: from },
    xml(componentNamespace, "error", { type: "cancel" }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "item-not-found"))));
  // The answer comes behind it: by then it is in the archive.
  component.send(stanza("iq", { type: "get", id: "behind", from: mantua, to: server.domain }, xml("urn:xmpp:ping", "ping")));
  await component.until(({ attrs }) => attrs["id"] === "behind");

  const second = await login();
  await second.ready({ signal: AbortSignal.timeout(20_000) });
  const [message] = await second.conversation(`balthasar@${mantua}`).history();
  expect(message).toMatchObject({ text: "Will you come?", delivery: { state: "failed" } });
  await second.close();
}, 60_000);
