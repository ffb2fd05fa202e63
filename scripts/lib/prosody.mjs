/**
 * A private Prosody for the demo and the tests: free loopback ports, a throw-away data directory and certificate authority.
 * Any number of instances run side by side. Nothing here touches the machine's own Prosody.
 *
 * The server runs under a small shell that waits on a pipe from this process. When the pipe closes, for whatever reason
 * (stop(), a normal end, Ctrl-C, kill -9), the shell ends the server and removes the directory: nothing is left behind.
 * @module
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

import { createCertificates } from "./certificates.mjs";

const run = promisify(execFile);
const startTimeoutMs = 30_000;
const startAttempts = 5;

/**
 * @typedef {object} ProsodyOptions
 * @property {string} [domain] The XMPP domain; needs no DNS entry. Default "verona.example".
 * @property {readonly (readonly [user: string, password: string])[]} [accounts] Created before the start.
 * @property {string} [dir] Directory for everything; kept after stop(). Default: a temporary one that is removed.
 * @property {boolean} [logStanzas] Writes every stanza to the log, for {@link Prosody.readLog}.
 * @property {string} [extraConfig] Lua for the end of the virtual host's section.
 */

/**
 * @typedef {object} ProsodyPorts
 * @property {number} c2s TCP, STARTTLS required.
 * @property {number} directTls TCP with TLS from the first byte.
 * @property {number} wss WebSocket over TLS: `wss://127.0.0.1:PORT/xmpp-websocket`.
 * @property {number} ws WebSocket without TLS, loopback only.
 */

/**
 * @typedef {object} Prosody
 * @property {string} domain
 * @property {"127.0.0.1"} host The address to connect to; the certificate names the domain, localhost and both loopback addresses.
 * @property {ProsodyPorts} ports
 * @property {string} caPem Certificate authority of this instance, PEM.
 * @property {string} caPath The same as a file.
 * @property {string} dir
 * @property {(user: string, password: string) => Promise<void>} register Creates an account or sets its password.
 * @property {() => Promise<void>} restart Stops and starts on the same ports and data.
 * @property {() => Promise<string>} readLog Everything the server has logged.
 * @property {() => Promise<void>} stop Ends the server and removes the directory. Calling it again does nothing.
 */

/** Ports that were free on loopback a moment ago. @param {number} count @returns {Promise<number[]>} */
async function freePorts(count) {
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

/** @param {string} text */
const lua = (text) => JSON.stringify(text).replace(/\\u([0-9a-f]{4})/g, "\\u{$1}");

/**
 * @param {{ dir: string, domain: string, ports: ProsodyPorts, logStanzas: boolean, extraConfig: string }} o
 * @returns {string}
 */
function configuration(o) {
  const hasIpv6 = Object.values(os.networkInterfaces()).flat().some((address) => address?.address === "::1");
  const loopback = hasIpv6 ? '{ "127.0.0.1", "::1" }' : '{ "127.0.0.1" }';
  const tlsTable = `{ certificate = ${lua(path.join(o.dir, "server.crt"))}; key = ${lua(path.join(o.dir, "server.key"))} }`;
  return `-- Written by scripts/lib/prosody.mjs for one run.
run_as_root = ${process.getuid?.() === 0} -- it refuses uid 0 otherwise; it serves loopback and throw-away data only
data_path = ${lua(path.join(o.dir, "data"))}
certificates = ${lua(o.dir)}
pidfile = ${lua(path.join(o.dir, "prosody.pid"))}
admin_socket = ${lua(path.join(o.dir, "admin.sock"))}
log = { { levels = { min = ${o.logStanzas ? '"debug"' : '"info"'} }, to = "file", filename = ${lua(path.join(o.dir, "prosody.log"))} } }

interfaces = ${loopback}
local_interfaces = ${loopback}
http_interfaces = ${loopback}
https_interfaces = ${loopback}
c2s_ports = { ${o.ports.c2s} }
c2s_direct_tls_ports = { ${o.ports.directTls} }
http_ports = { ${o.ports.ws} }
https_ports = { ${o.ports.wss} }
c2s_direct_tls_ssl = ${tlsTable}
https_ssl = ${tlsTable}
ssl = ${tlsTable}

modules_enabled = {
  "roster", "saslauth", "tls", "disco", "carbons", "pep", "private", "blocklist", "vcard4", "vcard_legacy", "version", "time", "ping",
  "mam", "csi_simple", "smacks", "websocket", "offline", "lastactivity", "bookmarks", "user_account_management"${o.logStanzas ? ', "stanza_debug"' : ""}
}
modules_disabled = { "s2s" }
authentication = "internal_plain" -- offers SCRAM-SHA-1, SCRAM-SHA-256 and PLAIN
storage = "internal"
archive_expires_after = "never"
default_archive_policy = true

c2s_require_encryption = true
consider_websocket_secure = true
http_default_host = ${lua(o.domain)}

VirtualHost ${lua(o.domain)}
${o.extraConfig}
`;
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

/** @typedef {{ readonly alive: () => boolean, readonly end: (word: "keep" | "remove") => Promise<void> }} Keeper */

/** @param {string} dir @param {boolean} keepOnLoss @returns {Promise<Keeper>} */
async function launch(dir, keepOnLoss) {
  // A directory of the caller's is never removed, so the shell is given a word that says so even when we vanish.
  const script = keepOnLoss ? keeper.replace(/^\[ "\$word".*$/m, "") : keeper;
  const child = spawn("/bin/sh", ["-c", script, "sh", dir, "prosody", "--config", path.join(dir, "prosody.cfg.lua"), "-F"], {
    stdio: ["pipe", "pipe", "ignore"],
    detached: true, // Ctrl-C in a terminal reaches us, not the server: the pipe tells it in order
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
 * @param {{ dir: string, domain: string, ports: ProsodyPorts, caPem: string, server: Keeper }} o
 * @returns {Promise<boolean>} false if it ended or could not have its ports.
 */
async function waitUntilUp(o) {
  const secure = { ca: o.caPem, servername: o.domain };
  for (const end = Date.now() + startTimeoutMs; Date.now() < end; await delay(50)) {
    if (!o.server.alive()) return false;
    const up = await Promise.all([
      answers(o.ports.c2s, undefined), answers(o.ports.ws, undefined), answers(o.ports.directTls, secure), answers(o.ports.wss, secure),
    ]);
    if (up.every(Boolean)) return true;
    if (/Failed to open server port/.test(await readLogFile(o.dir))) return false;
  }
  return false;
}

/** @param {string} dir @returns {Promise<string>} */
async function readLogFile(dir) {
  try {
    return await readFile(path.join(dir, "prosody.log"), "utf8");
  } catch {
    return ""; // not written yet
  }
}

/** @param {string} dir @param {string} domain @param {string} user @param {string} password */
async function register(dir, domain, user, password) {
  const root = process.getuid?.() === 0 ? ["--root"] : [];
  await run("prosodyctl", [...root, "--config", path.join(dir, "prosody.cfg.lua"), "register", user, domain, password]);
}

/**
 * Starts a server and resolves when all its ports answer.
 * @param {ProsodyOptions} [options]
 * @returns {Promise<Prosody>}
 */
export async function startProsody(options = {}) {
  const domain = options.domain ?? "verona.example";
  const ownDir = options.dir !== undefined;
  const dir = options.dir ?? (await mkdtemp(path.join(os.tmpdir(), "sotto-prosody-")));
  const logStanzas = options.logStanzas ?? false;
  /** @type {Keeper | undefined} */
  let server;
  try {
    await mkdir(path.join(dir, "data"), { recursive: true });
    const { caPem, caPath } = await createCertificates(dir, domain);
    for (let attempt = 1; ; attempt++) {
      const [c2s, directTls, ws, wss] = /** @type {[number, number, number, number]} */ (await freePorts(4));
      const ports = { c2s, directTls, ws, wss };
      await writeFile(path.join(dir, "prosody.cfg.lua"), configuration({ dir, domain, ports, logStanzas, extraConfig: options.extraConfig ?? "" }));
      if (attempt === 1) for (const [user, password] of options.accounts ?? []) await register(dir, domain, user, password);
      server = await launch(dir, ownDir);
      if (await waitUntilUp({ dir, domain, ports, caPem, server })) return handle({ domain, ports, caPem, caPath, dir, ownDir, server });
      const log = `${await readLogFile(dir)}${await readFile(path.join(dir, "console.log"), "utf8")}`;
      await server.end("keep");
      server = undefined;
      // Between our look and its start another program may have taken a port: only that is worth another attempt.
      if (attempt === startAttempts || !/Failed to open server port/.test(log)) throw new Error(`Prosody did not start:\n${log.slice(-2_000)}`);
      await rm(path.join(dir, "prosody.log"), { force: true });
    }
  } catch (error) {
    await server?.end("keep");
    if (!ownDir) await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

/**
 * @param {{ domain: string, ports: ProsodyPorts, caPem: string, caPath: string, dir: string, ownDir: boolean, server: Keeper }} o
 * @returns {Prosody}
 */
function handle(o) {
  const { domain, ports, caPem, caPath, dir } = o;
  let server = o.server;
  /** @type {Promise<void> | undefined} */
  let stopped;
  return {
    domain, ports, caPem, caPath, dir,
    host: "127.0.0.1",
    register: (user, password) => register(dir, domain, user, password),
    restart: async () => {
      await server.end("keep");
      server = await launch(dir, o.ownDir);
      if (!(await waitUntilUp({ dir, domain, ports, caPem, server }))) throw new Error("Prosody did not come back after a restart");
    },
    readLog: () => readLogFile(dir),
    stop: () => (stopped ??= server.end(o.ownDir ? "keep" : "remove")),
  };
}
