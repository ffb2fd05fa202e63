/** The example programs of examples/node as child processes: the demo's actors. @module */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const compiled = path.join(root, ".cache", "examples");

/**
 * Compiles the examples against the built package. A program takes its place in one step: somebody else may be starting it at this moment.
 * @throws {Error} if they do not compile.
 */
export function compileExamples() {
  const tsc = path.join(root, "node_modules", "typescript", "bin", "tsc");
  mkdirSync(compiled, { recursive: true });
  const fresh = mkdtempSync(`${compiled}-`);
  try {
    const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.examples.json", "--outDir", fresh], { cwd: root, stdio: "inherit" });
    if (status !== 0) throw new Error("the examples do not compile; the compiler's messages stand above.");
    for (const name of readdirSync(fresh)) renameSync(path.join(fresh, name), path.join(compiled, name));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/**
 * @typedef {object} Role
 * @property {string} name Shown before each of its lines.
 * @property {"romeo" | "juliet" | "device" | "chat"} program
 * @property {string} account
 * @property {string} password
 * @property {string} service
 * @property {string} contact
 */

/**
 * @typedef {object} Actor
 * @property {Role} role
 * @property {(start: string) => Promise<string>} line The next line that begins so, without that beginning.
 * @property {() => Promise<number | null>} ended Exit status, once it has ended.
 * @property {() => Promise<void>} stop Asks it to end and waits.
 */

/**
 * Starts an actor; `onLine` gets each line of its output.
 * @param {Role} role
 * @param {import("./prosody.mjs").Prosody} server
 * @param {(role: Role, line: string) => void} onLine
 * @param {boolean} [interactive] Gives it this terminal.
 * @returns {Actor}
 */
export function startActor(role, server, onLine, interactive = false) {
  const store = path.join(server.dir, "stores", role.name.replace(/\W+/g, "-"));
  mkdirSync(path.dirname(store), { recursive: true });
  const child = spawn(process.execPath, [path.join(compiled, `${role.program}.js`)], {
    stdio: interactive ? "inherit" : ["ignore", "pipe", "inherit"],
    env: {
      ...process.env, SOTTO_ACCOUNT: role.account, SOTTO_PASSWORD: role.password, SOTTO_SERVICE: role.service,
      SOTTO_CONTACT: role.contact, SOTTO_CA: server.caPath, SOTTO_STORE: store,
    },
  });
  /** @type {string[]} */
  const unread = [];
  /** @type {Set<() => void>} */
  const watchers = new Set();
  const wake = () => { for (const watcher of [...watchers]) watcher(); };
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on("line", (line) => {
      unread.push(line);
      onLine(role, line);
      wake();
    });
  }
  /** @type {Promise<number | null>} */
  const ended = new Promise((resolve) => { child.once("exit", resolve); });
  void ended.then(wake);
  return {
    role,
    ended: () => ended,
    line: (start) => new Promise((resolve, reject) => {
      const look = () => {
        const index = unread.findIndex((line) => line.startsWith(start));
        const [found] = index < 0 ? [] : unread.splice(index, 1);
        if (found === undefined && child.exitCode === null && child.signalCode === null) return;
        watchers.delete(look);
        if (found !== undefined) resolve(found.slice(start.length));
        else reject(new Error(`${role.name} ended before it said "${start}"`));
      };
      watchers.add(look);
      look();
    }),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      const impatience = setTimeout(() => { child.kill("SIGKILL"); }, 5_000);
      await ended;
      clearTimeout(impatience);
    },
  };
}
