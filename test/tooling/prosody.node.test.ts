/** The launcher of private servers: nothing may be left behind, however the program ends that started them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { startProsody } from "../../scripts/lib/prosody.mjs";

const launcher = fileURLToPath(new URL("../../scripts/lib/prosody.mjs", import.meta.url));

/** Starts a server, tells where it is, then lives until it is killed. */
const program = `
import { startProsody } from ${JSON.stringify(launcher)};
const server = await startProsody();
console.log(JSON.stringify({ dir: server.dir, port: server.ports.c2s }));
setInterval(() => undefined, 1000);
`;

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => { socket.destroy(); resolve(true); });
    socket.once("error", () => { resolve(false); });
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}

/** Looks until the server and its directory are gone. The runner's own limit ends a test that waits in vain. */
async function untilGone(where: { readonly dir: string; readonly port: number }): Promise<void> {
  while ((await exists(where.dir)) || (await accepts(where.port))) await delay(20);
}

test.each(["SIGKILL", "SIGTERM", "SIGINT"] as const)("after %s to the program that started it, the server and its directory are gone", async (signal) => {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const where = JSON.parse(line.toString()) as { dir: string; port: number };
  expect(await exists(where.dir)).toBe(true);
  expect(await accepts(where.port)).toBe(true);
  child.kill(signal);
  await untilGone(where);
});

test("a server that lacks a module says so, and is not left running", async () => {
  await expect(startProsody({ extraModules: ["moonlight"] })).rejects.toThrow("Prosody has no module 'moonlight'");
});

test("servers run side by side, come back on their ports, and stop more than once without complaint", async () => {
  const [one, two] = await Promise.all([startProsody(), startProsody({ domain: "mantua.example" })]);
  try {
    expect(new Set([...Object.values(one.ports), ...Object.values(two.ports)]).size).toBe(8);
    await one.restart();
    expect(await accepts(one.ports.c2s)).toBe(true);
    expect(await accepts(two.ports.c2s)).toBe(true);
  } finally {
    await Promise.all([one.stop(), two.stop()]);
    await one.stop();
  }
  expect(await exists(one.dir)).toBe(false);
  expect(await exists(two.dir)).toBe(false);
});
