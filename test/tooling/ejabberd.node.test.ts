/** The launcher of ejabberd: as the one of Prosody, it leaves nothing behind, and it starts no port mapper. */
import { access } from "node:fs/promises";
import net from "node:net";
import { expect, test } from "vitest";
import { startEjabberd } from "../../scripts/lib/ejabberd.mjs";
import { Component } from "../support/component.js";

const accepts = (port: number): Promise<boolean> => new Promise((resolve) => {
  const socket = net.connect(port, "127.0.0.1", () => { socket.destroy(); resolve(true); });
  socket.once("error", () => { resolve(false); });
});
const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false);
const epmdPort = 4369;

test("an ejabberd starts, takes accounts, comes back on its ports, stops twice without complaint and leaves neither files nor a port mapper", async () => {
  const mapperBefore = await accepts(epmdPort);
  const server = await startEjabberd({ accounts: [["romeo", "one"]] });
  try {
    await server.register("romeo", "two"); // sets the password
    await server.registerAll(["juliet", "nurse"], "three");
    await expect(server.registerAll(["juliet\u0000"], "three")).rejects.toThrow("ejabberd did not register");
    expect(await accepts(epmdPort)).toBe(mapperBefore);
    await server.restart();
    for (const port of Object.values(server.ports)) expect(await accepts(port)).toBe(true);
  } finally {
    await server.stop();
  }
  await server.stop();
  expect(await exists(server.dir)).toBe(false);
  for (const port of Object.values(server.ports)) expect(await accepts(port)).toBe(false);
});

test("domains for programs of their own: each is let in with its secret on one port, after a restart too, and nobody with another", async () => {
  const [one, two] = [{ domain: "one.verona.example", secret: "first" }, { domain: "two.verona.example", secret: "second \"'\\ secret" }];
  const server = await startEjabberd({ components: [one, two] });
  try {
    const port = server.ports.component ?? 0;
    for (let round = 0; round < 2; round++) {
      const connected = await Promise.all([one, two].map((each) => Component.connect({ port, ...each, script: {} })));
      await expect(Component.connect({ port, domain: one.domain, secret: two.secret, script: {} })).rejects.toBeInstanceOf(Error);
      await Promise.all(connected.map((component) => component.close()));
      if (round === 0) await server.restart();
    }
  } finally {
    await server.stop();
  }
});
