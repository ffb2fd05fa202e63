/**
 * The user's process is killed with SIGKILL, on a real file store and real servers, while it is visible and at many moments of a change of its rules:
 * nobody is ever shown more than the old or the new rules allow, nobody keeps it, and the next process shows what is kept. Threats V01.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareJid, type BareJid } from "../../src/base/jid.js";
import { isWithin, type Level } from "../../src/client/presence-policy/levels.js";
import type { PolicyRules } from "../../src/client/presence-policy/rules.js";
import { startEjabberd } from "../../scripts/lib/ejabberd.mjs";
import { startProsody } from "../../scripts/lib/prosody.mjs";
import { befriend, Observer, Observers, secret } from "../support/policy-stage.js";
import { services, type PrivateServer } from "../support/servers.js";
import type { PolicyLife, PolicyOrder } from "./child/policy-life.js";

const makes = [
  { make: "prosody", start: (): Promise<PrivateServer> => startProsody({ extraModules: ["privacy_lists"], resumeSeconds: 1 }) },
  { make: "ejabberd", start: (): Promise<PrivateServer> => startEjabberd({ resumeSeconds: 1 }) },
];

// Bundled below the project, where its packages are found.
const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
let programs: string;
beforeAll(async () => {
  programs = path.join(root, ".cache", `policy-life-${process.pid.toString()}`);
  await build({
    format: "esm", platform: "node", target: "node20", logLevel: "warning", outdir: programs, bundle: true, splitting: true, conditions: ["sotto-source"],
    external: ["classic-level", "ws"], entryPoints: [path.join(root, "test", "client", "child", "policy-life.ts")],
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' }, // for the CommonJS packages inside
  });
}, 60_000);
afterAll(() => { rmSync(programs, { recursive: true, force: true }); });

/** The child process. */
class Life {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #said: string[] = [];
  readonly #listeners = new Set<() => void>();
  readonly ended: Promise<string | null>;

  constructor(life: PolicyLife) {
    this.#child = spawn(process.execPath, [path.join(programs, "policy-life.js"), JSON.stringify(life)]);
    const hear = (line: string): void => {
      this.#said.push(line);
      for (const listener of [...this.#listeners]) listener();
    };
    createInterface({ input: this.#child.stdout }).on("line", hear);
    createInterface({ input: this.#child.stderr }).on("line", hear);
    this.#child.stdin.on("error", () => undefined); // it was killed before it could read
    this.ended = new Promise((resolve) => { this.#child.once("close", (_code, signal) => { resolve(signal); }); });
  }

  /** Resolves when it says so. */
  async says(line: string): Promise<void> {
    const end = Date.now() + 15_000;
    const heard = (): boolean => {
      const at = this.#said.indexOf(line);
      if (at >= 0) this.#said.splice(0, at + 1);
      return at >= 0;
    };
    while (!heard()) {
      if (Date.now() > end) throw new TypeError(`it did not say ${line}: ${this.#said.join("; ")}`);
      await new Promise<void>((resolve) => {
        const stop = (): void => {
          clearTimeout(timer);
          this.#listeners.delete(stop);
          resolve();
        };
        const timer = setTimeout(stop, 500);
        this.#listeners.add(stop);
      });
    }
  }

  order(order: PolicyOrder): void {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
  }

  async does(order: PolicyOrder): Promise<void> {
    this.order(order);
    await this.says(`done ${order.kind}`);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    expect(await this.ended).toBe("SIGKILL");
  }
}

describe.each(makes)("a real $make", ({ start }) => {
  let server: PrivateServer;
  let user: BareJid;
  let dir: string;
  const observers = new Observers();
  const { limits, all, nobodyLeaked } = observers;
  const alive = new Set<Life>();

  const live = async (): Promise<Life> => {
    const life = new Life({ account: user, password: secret, service: services(server).directTls, ca: server.caPath, store: path.join(dir, "store") });
    alive.add(life);
    await life.says("ready");
    return life;
  };
  const die = async (life: Life): Promise<void> => {
    await life.kill();
    alive.delete(life);
  };

  beforeAll(async () => {
    server = await start();
    user = bareJid(`romeo@${server.domain}`);
    dir = mkdtempSync(path.join(os.tmpdir(), "sotto-policy-crash-"));
    for (const name of ["romeo", "sister", "friend", "team", "follower", "stranger"]) await server.register(name, secret);
    for (const name of ["sister", "friend", "team", "follower", "stranger"]) {
      const observer = new Observer(server, `${name}@${server.domain}`, user, "words");
      observers.set(name, observer);
      if (name !== "stranger") await befriend(server, user, observer.account, [name], name !== "follower");
    }
    await limits({});
    for (const observer of observers.values()) await observer.logIn();
  }, 120_000);

  afterAll(async () => {
    for (const life of alive) await life.kill();
    for (const observer of observers.values()) await observer.logOut();
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  type Levels = Readonly<Record<"sister" | "friend" | "team" | "follower", Level>>;
  const rules = (levels: Levels): PolicyRules => ({ groups: levels, contacts: { [`stranger@${server.domain}`]: "busy" }, others: "offline" });
  const before: Levels = { sister: "busy", friend: "offline", team: "available", follower: "away" };
  const after: Levels = { sister: "offline", friend: "available", team: "busy", follower: "offline" };
  const either: Levels = { sister: "busy", friend: "available", team: "available", follower: "away" };

  test("V01 killed while it is visible: nobody keeps it, and the next process shows the same to the same people", async () => {
    let life = await live();
    await life.does({ kind: "policy", rules: rules(before) });
    await limits(before);
    await life.does({ kind: "go-online" });
    await all(before);
    await limits({ ...before, stranger: "busy" });
    await life.does({ kind: "direct", to: `stranger@${server.domain}` });
    await all({ ...before, stranger: "busy" });
    await die(life);
    await all({});
    await limits(before);
    life = await live();
    await life.does({ kind: "go-online" });
    await all(before);
    await die(life);
    // At once: the next one finds the session of this one.
    life = await live();
    await life.does({ kind: "go-online" });
    await all(before);
    nobodyLeaked();
    await die(life);
  }, 60_000);

  test("V01 killed at many moments of a change of rules: no ghost, no leak, and what is kept holds from the first presence on", async () => {
    let [now, next] = [before, after];
    await limits(now);
    let life = await live();
    await life.does({ kind: "go-online" });
    const ends: string[] = [];
    for (let round = 0; round < 8; round++) {
      await all(now);
      await limits(either);
      life.order({ kind: "policy", rules: rules(next) });
      await life.says("begin policy");
      await delay(round * 4);
      await die(life);
      if (round % 2 === 0) await all({}); // otherwise the next one finds the session of this one
      life = await live();
      await life.does({ kind: "go-online" });
      // The store was written or it was not.
      const kept = await keptOf(now, next);
      ends.push(kept === next ? "new" : "old");
      [now, next] = kept === next ? [next, now] : [now, next];
      await all(now);
      await limits(now);
      nobodyLeaked();
    }
    expect(new Set(ends)).toContain("new");
    await life.does({ kind: "close" });
    await limits({});
    await all({});
    expect(isWithin("busy", watchingMost("stranger"))).toBe(true);
    nobodyLeaked();
  }, 90_000);

  const watchingMost = (name: string): Level => (observers.get(name)?.seen ?? []).reduce<Level>((most, { level }) => (isWithin(most, level) ? level : most), "offline");

  /** The two differ for the sister. */
  async function keptOf(now: Levels, next: Levels): Promise<Levels> {
    const friend = observers.get("friend") as Observer;
    const sister = observers.get("sister") as Observer;
    for (let i = 0; i < 100; i++) {
      await limits(either); // and what was sent to them has come
      const found = [now, next].find((levels) => levels.friend === friend.level && levels.sister === sister.level);
      if (found !== undefined) return found;
      await delay(50);
    }
    throw new TypeError(`friend sees ${friend.level}, sister ${sister.level}`);
  }
});
