/** Starting and stopping, in any order and all at once; afterwards nothing is left. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { password, type Stage, stage } from "../support/prosody.js";

const root = path.resolve(import.meta.dirname, "../..");
let verona: Stage;
let dir: string;
beforeAll(async () => {
  verona = await stage();
  dir = mkdtempSync(path.join(os.tmpdir(), "sotto-lifecycle-"));
});
afterAll(async () => {
  await verona.end();
  rmSync(dir, { recursive: true, force: true });
});

/** Runs a program against the built package; its exit status once it has ended by itself, and what it said. */
function run(name: string, body: string, settings: Readonly<Record<string, string>>): Promise<{ status: number | null; output: string }> {
  const program = path.join(dir, `${name}.mjs`);
  const from = (file: string): string => JSON.stringify(pathToFileURL(path.join(root, "dist", file)).href);
  writeFileSync(program, `
import { createClient } from ${from("index.js")};
import { fileStore } from ${from("storage-node.js")};
const { account, service, ca, store } = ${JSON.stringify(settings)};
const open = (more) => createClient({ account, password: ${JSON.stringify(password)}, service, store: fileStore(store), tls: { ca }, ...more });
${body}
`);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => { output += data.toString(); });
    const impatient = setTimeout(() => child.kill("SIGKILL"), 60_000);
    child.once("exit", (status) => {
      clearTimeout(impatient);
      resolve({ status, output });
    });
  });
}

const settings = async (): Promise<Record<string, string>> => ({
  account: await verona.account("romeo"), service: verona.tcp, ca: verona.server.caPem, store: path.join(dir, `store-${Math.floor(performance.now() * 1_000).toString()}`),
});

test("Q21 connect, disconnect and close, twice and together, before, during and after the login: the process then ends by itself", async () => {
  const { status, output } = await run("together", `
const client = await open({ autoConnect: false });
client.connect(); client.connect();
await Promise.all([client.disconnect(), client.disconnect()]);
client.connect();
const early = client.disconnect(); client.connect();
await early;
client.connect();
await client.ready();
client.connect();
await Promise.all([client.disconnect(), client.disconnect()]);
client.connect();
const closing = [client.close(), client.close(), client.close()];
await Promise.all(closing);
console.log(client.status.getSnapshot().kind, process.getActiveResourcesInfo().filter((kind) => kind !== "PipeWrap" && kind !== "TTYWrap").join(","));
`, await settings());
  expect(output.trim()).toBe("closed");
  expect(status).toBe(0);
});

test("Q21 a client that is closed while it waits for the next attempt leaves no timer", async () => {
  const { status, output } = await run("waiting", `
const client = await open({ service: "xmpp://127.0.0.1:9" });
await new Promise((resolve) => { client.status.subscribe(() => { if (client.status.getSnapshot().kind === "waiting") resolve(); }); });
await client.close();
console.log("closed");
`, await settings());
  expect(output.trim()).toBe("closed");
  expect(status).toBe(0);
});

test("Q21 a client that waits for a server to come up keeps its process alive", async () => {
  const { status, output } = await run("alive", `
const client = await open({ service: "xmpp://127.0.0.1:9" });
setTimeout(() => { console.log("still here"); process.exit(7); }, 3000).unref();
for await (const message of client.messages()) console.log(message.text);
`, await settings());
  expect(output.trim()).toBe("still here");
  expect(status).toBe(7);
});
