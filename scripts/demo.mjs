/**
 * `npm run demo`: Romeo and Juliet, two devices each, hold an encrypted conversation through a real Prosody.
 * `npm run demo -- --chat romeo`: you are Romeo, in this terminal; Juliet answers.
 * `npm run demo -- --web [--seconds N]`: the web example, with two bots to talk to; until Ctrl-C, or for N seconds.
 * Installs what is missing, cleans up after itself, also on Ctrl-C.
 * @module
 */
import process from "node:process";
import { randomUUID } from "node:crypto";

import { compileExamples, startActor } from "./lib/actors.mjs";
import { build, isStale } from "./build.mjs";
import { startProsody } from "./lib/prosody.mjs";
import { setup } from "./setup.mjs";

/** @typedef {import("./lib/actors.mjs").Actor} Actor */
/** @typedef {import("./lib/actors.mjs").Role} Role */
/** @typedef {import("./lib/prosody.mjs").Prosody} Prosody */

const begun = performance.now();
const wait = { seconds: 45 };

/** @param {number} from */
const since = (from) => `${((performance.now() - from) / 1000).toFixed(2)} s`;

/** @param {string} title @param {() => Promise<T>} work @returns {Promise<T>} @template T */
async function step(title, work) {
  const from = performance.now();
  const result = await work();
  console.log(`\n== ${title} (${since(from)})`);
  return result;
}

/** @param {Prosody} server @param {string} password @returns {Record<"romeo" | "romeo2" | "juliet" | "juliet2", Role>} */
function cast(server, password) {
  const romeo = `romeo@${server.domain}`;
  const juliet = `juliet@${server.domain}`;
  const tcp = `xmpp://${server.host}:${server.ports.c2s}`;
  const websocket = `wss://${server.host}:${server.ports.wss}/xmpp-websocket`;
  return {
    romeo: { name: "Romeo, laptop (TCP)", program: "romeo", account: romeo, contact: juliet, service: tcp, password },
    romeo2: { name: "Romeo, tablet (WebSocket)", program: "device", account: romeo, contact: juliet, service: websocket, password },
    juliet: { name: "Juliet, laptop (WebSocket)", program: "juliet", account: juliet, contact: romeo, service: websocket, password },
    juliet2: { name: "Juliet, phone (TCP)", program: "device", account: juliet, contact: romeo, service: tcp, password },
  };
}

/** What the server had in hands: the payloads of the encrypted messages in its log. @param {string} log */
function ciphertexts(log) {
  const payloads = [...log.matchAll(/<payload[^>]*>([A-Za-z0-9+/=\s]+)<\/payload>/g)].map((match) => match[1] ?? "");
  return [...new Set(payloads)];
}

/** @param {Prosody} server @param {Actor[]} actors @param {() => void} heard Called with each line that an actor says. */
async function conversation(server, actors, heard) {
  const roles = cast(server, randomUUID());
  for (const user of ["romeo", "juliet"]) await server.register(user, roles.romeo.password);
  /** @param {Role} role @param {string} line */
  const show = (role, line) => {
    heard();
    console.log(`${since(begun).padStart(8)}  ${role.name.padEnd(28)} ${line}`);
  };
  await step("Three devices are online, each with verified TLS", async () => {
    for (const role of [roles.juliet, roles.juliet2, roles.romeo2]) actors.push(startActor(role, server, show));
    await Promise.all(actors.map((actor) => actor.line("online")));
  });
  const readers = [...actors];
  const readings = readers.map(async (actor) => [await actor.line("reads "), await actor.line("reads ")]);
  for (const reading of readings) reading.catch(() => undefined); // told below, or nobody waits any more: the demo was interrupted
  await step("Romeo speaks, Juliet answers, every device decrypts", async () => {
    const romeo = startActor(roles.romeo, server, show);
    actors.push(romeo);
    if (await romeo.ended() !== 0) throw new Error("Romeo's program failed");
    await Promise.all(readings);
  });
  const seen = ciphertexts(await server.readLog());
  console.log("\n== What the server saw of it");
  for (const payload of seen) console.log(`          <payload>${payload.slice(0, 100)}… (${payload.length} characters)`);
  if (seen.length === 0) throw new Error("the server's log shows no encrypted message");
}

/** @param {Prosody} server @param {Actor[]} actors @param {string} who */
async function chat(server, actors, who) {
  const roles = cast(server, randomUUID());
  for (const user of ["romeo", "juliet"]) await server.register(user, roles.romeo.password);
  const [you, other] = who === "juliet" ? [roles.juliet, roles.romeo2] : [roles.romeo, roles.juliet];
  const partner = startActor({ ...other, program: "juliet", name: "partner" }, server, () => undefined);
  actors.push(partner);
  await partner.line("online");
  const terminal = startActor({ ...you, program: "chat" }, server, () => undefined, true);
  actors.push(terminal);
  await terminal.ended();
}

/** @param {readonly string[]} args @returns {string | undefined} */
function chatOption(args) {
  if (args.length === 0) return undefined;
  if (args.length === 2 && args[0] === "--chat" && (args[1] === "romeo" || args[1] === "juliet")) return args[1];
  throw new Error("usage: npm run demo [-- --chat romeo|juliet | --web [--seconds N]]");
}

/** @param {readonly string[]} args @returns {{ seconds?: number | undefined } | undefined} */
function webOption(args) {
  if (args[0] !== "--web") return undefined;
  const seconds = args.length === 3 && args[1] === "--seconds" ? Number(args[2]) : undefined;
  return args.length === 1 || (seconds !== undefined && seconds >= 0) ? { seconds } : undefined;
}

/** @param {{ seconds?: number | undefined }} options */
async function web(options) {
  await setup("demo");
  if (isStale()) build();
  const { webDemo } = await import("./lib/web-demo.mjs"); // Vite may just have been installed
  process.exit(await webDemo(options));
}

async function main() {
  const options = webOption(process.argv.slice(2));
  if (options !== undefined) return web(options);
  const who = chatOption(process.argv.slice(2));
  await setup("demo");
  if (isStale()) build();
  compileExamples();
  /** @type {Actor[]} */
  const actors = [];
  const server = await step("A private Prosody is running on loopback", () => startProsody({ logStanzas: true }));
  const cleanUp = async () => {
    await Promise.all(actors.map((actor) => actor.stop()));
    await server.stop();
  };
  let interrupted = false;
  const interrupt = () => {
    if (interrupted) return;
    interrupted = true;
    void cleanUp().finally(() => { process.exit(130); });
  };
  // In a chat Ctrl-C reaches the chat program too, which ends by itself; the clean-up follows.
  if (who === undefined) process.on("SIGINT", interrupt);
  else process.on("SIGINT", () => undefined);
  process.on("SIGTERM", interrupt);
  const impatience = who === undefined ? setTimeout(() => { console.error(`nothing has happened for ${wait.seconds} s`); interrupt(); }, wait.seconds * 1000) : undefined;
  try {
    await (who === undefined ? conversation(server, actors, () => { impatience?.refresh(); }) : chat(server, actors, who));
  } catch (error) {
    if (interrupted) return; // what fails now fails because everything is being ended
    throw error;
  } finally {
    clearTimeout(impatience);
    if (!interrupted) await cleanUp();
  }
  console.log(`\nDone in ${since(begun)}: ${server.domain} is gone, with everything it stored.`);
}

main().catch((error) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
