/**
 * What the private servers of the tests have in common: free loopback ports, a program that can outlive nothing, and the wait until it answers.
 *
 * A server runs under a small shell that waits on a pipe from this process. When the pipe closes, for whatever reason
 * (stop(), a normal end, Ctrl-C, kill -9), the shell ends the server and removes its directory: nothing is left behind.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import tls from "node:tls";
import { setTimeout as delay } from "node:timers/promises";

import { createCertificates } from "./certificates.mjs";

const startTimeoutMs = 60_000;
const startAttempts = 5;

/**
 * @typedef {object} ServerPorts
 * @property {number} c2s TCP, STARTTLS required.
 * @property {number} directTls TCP with TLS from the first byte.
 * @property {number} wss WebSocket over TLS: `wss://127.0.0.1:PORT/xmpp-websocket`.
 * @property {number} ws WebSocket without TLS, loopback only.
 * @property {number} [component] Where components connect (XEP-0114), if there are any.
 */

/** A program of its own beside the server, with a domain of its own (XEP-0114). @typedef {{ readonly domain: string, readonly secret: string }} ServerComponent */

/**
 * A running server: the same for every make.
 * @typedef {object} PrivateServer
 * @property {string} domain
 * @property {"127.0.0.1"} host The address to connect to; the certificate names the domain, localhost and both loopback addresses.
 * @property {ServerPorts} ports
 * @property {string} caPem Certificate authority of this instance, PEM.
 * @property {string} caPath The same as a file.
 * @property {string} dir
 * @property {(user: string, password: string) => Promise<void>} register Creates an account or sets its password.
 * @property {(users: readonly string[], password: string) => Promise<void>} registerAll Many accounts quickly; they must be new.
 * @property {() => Promise<void>} restart Stops and starts on the same ports and data.
 * @property {() => Promise<string>} readLog Everything the server has logged.
 * @property {() => Promise<void>} stop Ends the server and removes the directory. Calling it again does nothing.
 */

/** @typedef {{ readonly alive: () => boolean, readonly end: (word: "keep" | "remove") => Promise<void> }} Keeper */

/** Ports that were free on loopback a moment ago. @param {number} count @returns {Promise<number[]>} */
export async function freePorts(count) {
  const servers = [];
  for (let i = 0; i < count; i++) {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    servers.push(server);
  }
  const ports = servers.map((server) => /** @type {net.AddressInfo} */ (server.address()).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** @param {boolean} withComponents @returns {Promise<ServerPorts>} */
async function serverPorts(withComponents) {
  const [c2s, directTls, ws, wss, component] = /** @type {[number, number, number, number, number]} */ (await freePorts(5));
  return { c2s, directTls, ws, wss, ...(withComponents ? { component } : {}) };
}

// "$@" is the server. The first line on standard output is its process id; the end of standard input ends it.
const keeper = `
dir=$1; shift
"$@" </dev/null >"$dir/console.log" 2>&1 &
server=$!
echo "$server"
read -r word
kill -TERM "$server" 2>/dev/null
( sleep 5; kill -KILL "$server" 2>/dev/null ) >/dev/null 2>&1 &
timer=$!
wait "$server"
kill "$timer" 2>/dev/null
[ "$word" = keep ] || rm -rf "$dir"
`;

/**
 * Starts the program.
 * @param {{ dir: string, keepOnLoss: boolean, command: readonly string[], env?: NodeJS.ProcessEnv }} o `keepOnLoss`: the directory stays when we vanish.
 * @returns {Promise<Keeper>}
 */
export async function launch(o) {
  // A directory of the caller's is never removed, so the shell is given a word that says so even when we vanish.
  const script = o.keepOnLoss ? keeper.replace(/^\[ "\$word".*$/m, "") : keeper;
  const child = spawn("/bin/sh", ["-c", script, "sh", o.dir, ...o.command], {
    stdio: ["pipe", "pipe", "ignore"],
    detached: true, // Ctrl-C in a terminal reaches us, not the server: the pipe tells it in order
    cwd: o.dir,
    ...(o.env === undefined ? {} : { env: o.env }),
  });
  const exited = once(child, "exit");
  const [firstLine] = /** @type {[Buffer]} */ (await once(child.stdout, "data"));
  const pid = Number.parseInt(firstLine.toString(), 10);
  child.unref();
  child.stdin.on("error", () => undefined); // the shell is gone already: nothing left to tell it
  for (const stream of [child.stdin, child.stdout]) /** @type {net.Socket} */ (/** @type {unknown} */ (stream)).unref();
  return {
    alive: () => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false; // ESRCH: it has ended
      }
    },
    end: async (word) => {
      child.ref();
      child.stdin.end(`${word}\n`);
      await exited;
    },
  };
}

/** @param {number} port @param {{ ca: string, servername: string } | undefined} secure @returns {Promise<boolean>} */
function answers(port, secure) {
  return new Promise((resolve) => {
    const socket = secure === undefined ? net.connect(port, "127.0.0.1") : tls.connect({ port, host: "127.0.0.1", ...secure });
    const finish = (/** @type {boolean} */ ok) => { socket.destroy(); resolve(ok); };
    socket.setTimeout(2_000, () => { finish(false); });
    socket.once(secure === undefined ? "connect" : "secureConnect", () => { finish(true); });
    socket.once("error", () => { finish(false); });
  });
}

/**
 * Waits until every port answers; the TLS ports with a certificate of ours, so that no other program is mistaken for the server.
 * @param {{ domain: string, ports: ServerPorts, caPem: string, server: Keeper, refused: () => Promise<boolean> }} o `refused`: it could not have its ports.
 * @returns {Promise<boolean>} false if it ended or could not have its ports.
 */
async function waitUntilUp(o) {
  const secure = { ca: o.caPem, servername: o.domain };
  for (const end = Date.now() + startTimeoutMs; Date.now() < end; await delay(50)) {
    if (!o.server.alive()) return false;
    const up = await Promise.all([
      answers(o.ports.c2s, undefined), answers(o.ports.ws, undefined), answers(o.ports.directTls, secure), answers(o.ports.wss, secure),
      ...(o.ports.component === undefined ? [] : [answers(o.ports.component, undefined)]),
    ]);
    if (up.every(Boolean)) return true;
    if (await o.refused()) return false;
  }
  return false;
}

/** The text of a log that may not have been written yet. @param {string} dir @param {...string} names @returns {Promise<string>} */
async function readLogs(dir, ...names) {
  const texts = await Promise.all(names.map((name) => readFile(path.join(dir, name), "utf8").catch(() => "")));
  return texts.join("");
}

/**
 * What one make of server brings to {@link startServer}.
 * @typedef {object} ServerMake
 * @property {string} name For error messages.
 * @property {string} logName
 * @property {RegExp} portRefused What it writes when another program has one of its ports.
 * @property {(dir: string) => Promise<void>} [prepare] Once, before the first start.
 * @property {(dir: string, ports: ServerPorts) => Promise<void>} configure
 * @property {(dir: string, keepOnLoss: boolean) => Promise<Keeper>} launch
 * @property {(o: { dir: string, ports: ServerPorts }, user: string, password: string) => Promise<void>} register
 * @property {(o: { dir: string, ports: ServerPorts }, users: readonly string[], password: string) => Promise<void>} registerAll
 * @property {"before" | "after"} accounts Whether accounts can be made before the start.
 */

/**
 * Starts a server and resolves when all its ports answer.
 * @param {ServerMake} make
 * @param {{ domain: string, dir: string | undefined, accounts: readonly (readonly [user: string, password: string])[], components?: readonly ServerComponent[] | undefined }} o
 * @returns {Promise<PrivateServer>}
 */
export async function startServer(make, { domain, dir: givenDir, accounts, components = [] }) {
  const ownDir = givenDir !== undefined;
  const dir = givenDir ?? (await mkdtemp(path.join(os.tmpdir(), `sotto-${make.name.toLowerCase()}-`)));
  const refused = async () => make.portRefused.test(await readLogs(dir, make.logName));
  /** @type {Keeper | undefined} */
  let server;
  try {
    await mkdir(path.join(dir, "data"), { recursive: true });
    const certificates = await createCertificates(dir, domain);
    await make.prepare?.(dir);
    for (let attempt = 1; ; attempt++) {
      const ports = await serverPorts(components.length > 0);
      const registerAccounts = async () => { for (const [user, password] of accounts) await make.register({ dir, ports }, user, password); };
      await make.configure(dir, ports);
      if (make.accounts === "before" && attempt === 1) await registerAccounts();
      server = await make.launch(dir, ownDir);
      if (await waitUntilUp({ domain, ports, caPem: certificates.caPem, server, refused })) {
        if (make.accounts === "after") await registerAccounts();
        return runningServer(make, { domain, dir, ownDir, ports, ...certificates, refused, server });
      }
      const log = await readLogs(dir, make.logName, "console.log");
      await server.end("keep");
      server = undefined;
      // Between our look and its start another program may have taken a port: only that is worth another attempt.
      if (attempt === startAttempts || !make.portRefused.test(log)) throw new Error(`${make.name} did not start:\n${log.slice(-2_000)}`);
      await rm(path.join(dir, make.logName), { force: true });
    }
  } catch (error) {
    await server?.end("keep");
    if (!ownDir) await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

/**
 * @param {ServerMake} make
 * @param {{ domain: string, dir: string, ownDir: boolean, ports: ServerPorts, caPem: string, caPath: string, refused: () => Promise<boolean>, server: Keeper }} o
 * @returns {PrivateServer}
 */
function runningServer(make, { ownDir, refused, server: first, ...o }) {
  const { domain, ports, caPem, dir } = o;
  let server = first;
  /** @type {Promise<void> | undefined} */
  let stopped;
  return {
    ...o,
    host: "127.0.0.1",
    register: (user, password) => make.register(o, user, password),
    registerAll: (users, password) => make.registerAll(o, users, password),
    restart: async () => {
      await server.end("keep");
      server = await make.launch(dir, ownDir);
      if (!(await waitUntilUp({ domain, ports, caPem, server, refused }))) throw new Error(`${make.name} did not come back after a restart`);
    },
    readLog: () => readLogs(dir, make.logName),
    stop: () => (stopped ??= server.end(ownDir ? "keep" : "remove")),
  };
}
