/**
 * Brings a bare machine to where the demo or the tests can run. Node's own modules only: it runs before any install.
 * As a program: `node scripts/setup.mjs demo` or `node scripts/setup.mjs tests`.
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { ejabberdLibraries } from "./lib/ejabberd.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const aptAttempts = 4;
const aptPauseMs = 5_000;

/** @typedef {"demo" | "tests"} Purpose */
/** @typedef {{ readonly package: string, readonly present: () => boolean }} SystemNeed */

/** @param {string} name */
const hasProgram = (name) => (process.env["PATH"] ?? "").split(path.delimiter).some((dir) => dir !== "" && existsSync(path.join(dir, name)));
/** Debian's own interpreter: another python3 earlier in PATH does not see Debian's packages. @param {string} module */
const hasPython = (module) => spawnSync("/usr/bin/python3", ["-c", `import ${module}`], { stdio: "ignore" }).status === 0;
const hasCertificates = () => existsSync("/etc/ssl/certs/ca-certificates.crt");
/** Privacy lists are a community module, in a package of its own; whoever built Prosody keeps it elsewhere. */
const hasPrivacyLists = () => ["/usr/lib", "/usr/local/lib"].some((dir) => ["", ".lua"].some((end) => existsSync(path.join(dir, "prosody", "modules", `mod_privacy_lists${end}`))));
const chromiumPath = () => process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";

/** @type {readonly SystemNeed[]} */
const demoNeeds = [
  { package: "prosody", present: () => hasProgram("prosody") && hasProgram("prosodyctl") },
  { package: "prosody-modules", present: hasPrivacyLists },
  { package: "openssl", present: () => hasProgram("openssl") },
];
/** @type {readonly SystemNeed[]} */
const testNeeds = [
  ...demoNeeds,
  { package: "ejabberd", present: () => hasProgram("erl") && ejabberdLibraries() !== undefined },
  { package: "chromium", present: () => existsSync(chromiumPath()) },
  { package: "python3-slixmpp", present: () => hasPython("slixmpp") },
  { package: "python3-omemo", present: () => hasPython("omemo") },
  { package: "python3-twomemo", present: () => hasPython("twomemo") },
  { package: "python3-oldmemo", present: () => hasPython("oldmemo") },
  { package: "python3-xmlschema", present: () => hasPython("xmlschema") },
  { package: "ca-certificates", present: hasCertificates },
];

/**
 * Installs what is missing and returns when everything is there.
 * @param {Purpose} purpose
 * @returns {Promise<void>}
 * @throws {Error} with one sentence that says what to do, when it cannot install.
 */
export async function setup(purpose) {
  installNpmPackages();
  await installSystemPackages(purpose === "demo" ? demoNeeds : testNeeds);
}

function installNpmPackages() {
  const lock = path.join(root, "package-lock.json");
  const installed = path.join(root, "node_modules", ".package-lock.json"); // npm writes it last
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.log("setup: installing the npm packages of package-lock.json");
  const { status } = spawnSync("npm", ["ci", "--include=dev", "--include=optional", "--loglevel=error"], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error("npm ci failed; its message stands above.");
}

/** @param {readonly SystemNeed[]} needs */
async function installSystemPackages(needs) {
  const missing = needs.filter((need) => !need.present());
  if (missing.length === 0) return;
  const names = missing.map((need) => need.package);
  if (!hasProgram("apt-get")) throw new Error(`Please install first: ${names.join(", ")} (names of Debian's packages).`);
  if (process.getuid?.() !== 0) throw new Error(`Please run first: sudo apt-get install --no-install-recommends ${names.join(" ")}`);
  console.log(`setup: installing from Debian: ${names.join(" ")}`);
  const restore = forbidDaemons();
  try {
    await apt(["update"]);
    await apt(["install", "--yes", "--no-install-recommends", ...names]);
  } finally {
    restore();
  }
  const still = missing.filter((need) => !need.present()).map((need) => need.package);
  if (still.length > 0) throw new Error(`Installed, but not usable afterwards: ${still.join(", ")}`);
}

/**
 * Debian's packages start their daemons on installation unless policy-rc.d says 101; ours are private and started by hand.
 * @returns {() => void} puts everything back.
 */
function forbidDaemons() {
  const file = "/usr/sbin/policy-rc.d";
  if (existsSync(file)) return () => undefined; // the machine has a rule of its own
  writeFileSync(file, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  const remove = () => { rmSync(file, { force: true }); };
  const interrupted = () => { remove(); process.exit(130); };
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  return () => {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    remove();
  };
}

/** Runs apt-get; another apt at work or a mirror that stumbles is waited for. @param {readonly string[]} args */
async function apt(args) {
  const options = ["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3", "-o", "Dpkg::Use-Pty=0"];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  for (let attempt = 1; ; attempt++) {
    const result = spawnSync("apt-get", [...options, ...args], { env, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
    if (result.status === 0) return;
    if (attempt === aptAttempts) throw new Error(`apt-get ${args[0] ?? ""} failed:\n${`${result.stdout}${result.stderr}`.slice(-3_000)}`);
    await delay(aptPauseMs * attempt);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await setup(process.argv[2] === "demo" ? "demo" : "tests");
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
