/** Several endpoints over real sockets: one that is half dead does not keep a client from the next. */
import net from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { header } from "../support/xmpp-script.js";
import { type Stage, stage } from "../support/prosody.js";

let verona: Stage;
beforeAll(async () => { verona = await stage(); });
afterAll(async () => { await verona.end(); });

const servers: net.Server[] = [];
afterEach(() => { for (const server of servers.splice(0)) server.close(); });

const systemShutdown = "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";

/** A TCP endpoint that takes every connection and says what `answer` is. */
async function halfDead(answer: string): Promise<{ readonly service: string; readonly accepted: () => number }> {
  let accepted = 0;
  const server = net.createServer((socket) => {
    accepted += 1;
    socket.on("error", () => undefined); // the client may be gone first
    if (answer === "") socket.end();
    else socket.once("data", () => { socket.end(answer); });
  });
  servers.push(server);
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  return { service: `xmpp://127.0.0.1:${String((server.address() as net.AddressInfo).port)}`, accepted: () => accepted };
}

test.each([
  ["accepts and closes", ""],
  ["closes behind its header", `${header()}</stream:stream>`],
  ["answers system-shutdown", `${header()}${systemShutdown}`],
])("an endpoint that %s is left for the next one at once", async (_, answer) => {
  const dead = await halfDead(answer);
  const client = await verona.client(await verona.account("romeo"), { service: [dead.service, verona.tcp] });
  const told: string[] = [];
  client.status.subscribe(() => { told.push(client.status.getSnapshot().kind); });
  await client.ready({ signal: AbortSignal.timeout(30_000) });
  expect(dead.accepted()).toBe(1);
  expect(told).not.toContain("waiting");
});
