/**
 * A real ejabberd that bounces a message and archives it for the addressee all the same: his offline storage is full, which Debian's settings make of a
 * hundred messages. Threats Q01, F15 (Node only).
 */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bareJid } from "../../src/base/jid.js";
import { createClient } from "../../src/client/create-client.js";
import type { SottoClient } from "../../src/index.js";
import { type MemoryDisk, memoryDisk, memoryStore } from "../../src/storage/memory.js";
import { type Ejabberd, startEjabberd } from "../../scripts/lib/ejabberd.mjs";
import { services } from "../support/servers.js";
import { take } from "../support/take.js";

const romeo = bareJid("romeo@verona.example");
const juliet = bareJid("juliet@verona.example");
const offlineMax = 2;
let server: Ejabberd;

beforeAll(async () => {
  server = await startEjabberd({ accounts: [["romeo", "pencil"], ["juliet", "pencil"]] });
  const file = path.join(server.dir, "ejabberd.yml");
  const configuration = await readFile(file, "utf8");
  const limited = configuration.replace(/"max_user_offline_messages":\d+/, `"max_user_offline_messages":${offlineMax.toString()}`);
  expect(limited).not.toBe(configuration);
  await writeFile(file, limited);
  await server.restart();
}, 60_000);
afterAll(() => server.stop());

const soon = (): AbortSignal => AbortSignal.timeout(20_000);

async function login(account: typeof romeo, disk: MemoryDisk): Promise<SottoClient> {
  const client = await createClient({ account, password: "pencil", service: services(server).tcp, store: memoryStore(disk), tls: { ca: server.caPem } });
  await client.ready({ signal: soon() });
  return client;
}

test("Q01 what ejabberd says did not arrive, and keeps for the addressee, is delivered once he has read it", async () => {
  const disk = memoryDisk();
  const sender = await login(romeo, memoryDisk());
  const reader = await login(juliet, disk);
  const heard = take(sender.messages({ signal: soon() }), 1);
  reader.conversation(romeo).send({ text: "Good night, good night!" }); // so that receipts go to him
  await heard;
  await reader.close();

  const texts = ["1", "2", "3", "4"];
  for (const text of texts) await sender.conversation(juliet).send({ text }).reached("stored");
  const states = async (): Promise<Record<string, string | undefined>> =>
    Object.fromEntries((await sender.conversation(juliet).history()).flatMap(({ text, delivery }) => (texts.includes(text) ? [[text, delivery?.state]] : [])));
  const bounced = Object.fromEntries(texts.map((text, i) => [text, i < offlineMax ? "sent" : "failed"]));
  await expect.poll(states).toEqual(bounced);

  const again = await login(juliet, disk);
  expect((await again.conversation(romeo).history()).map(({ text }) => text)).toEqual(expect.arrayContaining(texts));
  await expect.poll(states).toEqual(Object.fromEntries(texts.map((text) => [text, "delivered"])));
  await Promise.all([again.close(), sender.close()]);
}, 60_000);
