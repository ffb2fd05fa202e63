/**
 * A private Prosody for the demo and the tests: free loopback ports, a throw-away data directory and certificate authority.
 * Any number of instances run side by side. Nothing here touches the machine's own Prosody.
 * @module
 */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";

import { launch, startServer } from "./private-server.mjs";

const run = promisify(execFile);

/**
 * @typedef {object} ProsodyOptions
 * @property {string} [domain] The XMPP domain; needs no DNS entry. Default "verona.example".
 * @property {readonly (readonly [user: string, password: string])[]} [accounts] Created before the start.
 * @property {string} [dir] Directory for everything; kept after stop(). Default: a temporary one that is removed.
 * @property {boolean} [logStanzas] Writes every stanza to the log, for {@link Prosody.readLog}.
 * @property {string} [extraConfig] Lua for the end of the virtual host's section.
 * @property {number} [resumeSeconds] How long a lost connection's session waits to be resumed (XEP-0198). Default: the server's own, ten minutes.
 * @property {readonly string[]} [extraModules] Beside the usual ones, for example "privacy_lists".
 * @property {readonly ServerComponent[]} [components] Domains for programs that connect to `ports.component` (XEP-0114).
 */

/** @typedef {import("./private-server.mjs").PrivateServer} Prosody */
/** @typedef {import("./private-server.mjs").ServerPorts} ServerPorts */
/** @typedef {import("./private-server.mjs").ServerComponent} ServerComponent */
/** @typedef {import("./private-server.mjs").Keeper} Keeper */

/** @param {string} text */
const lua = (text) => JSON.stringify(text).replace(/\\u([0-9a-f]{4})/g, "\\u{$1}");

/**
 * @param {{ dir: string, domain: string, ports: ServerPorts, logStanzas: boolean, extraConfig: string, resumeSeconds: number | undefined, extraModules: readonly string[], components: readonly ServerComponent[] }} o
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
${o.ports.component === undefined ? "" : `component_ports = { ${o.ports.component} }\ncomponent_interfaces = ${loopback}\n`}c2s_direct_tls_ssl = ${tlsTable}
https_ssl = ${tlsTable}
ssl = ${tlsTable}

modules_enabled = {
  "roster", "saslauth", "tls", "disco", "carbons", "pep", "private", "blocklist", "vcard4", "vcard_legacy", "version", "time", "ping",
  "mam", "csi_simple", "smacks", "websocket", "offline", "lastactivity", "bookmarks", "user_account_management"${[...(o.logStanzas ? ["stanza_debug"] : []), ...o.extraModules].map((name) => `, ${lua(name)}`).join("")}
}
modules_disabled = { "s2s" }
authentication = "internal_plain" -- offers SCRAM-SHA-1, SCRAM-SHA-256 and PLAIN
storage = "internal"
archive_expires_after = "never"
default_archive_policy = true
${o.resumeSeconds === undefined ? "" : `smacks_hibernation_time = ${o.resumeSeconds}\n`}
c2s_require_encryption = true
consider_websocket_secure = true
http_default_host = ${lua(o.domain)}

VirtualHost ${lua(o.domain)}
${o.extraConfig}
${o.components.map(({ domain, secret }) => `Component ${lua(domain)}\n  component_secret = ${lua(secret)}\n`).join("\n")}`;
}

const logName = "prosody.log";

/** @param {string} dir @param {boolean} keepOnLoss @returns {Promise<Keeper>} */
const start = (dir, keepOnLoss) => launch({ dir, keepOnLoss, command: ["prosody", "--config", path.join(dir, "prosody.cfg.lua"), "-F"] });

/** @param {string} dir @param {string} domain @param {string} user @param {string} password */
async function register(dir, domain, user, password) {
  const root = process.getuid?.() === 0 ? ["--root"] : [];
  await run("prosodyctl", [...root, "--config", path.join(dir, "prosody.cfg.lua"), "register", user, domain, password]);
}

/**
 * Writes accounts into the server's own storage, a file each: prosodyctl takes a third of a second for one. The names must be plain.
 * @param {string} dir @param {string} domain @param {readonly string[]} users @param {string} password
 */
async function registerAll(dir, domain, users, password) {
  const folder = path.join(dir, "data", domain.replace(/[^A-Za-z0-9]/g, (c) => `%${c.charCodeAt(0).toString(16)}`), "accounts");
  await mkdir(folder, { recursive: true });
  await Promise.all(users.map((user) => {
    if (!/^[a-z0-9]+$/.test(user)) throw new Error(`not a plain user name: ${user}`);
    return writeFile(path.join(folder, `${user}.dat`), `return { ["password"] = ${lua(password)} };\n`);
  }));
}

/**
 * Starts a server and resolves when all its ports answer.
 * @param {ProsodyOptions} [options]
 * @returns {Promise<Prosody>}
 * @throws {Error} if it lacks a module: it would start without it, and every test that needs it would fail for a reason of its own
 */
export async function startProsody(options = {}) {
  const { domain = "verona.example", logStanzas = false, extraConfig = "", extraModules = [], components = [], resumeSeconds } = options;
  const server = await startServer({
    name: "Prosody", logName, portRefused: /Failed to open server port/, launch: start, accounts: "before",
    configure: (dir, ports) => writeFile(path.join(dir, "prosody.cfg.lua"), configuration({ dir, domain, ports, logStanzas, extraConfig, resumeSeconds, extraModules, components })),
    register: ({ dir }, user, password) => register(dir, domain, user, password),
    registerAll: ({ dir }, users, password) => registerAll(dir, domain, users, password),
  }, { domain, dir: options.dir, accounts: options.accounts ?? [], components });
  const missing = /Unable to load module '([^']*)'/.exec(await server.readLog())?.[1];
  if (missing === undefined) return server;
  await server.stop();
  throw new Error(`Prosody has no module '${missing}'; community modules are in Debian's package prosody-modules.`);
}
