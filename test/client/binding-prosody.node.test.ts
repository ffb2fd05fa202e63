/** A real Prosody that refuses to bind for a while: the client comes back when it is over. Threats N17, Q03, Q19 (Node only). */
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SottoClient } from "../../src/index.js";
import { createClient } from "../../src/client/create-client.js";
import { memoryStore } from "../../src/storage/memory.js";
import { type Prosody, startProsody } from "../../scripts/lib/prosody.mjs";
import { services } from "../support/servers.js";

const account = "romeo@verona.example";
let server: Prosody;

beforeAll(async () => {
  server = await startProsody({ accounts: [["romeo", "pencil"]], extraConfig: 'conflict_resolve = "kick_new"' });
}, 60_000);
afterAll(async () => { await server.stop(); });

/** What becomes of the attempts of a client: the conditions of what was refused, else the kind of its status. */
function follow({ status }: SottoClient): readonly string[] {
  const told: string[] = [];
  const note = (): void => {
    const now = status.getSnapshot();
    told.push(now.kind === "waiting" && now.error.code === "ERR_BIND_FAILED" ? String(now.error.details["condition"]) : now.kind);
  };
  status.subscribe(note);
  note();
  return told;
}

const open = (resource: string): ReturnType<typeof createClient> => createClient({
  account, resource, password: "pencil", service: services(server).tcp, store: memoryStore(), tls: { ca: server.caPem },
});

test("N17 a server that cannot read the account's data at the moment is asked again", async () => {
  const folder = path.join(server.dir, "data", "verona%2eexample", "roster");
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "romeo.dat"), "return { -- the disk was full");
  const client = await open("balcony");
  const told = follow(client);
  try {
    await expect.poll(() => told, { timeout: 10_000 }).toContain("internal-server-error");
  } finally {
    await rm(path.join(folder, "romeo.dat"));
  }
  await client.ready({ signal: AbortSignal.timeout(20_000) });
  expect(told).not.toContain("stopped");
  await client.close();
}, 40_000);

test("Q03 a server that lets an old session of ours stand until its time is over is asked again", async () => {
  const first = await open("orchard");
  await first.ready();
  const second = await open("orchard");
  const told = follow(second);
  await expect.poll(() => told, { timeout: 10_000 }).toContain("conflict");
  await first.close();
  await second.ready({ signal: AbortSignal.timeout(20_000) });
  expect(told).not.toContain("stopped");
  await second.close();
}, 40_000);
