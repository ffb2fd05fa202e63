/** The launcher of ejabberd: as the one of Prosody, it leaves nothing behind, and it starts no port mapper. */
import { access } from "node:fs/promises";
import net from "node:net";
import { expect, test } from "vitest";
import { startEjabberd } from "../../scripts/lib/ejabberd.mjs";

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
