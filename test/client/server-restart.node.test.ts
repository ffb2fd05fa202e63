/** The server is ended and comes back, with what it knew and without. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";

import { createClient } from "../../src/client/create-client.js";
import type { SottoClient } from "../../src/index.js";
import { memoryStore } from "../../src/storage/memory.js";
import { type Prosody, startProsody } from "../../scripts/lib/prosody.mjs";
import { password } from "../support/prosody.js";
import { take } from "../support/take.js";

const patient = (): AbortSignal => AbortSignal.timeout(90_000);
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** One address for one server after the other. */
class Door {
  target: Prosody | undefined;
  readonly #sockets = new Set<net.Socket>();
  readonly #server: net.Server = net.createServer((inside) => {
    if (this.target === undefined) {
      inside.destroy();
      return;
    }
    const outside = net.connect(this.target.ports.c2s, "127.0.0.1");
    for (const [one, other] of [[inside, outside], [outside, inside]] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => { other.destroy(); this.#sockets.delete(one); });
    }
  });

  async open(): Promise<number> {
    await new Promise<void>((resolve) => { this.#server.listen(0, "127.0.0.1", resolve); });
    return (this.#server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => { this.#server.close(resolve); });
  }
}

async function scene(): Promise<{ door: Door; start: (dir: string) => Promise<Prosody>; client: (user: string) => Promise<SottoClient>; directory: () => string }> {
  const door = new Door();
  const port = await door.open();
  cleanUps.push(() => door.close());
  let ca = "";
  const start = async (dir: string): Promise<Prosody> => {
    const server = await startProsody({ dir, accounts: [["romeo", password], ["juliet", password]] });
    ca = server.caPem;
    door.target = server;
    cleanUps.push(() => server.stop());
    return server;
  };
  return {
    door, start,
    directory: () => {
      const dir = mkdtempSync(path.join(os.tmpdir(), "sotto-restart-"));
      cleanUps.push(() => { rmSync(dir, { recursive: true, force: true }); });
      return dir;
    },
    client: async (user) => {
      const client = await createClient({ account: `${user}@verona.example`, password, service: `xmpp://127.0.0.1:${port.toString()}`, store: memoryStore(), tls: { ca } });
      cleanUps.push(() => client.close());
      await client.ready({ signal: patient() });
      return client;
    },
  };
}

test("Q19 a server that was ended and comes back with its state: what was sent meanwhile arrives once, in order", async () => {
  const { start, client, directory, door } = await scene();
  const dir = directory();
  const first = await start(dir);
  const [romeo, juliet] = [await client("romeo"), await client("juliet")];
  const heard = juliet.messages({ signal: patient() });
  const conversation = romeo.conversation(juliet.device.jid);
  await conversation.send({ text: "before" }).reached("sent", { signal: patient() });
  door.target = undefined;
  await first.stop();
  const handles = ["one", "two", "three"].map((text) => conversation.send({ text }));
  await Promise.all(handles.map((handle) => handle.reached("stored", { signal: patient() })));
  await start(dir);
  romeo.connect();
  juliet.connect();
  await Promise.all(handles.map((handle) => handle.reached("sent", { signal: patient() })));
  await conversation.send({ text: "after" }).reached("sent", { signal: patient() });
  expect((await take(heard, 5)).map(({ text }) => text)).toEqual(["before", "one", "two", "three", "after"]);
});

test("Q19 a server that comes back without its state: devices and bundles are published anew, and the conversation goes on", async () => {
  const { start, client, directory, door } = await scene();
  const dir = directory();
  const first = await start(dir);
  const [romeo, juliet] = [await client("romeo"), await client("juliet")];
  const heard = juliet.messages({ signal: patient() });
  const conversation = romeo.conversation(juliet.device.jid);
  await conversation.send({ text: "before" }).reached("sent", { signal: patient() });
  expect((await take(heard, 1)).map(({ text }) => text)).toEqual(["before"]);
  const { deviceId } = romeo.device;
  door.target = undefined;
  await first.stop();
  const waiting = conversation.send({ text: "meanwhile" });
  await waiting.reached("stored", { signal: patient() });
  const empty = directory();
  for (const name of ["ca.crt", "server.crt", "server.key"]) cpSync(path.join(dir, name), path.join(empty, name)); // it is who it was
  await start(empty);
  romeo.connect();
  juliet.connect();
  await juliet.ready({ signal: patient() });
  await waiting.reached("sent", { signal: patient() });
  await conversation.send({ text: "after" }).reached("sent", { signal: patient() });
  expect((await take(heard, 2)).map(({ text }) => text)).toEqual(["meanwhile", "after"]);
  expect(romeo.device.deviceId).toBe(deviceId); // an empty server is no sign of a rollback
  const active = await romeo.devices(juliet.device.jid);
  expect(active.map(({ device }) => device.deviceId)).toEqual([juliet.device.deviceId]);
});
