/**
 * The four scenarios: crash, cut, expire, ack-lost. Many runs share one server and one program; each has an account, a store and a proxy of its own, and
 * everything that happens to it follows from its seed (Node only).
 * @module
 */
import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type Arena, resumeSeconds } from "./arena.js";
import { Chance } from "./chance.js";
import type { Job } from "./child/jobs.js";
import { cut, type Fault, FaultProxy, type Trigger } from "./fault-proxy.js";
import type { Ending } from "./program.js";
import type { Verdict } from "./verdict.js";

export const scenarios = ["crash", "cut", "expire", "ack-lost"] as const;
export type Scenario = (typeof scenarios)[number];

export interface Outcome {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly verdict: Verdict;
  /** Kills or broken connections that really happened while messages were on their way. */
  readonly faults: number;
}

/** Runs that share a program. */
const groupSize = 5;
const patienceSeconds = 120;
const livesMax = 4;

/** Carries out the runs of one scenario with these seeds. @throws Error if a program ends by an error of its own. */
export async function play(arena: Arena, scenario: Scenario, seeds: readonly number[]): Promise<readonly Outcome[]> {
  const accounts = await arena.accounts(seeds.length);
  const runs = seeds.map((seed, i) => prepare(arena, seed, accounts[i] as string, arena.recipients[i % arena.recipients.length] as string));
  const faults = scenario === "crash" ? await playCrashes(arena, runs) : await playLinks(arena, scenario, runs);
  const verdicts = await arena.verdicts(runs.map((run) => run.job));
  return runs.map((run) => ({ scenario, seed: run.seed, verdict: verdicts.get(run.job.account) as Verdict, faults: faults.get(run.job.account) ?? 0 }));
}

interface Run {
  readonly seed: number;
  readonly chance: Chance;
  readonly job: Job;
}

function prepare(arena: Arena, seed: number, account: string, to: string): Run {
  const chance = new Chance(seed);
  const job = arena.job(account, { to, count: chance.between(8, 16), pauseMs: chance.one([0, 5, 20, 60]) });
  return { seed, chance, job };
}

/** Whole groups are killed at once: each of their clients is in another place when it happens. Two groups at a time. */
async function playCrashes(arena: Arena, runs: readonly Run[]): Promise<ReadonlyMap<string, number>> {
  const kills = new Map<string, number>();
  const groups = Array.from({ length: Math.ceil(runs.length / groupSize) }, (_, i) => runs.slice(i * groupSize, (i + 1) * groupSize));
  const worker = async (): Promise<void> => {
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) await crashGroup(arena, group, kills);
  };
  await Promise.all([worker(), worker()]);
  return kills;
}

async function crashGroup(arena: Arena, group: readonly Run[], kills: Map<string, number>): Promise<void> {
  const { chance, job } = group[0] as Run;
  for (let life = 1; ; life++) {
    const settled = new Set<string>();
    let aim: Promise<void> | undefined;
    const orders = { jobs: group.map((run) => run.job), keys: arena.keyFile(job.account), patienceSeconds };
    const program = arena.start("sender", job.account, orders, (news) => {
      if (news.kind === "settled") settled.add(news.account);
      // Now and then during login, mostly when messages are on their way.
      const cue = life < livesMax && (news.kind === "flowing" || (news.kind === "sending" && chance.between(1, 5) === 1));
      if (cue) aim ??= delay(chance.between(0, 400)).then(() => { program.kill(); });
    });
    const ending = await program.ended;
    if (!ending.killed) {
      assertSound(ending);
      return;
    }
    for (const run of group) if (!settled.has(run.job.account)) kills.set(run.job.account, (kills.get(run.job.account) ?? 0) + 1);
  }
}

/** All runs of a batch in one program, each behind a proxy of its own. */
async function playLinks(arena: Arena, scenario: Exclude<Scenario, "crash">, runs: readonly Run[]): Promise<ReadonlyMap<string, number>> {
  const target = { host: arena.server.host, port: arena.server.ports.directTls };
  const over = new AbortController();
  setMaxListeners(0, over.signal);
  const struck = new Map<string, number>();
  const proxies = new Map<string, { readonly proxy: FaultProxy; readonly run: Run; begun: boolean }>();
  for (const run of runs) proxies.set(run.job.account, { proxy: await FaultProxy.start(target), run, begun: false });
  const strikes: Promise<void>[] = [];
  const begin = async (proxy: FaultProxy, run: Run): Promise<void> => {
    for (let left = scenario === "cut" ? run.chance.between(1, 3) : 1; left > 0; left--) {
      if ((await proxy.strike(faultOf(scenario, run.chance), over.signal)) === "struck") struck.set(run.job.account, (struck.get(run.job.account) ?? 0) + 1);
    }
  };
  const jobs = runs.map((run): Job => ({ ...run.job, service: `xmpps://127.0.0.1:${(proxies.get(run.job.account)?.proxy.port ?? 0).toString()}` }));
  const name = `${scenario}-${runs[0]?.job.account ?? ""}`;
  const program = arena.start("sender", name, { jobs, keys: arena.keyFile(name), patienceSeconds }, (news) => {
    if (news.kind !== "flowing" && news.kind !== "sending") return;
    const entry = proxies.get(news.account);
    // One in five is hit from the login on, the others when messages are on their way.
    if (entry === undefined || entry.begun || (news.kind === "sending" && entry.run.chance.between(1, 5) > 1)) return;
    entry.begun = true;
    strikes.push(begin(entry.proxy, entry.run));
  });
  const ending = await program.ended;
  over.abort();
  await Promise.all(strikes);
  await Promise.all([...proxies.values()].map(({ proxy }) => proxy.close()));
  assertSound(ending);
  return struck;
}

function triggerOf(chance: Chance): Trigger {
  return chance.one<() => Trigger>([
    () => ({ kind: "bytes", direction: "up", count: chance.between(1, 12_000) }),
    () => ({ kind: "bytes", direction: "down", count: chance.between(1, 3_000) }),
    () => ({ kind: "pieces", direction: "up", count: chance.between(1, 12) }),
    () => ({ kind: "ms", count: chance.between(0, 500) }),
  ])();
}

function faultOf(scenario: Exclude<Scenario, "crash">, chance: Chance): Fault {
  const trigger = triggerOf(chance);
  const tooLong = resumeSeconds * 1_000 + chance.between(1_500, 2_500);
  if (scenario === "cut") return cut(trigger);
  if (scenario === "expire") return { trigger, swallow: chance.one([["up", "down"], ["up"]] as const), lastsMs: tooLong, serverLeavesFirst: true };
  // The server goes on hearing us and answers in vain; half of the runs find their session gone afterwards.
  const expires = chance.between(0, 1) === 1;
  return { trigger, swallow: ["down"], lastsMs: chance.between(200, 1_500), ...(expires ? { refuseMs: tooLong } : {}) };
}

function assertSound({ news, complaints }: Ending): void {
  if (complaints !== "") throw new Error(`a program of the runs failed: ${complaints}`);
  const stuck = news.filter((each) => each.kind === "stuck");
  if (stuck.length > 0) throw new Error(stuck.map(({ account, why }) => `${account} was not done in time: ${why}`).join("\n"));
  if (news.at(-1)?.kind !== "done") throw new Error("a program of the runs did not end by itself");
}
