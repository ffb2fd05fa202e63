/**
 * Memory while messages wait in the outbox and while they leave it, on a real server, in a process of its own so that nothing else is
 * counted: the highest resident size above that of the idle client, which has been online and has sent a few messages, so that what the
 * modules and the login need is not taken for the price of waiting. (Catching up is in catch-up.mjs: a Prosody with its archive in files reads every
 * page from the beginning, and would be what is measured.)
 * @module
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { clearInterval, setInterval, setTimeout } from "node:timers";

import { Stage } from "./stage.mjs";

const count = 10_000;
const text = "x".repeat(200);
const sampleMs = 20;

/** Messages before the measurement begins. */
const warmUp = 100;

/** What a child reports: the idle size and the highest ones, in bytes. @typedef {{ idle: number, waiting: number, leaving: number, seconds: number }} Memory */

/** @param {Record<string, string>} settings @returns {Promise<Memory>} */
function inChild(settings) {
  const child = spawn(process.execPath, ["--expose-gc", fileURLToPath(import.meta.url), JSON.stringify(settings)], { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => { resolve(JSON.parse(line)); });
    child.once("exit", (code) => { reject(new Error(`the measured process ended with ${code}`)); });
  });
}

/** @returns {Promise<import("./figures.mjs").Report>} */
export async function bench() {
  const stage = await Stage.open();
  try {
    const [romeo, juliet] = [await stage.account("romeo"), await stage.account("juliet")];
    const directory = stage.directory();
    await (await stage.client(juliet)).close(); // one device, with a bundle
    await (await stage.client(romeo, directory)).close();
    await stage.drain(juliet);
    const { idle, waiting, leaving, seconds } = await inChild({ service: stage.service, ca: stage.server.caPem, account: romeo, to: juliet, directory });
    return {
      notes: [`10,000 messages: stored and sent in ${seconds.toFixed(1)} s`],
      figures: [
        { name: "memory above idle while 10,000 wait, MiB", value: (waiting - idle) / 2 ** 20, target: 64 },
        { name: "memory above idle while they leave, MiB", value: (leaving - idle) / 2 ** 20, target: 64 },
      ],
    };
  } finally {
    await stage.end();
  }
}

/** The child's side. @param {Record<string, string>} settings */
async function work(settings) {
  const { createClient } = await import("../dist/index.js");
  const { fileStore } = await import("../dist/storage-node.js");
  const client = await createClient({
    account: settings["account"] ?? "", password: "a rose by any other name", service: settings["service"] ?? "",
    store: fileStore(settings["directory"] ?? ""), tls: { ca: settings["ca"] ?? "" }, autoConnect: false,
  });
  const conversation = client.conversation(settings["to"] ?? "");
  client.connect();
  for (let i = 0; i < warmUp; i++) await conversation.send({ text }).reached("sent");
  await client.disconnect();
  const collect = /** @type {() => void} */ (globalThis.gc);
  collect();
  const idle = process.memoryUsage.rss();
  let highest = idle;
  const sampling = setInterval(() => { highest = Math.max(highest, process.memoryUsage.rss()); }, sampleMs);
  const begin = performance.now();
  for (let i = 0; i < count; i += 100) {
    await Promise.all(Array.from({ length: 100 }, () => conversation.send({ text }).reached("stored")));
  }
  const waiting = highest;
  client.connect();
  while (client.waiting > 0) await new Promise((resolve) => { setTimeout(resolve, 50); });
  const seconds = (performance.now() - begin) / 1000;
  clearInterval(sampling);
  await client.close();
  console.log(JSON.stringify({ idle, waiting, leaving: highest, seconds }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await work(JSON.parse(process.argv[2] ?? "{}"));
