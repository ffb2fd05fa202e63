/**
 * A private ejabberd for the tests, of the same shape as the private Prosody (prosody.mjs).
 *
 * `ejabberdctl` wants a system user, a node name and epmd, the port mapper that would outlive us. The virtual machine is started directly instead:
 * without a name it is not distributed, so there is no epmd, no cookie, and any number of instances run side by side.
 * @module
 */
import { existsSync, readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";

import { launch, startServer } from "./private-server.mjs";

const logName = "ejabberd.log";

/**
 * @typedef {object} EjabberdOptions
 * @property {string} [domain] The XMPP domain; needs no DNS entry. Default "verona.example".
 * @property {readonly (readonly [user: string, password: string])[]} [accounts] Created right after the start.
 * @property {string} [dir] Directory for everything; kept after stop(). Default: a temporary one that is removed.
 * @property {boolean} [logStanzas] Writes every stanza to the log.
 * @property {number} [resumeSeconds] How long a lost connection's session waits to be resumed (XEP-0198). Default 300.
 * @property {boolean} [registration] Accounts may be made, changed and deleted over XMPP (XEP-0077), as Prosody lets its users by default.
 * @property {readonly ServerComponent[]} [components] Domains for programs that connect to `ports.component` (XEP-0114).
 */

/** @typedef {import("./private-server.mjs").PrivateServer} Ejabberd */
/** @typedef {import("./private-server.mjs").ServerPorts} ServerPorts */
/** @typedef {import("./private-server.mjs").ServerComponent} ServerComponent */
/** @typedef {import("./private-server.mjs").Keeper} Keeper */

/** The parent of Debian's `ejabberd-*` library directory, which ERL_LIBS has to name; it depends on the architecture. @returns {string | undefined} */
export function ejabberdLibraries() {
  const parents = ["/usr/lib", ...readdirSync("/usr/lib", { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => `/usr/lib/${entry.name}`)];
  return parents.find((parent) => readdirSync(parent).some((name) => /^ejabberd-\d/.test(name) && existsSync(path.join(parent, name, "ebin"))));
}

/** YAML takes JSON for its values. @param {unknown} value */
const yaml = (value) => JSON.stringify(value);

/** @param {{ dir: string, domain: string, ports: ServerPorts, logStanzas: boolean, resumeSeconds: number, registration: boolean, components: readonly ServerComponent[] }} o @returns {string} */
function configuration(o) {
  const stanzaLimit = 4 * 1024 * 1024; // bundles and device lists of many devices travel in one stanza
  const c2s = { ip: "127.0.0.1", module: "ejabberd_c2s", max_stanza_size: stanzaLimit, access: "all" };
  const http = { ip: "127.0.0.1", module: "ejabberd_http" };
  /** @type {Record<string, object>} */
  const modules = {
    mod_admin_extra: {}, mod_avatar: {}, mod_blocking: {}, mod_caps: {}, mod_carboncopy: {}, mod_client_state: {}, mod_disco: {}, mod_http_api: {},
    mod_last: {}, mod_mam: { default: "always", assume_mam_usage: false, request_activates_archiving: false }, mod_offline: { access_max_user_messages: "max_user_offline_messages" },
    mod_ping: {}, mod_privacy: {}, mod_private: {}, mod_pubsub: { plugins: ["flat", "pep"], max_items_node: 1000 }, mod_roster: { versioning: true },
    mod_stream_mgmt: { resume_timeout: o.resumeSeconds, max_ack_queue: 5000, ack_timeout: 60 },
    mod_time: {}, mod_vcard: {}, mod_vcard_xupdate: {}, mod_version: {},
    ...(o.registration ? { mod_register: { access: "all", access_remove: "all" } } : {}),
  };
  const configuration = {
    hosts: [o.domain],
    loglevel: o.logStanzas ? "debug" : "info",
    log_rotate_size: "infinity",
    certfiles: [path.join(o.dir, "server.pem")],
    acl: { loopback: { ip: ["127.0.0.0/8"] } },
    access_rules: { local: { allow: "all" } },
    shaper_rules: { max_user_sessions: 1000, max_user_offline_messages: 100_000 },
    api_permissions: { tests: { who: { access: { allow: "loopback" } }, what: "*" } },
    auth_method: "internal",
    auth_password_format: "plain", // so that SCRAM with every hash is offered
    websocket_timeout: 300,
    listen: [
      { ...c2s, port: o.ports.c2s, starttls: true, starttls_required: true },
      { ...c2s, port: o.ports.directTls, tls: true },
      { ...http, port: o.ports.wss, tls: true, request_handlers: { "/xmpp-websocket": "ejabberd_http_ws" } },
      { ...http, port: o.ports.ws, request_handlers: { "/xmpp-websocket": "ejabberd_http_ws", "/api": "mod_http_api" } },
      ...(o.ports.component === undefined ? [] : [{
        port: o.ports.component, ip: "127.0.0.1", module: "ejabberd_service", access: "all", global_routes: false, // each connection stands for its own domain only
        hosts: Object.fromEntries(o.components.map(({ domain, secret }) => [domain, { password: secret }])),
      }]),
    ],
    modules,
  };
  const lines = Object.entries(configuration).map(([key, value]) => `${key}: ${yaml(value)}`);
  return `# Written by scripts/lib/ejabberd.mjs for one run.\n${lines.join("\n")}\n`;
}

/** @param {string} dir @param {boolean} keepOnLoss @returns {Promise<Keeper>} */
function start(dir, keepOnLoss) {
  const libraries = ejabberdLibraries();
  if (libraries === undefined) throw new Error("ejabberd is not installed (Debian's package ejabberd)");
  return launch({
    dir, keepOnLoss,
    command: ["erl", "+K", "true", "+S", "2", "-noinput", "-mnesia", "dir", `"${path.join(dir, "data")}"`, "-s", "ejabberd"],
    env: {
      PATH: process.env["PATH"], LANG: "C.UTF-8", HOME: dir, ERL_LIBS: libraries, ERL_CRASH_DUMP: path.join(dir, "erl_crash.dump"),
      EJABBERD_CONFIG_PATH: path.join(dir, "ejabberd.yml"), EJABBERD_LOG_PATH: path.join(dir, logName), EJABBERD_PID_PATH: path.join(dir, "ejabberd.pid"),
    },
  });
}

/** @param {number} port @param {string} command @param {object} body */
async function api(port, command, body) {
  const response = await globalThis.fetch(`http://127.0.0.1:${port.toString()}/api/${command}`, { method: "POST", body: JSON.stringify(body) });
  const text = await response.text();
  return { ok: response.ok, status: response.status, text };
}

/** @param {ServerPorts} ports @param {string} domain @param {string} user @param {string} password */
async function register(ports, domain, user, password) {
  const answer = await api(ports.ws, "register", { user, host: domain, password });
  if (answer.ok) return;
  const changed = answer.status === 409 ? await api(ports.ws, "change_password", { user, host: domain, newpass: password }) : answer;
  if (!changed.ok) throw new Error(`ejabberd did not register ${user}: ${changed.text}`);
}

/**
 * Starts a server and resolves when all its ports answer.
 * @param {EjabberdOptions} [options]
 * @returns {Promise<Ejabberd>}
 */
export function startEjabberd(options = {}) {
  const { domain = "verona.example", logStanzas = false, resumeSeconds = 300, registration = false, components = [] } = options;
  return startServer({
    name: "ejabberd", logName, portRefused: /eaddrinuse|Failed to open socket/, launch: start, accounts: "after",
    prepare: async (dir) => {
      const chain = await Promise.all(["server.crt", "server.key"].map((name) => readFile(path.join(dir, name), "utf8")));
      await writeFile(path.join(dir, "server.pem"), chain.join(""), { mode: 0o600 });
    },
    configure: (dir, ports) => writeFile(path.join(dir, "ejabberd.yml"), configuration({ dir, domain, ports, logStanzas, resumeSeconds, registration, components })),
    register: ({ ports }, user, password) => register(ports, domain, user, password),
    registerAll: async ({ ports }, users, password) => {
      const waiting = [...users];
      const work = async () => { for (let user = waiting.pop(); user !== undefined; user = waiting.pop()) await register(ports, domain, user, password); };
      await Promise.all([work(), work(), work(), work()]);
    },
  }, { domain, dir: options.dir, accounts: options.accounts ?? [], components });
}
