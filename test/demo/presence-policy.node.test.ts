/** The example with a presence policy as a program of its own: what those see whom its rules are about. Threats V01. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bareJid, type BareJid } from "../../src/base/jid.js";
import { compileExamples } from "../../scripts/lib/actors.mjs";
import { type Prosody, startProsody } from "../../scripts/lib/prosody.mjs";
import { befriend, Observer, Observers, secret } from "../support/policy-stage.js";
import { services } from "../support/servers.js";

const program = path.resolve(import.meta.dirname, "../../.cache/examples/presence-policy.js");
const groups: Readonly<Record<string, readonly string[]>> = { sister: ["Family"], friend: ["Friends"], team: ["Team"], other: [] };

let verona: Prosody;
let user: BareJid;
let dir: string;
const observers = new Observers();

beforeAll(async () => {
  compileExamples();
  dir = mkdtempSync(path.join(os.tmpdir(), "sotto-policy-"));
  verona = await startProsody({ extraModules: ["privacy_lists"], resumeSeconds: 1 });
  user = bareJid(`romeo@${verona.domain}`);
  await verona.register("romeo", secret);
  for (const [name, of] of Object.entries(groups)) {
    await verona.register(name, secret);
    const observer = new Observer(verona, `${name}@${verona.domain}`, user);
    observers.set(name, observer);
    await befriend(verona, user, observer.account, of);
  }
  await observers.limits({});
  for (const observer of observers.values()) await observer.logIn();
});
afterAll(async () => {
  for (const observer of observers.values()) await observer.logOut();
  await verona.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A zone in which it is about `hour` o'clock now. */
function zoneAt(hour: number): string {
  const ahead = (hour - new Date().getUTCHours() + 36) % 24 - 12;
  return ahead === 0 ? "UTC" : `Etc/GMT${ahead > 0 ? "-" : "+"}${Math.abs(ahead).toString()}`; // the sign is the other way round there
}

/** Starts the example; resolves once its policy is in force. `contact` is what it finds in the environment. */
async function start(hour: number, contact: string | undefined): Promise<{ readonly child: ChildProcessByStdio<null, Readable, null>; readonly output: () => string }> {
  const child = spawn(process.execPath, [program], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env, TZ: zoneAt(hour), SOTTO_ACCOUNT: user, SOTTO_PASSWORD: secret, SOTTO_SERVICE: services(verona).tcp, SOTTO_CA: verona.caPath,
      SOTTO_STORE: path.join(dir, "store"), SOTTO_CONTACT: contact, // left out if undefined
    },
  });
  let output = "";
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (data: Buffer) => {
      output += data.toString();
      if (output.includes("the policy is in-force")) resolve();
    });
    child.once("exit", (code) => { reject(new Error(`the example ended with ${String(code)}`)); });
  });
  return { child, output: () => output };
}

async function stop(child: ChildProcessByStdio<null, Readable, null>): Promise<void> {
  const ended = new Promise<number | null>((resolve) => { child.once("exit", resolve); });
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
  await observers.all({});
}

test.each([
  { when: "by day", hour: 12, contact: undefined, seen: { sister: "busy", team: "available" }, of: "nobody in particular" },
  { when: "at night", hour: 1, contact: undefined, seen: { sister: "busy", team: "away" }, of: "nobody in particular" },
  { when: "by day", hour: 12, contact: "other", seen: { sister: "busy", team: "available", other: "busy" }, of: "one contact in no group" },
  { when: "at night", hour: 1, contact: "team", seen: { sister: "busy", team: "busy" }, of: "one contact of a group" },
] as const)("V01 the example $when with a rule for $of: everybody sees what the rules say and nothing when it ends", async ({ hour, contact, seen }) => {
  await observers.limits(seen);
  const { child, output } = await start(hour, contact === undefined ? undefined : `${contact}@${verona.domain}`);
  await observers.all(seen);
  for (const name of observers.keys()) {
    const level = (seen as Readonly<Record<string, string>>)[name] ?? "offline";
    await expect.poll(output).toContain(`${name}@${verona.domain} sees ${level} (${name === contact ? "contact" : name === "other" ? "others" : "group"})`);
  }
  if (contact !== undefined) expect(observers.get(contact)?.statuses).toEqual(["call me if it is urgent"]);
  await stop(child);
  observers.nobodyLeaked();
  await observers.limits({});
});
