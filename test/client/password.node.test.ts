/** A client whose application cannot give a password: it stops and says so (Node only). */
import { expect, test } from "vitest";
import { createClient, memoryStore } from "../../src/index.js";
import { hostileKit } from "../support/hostile-kit.js";
import { account, login } from "../support/xmpp-script.js";

const kit = hostileKit();

test("N17 a password callback that throws stops the client after one login; another password starts it again", async () => {
  const server = await kit.protectedServer(async (c) => { await login(c); await c.closed; });
  const client = await createClient({
    account, service: `xmpps://127.0.0.1:${String(server.port)}`, tls: { ca: kit.authority.ca }, store: memoryStore(),
    password: () => { throw new RangeError("hunter2"); },
  });
  await expect.poll(() => client.status.getSnapshot()).toMatchObject({ kind: "stopped", error: { code: "ERR_AUTH_PASSWORD_SOURCE", retryable: false } });
  expect(server.connections).toBe(1);
  client.setCredentials({ password: "pencil" });
  await expect.poll(() => server.connections).toBe(2);
  await client.close();
});
