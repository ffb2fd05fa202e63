/**
 * Crash points, enumerated: one scenario, one victim, one kind of fault, at the first operation, the second, ... until there is none
 * left to hit. After each point the victim is started again, the world comes to rest, and everything is checked.
 * @module
 */
import type { BareJid } from "../../src/base/jid.js";
import { faults, type Fault } from "./life.js";
import { scenarios, type Base, type Name, type Scenario, type Stage } from "./scenarios.js";
import type { ServerOptions } from "./server.js";
import { seededRandom } from "./scheduler.js";
import { Verifier } from "./verifier.js";
import { juliet, romeo, usualServer, World, type Snapshot } from "./world.js";

/** Servers that differ in what they promise. */
export const servers = {
  usual: usualServer,
  forgetful: { ...usualServer, tellsHandled: false, resumeSeconds: 3 },
  "without resumption": { ...usualServer, resumeSeconds: 0 },
  "without stream management": { ...usualServer, managed: false },
  "without an archive": { ...usualServer, archived: false },
} as const satisfies Readonly<Record<string, ServerOptions>>;
export type ServerName = keyof typeof servers;

/** One row of crash points. */
export interface Job {
  readonly scenario: number;
  readonly victim: Name;
  readonly fault: number;
  readonly server: ServerName;
  readonly seed: number;
}

export interface Outcome {
  readonly job: Job;
  readonly points: number;
  /** Message keys of which something left. */
  readonly keys: number;
  readonly failures: readonly string[];
}

/** Points for which one world goes on; then its logs and archives have grown enough. */
const pointsPerWorld = 25;
const pointsMax = 2_000;
/** A row that is broken at every point need not say so at all of them. */
const failuresMax = 5;

export interface Ground extends Snapshot {
  /** The last message in each log. */
  readonly positions: ReadonlyMap<BareJid, number>;
}

const bases = new Map<string, Promise<Ground>>();

/** The prepared world, made once. */
export function base(kind: Base, server: ServerName): Promise<Ground> {
  const name = `${kind} ${server}`;
  const known = bases.get(name) ?? prepare(kind, server);
  bases.set(name, known);
  return known;
}

async function prepare(kind: Base, server: ServerName): Promise<Ground> {
  const world = new World(1, servers[server]);
  for (const person of world.people) person.start();
  await world.rest();
  for (const text of kind === "acquainted" ? ["good day", "good night"] : []) {
    world.romeo.send(juliet, text);
    await world.rest();
    world.juliet.send(romeo, text);
    await world.rest();
  }
  const positions = new Map<BareJid, number>();
  for (const person of world.people) positions.set(person.jid, (await person.log()).at(-1)?.position ?? 0);
  for (const person of world.people) {
    void person.client?.close();
    await world.until(() => person.client?.status.getSnapshot().kind === "closed");
  }
  await world.until(() => world.people.every(({ wire }) => wire?.isQuiet === true));
  if (world.wrongs.length > 0) throw new Error(`the world is wrong from the beginning: ${world.wrongs.join("; ")}`);
  world.end();
  return { ...world.snapshot(), positions };
}

/** Runs a row. */
export async function runJob(job: Job, only?: number): Promise<Outcome> {
  const scenario = scenarios[job.scenario] as Scenario;
  const dimension = faults[job.fault] as Omit<Fault, "at">;
  const failures: string[] = [];
  let keys = 0;
  let points = 0;
  let ground: Stand | undefined;
  const begin = async (n: number): Promise<Stand> => {
    const from = await base(scenario.base, job.server);
    const world = new World(mix(job, n), servers[job.server], from);
    return { world, verifier: new Verifier(world, from), used: 0 };
  };
  for (let at = 1; at <= pointsMax && failures.length < failuresMax; at++) {
    ground ??= await begin(at);
    const { world, verifier } = ground;
    const fired = await runPoint({ world, verifier, scenario, victim: job.victim, fault: { ...dimension, at } });
    points += 1;
    ground.used += 1;
    const last = scenario.fresh || ground.used >= pointsPerWorld || !fired || world.wrongs.length > 0;
    if (last) await talk(ground, scenario, at);
    const wrong = world.wrongs.length > 0;
    if (wrong) failures.push(describe(job, at, ground.used, world));
    if (last || wrong) {
      keys += world.recorder.keys;
      world.end();
      ground = undefined;
    }
    if (!fired || at === only) break;
  }
  return { job, points, keys, failures };
}

/** A world in use. */
interface Stand {
  readonly world: World;
  readonly verifier: Verifier;
  used: number;
}

/** Both sides can still talk. Where a world goes on, its next point shows that: messages go one way, receipts the other. */
async function talk({ world, verifier }: Stand, scenario: Scenario, at: number): Promise<void> {
  world.romeo.send(juliet, `${String(at)}: can you hear me?`);
  world.juliet.send(romeo, `${String(at)}: I can.`);
  await world.rest();
  await world.note(() => verifier.look({ receipts: scenario.base === "acquainted" }));
}

interface Point {
  readonly world: World;
  readonly verifier: Verifier;
  readonly scenario: Scenario;
  readonly victim: Name;
  readonly fault: Fault;
}

/** False if the fault never happened: there are no more points in this row. */
async function runPoint({ world, verifier, scenario, victim, fault }: Point): Promise<boolean> {
  const random = seededRandom(world.seed ^ (fault.at * 7_919));
  const label = `p${String(fault.at)}`;
  let planned: Fault | undefined = fault;
  let life = world[victim].life;
  const stage: Stage = {
    world, label,
    start(name, autoConnect) {
      const person = world[name];
      if (name !== victim && !person.dead) return; // the other side just goes on
      person.life?.die();
      person.start(name === victim ? planned : undefined, autoConnect);
      if (name !== victim) return;
      planned = undefined;
      life = person.life;
    },
    kill(name) { world[name].life?.die(); },
  };
  world.displaying = false;
  await scenario.run(stage);
  const fired = life?.fired === true;
  life?.spare();
  if (world.people.some(({ down }) => down)) {
    await world.until(() => false, random() < 0.5 ? 0 : 10_000);
    if (random() < 0.3) world.server.expire();
    for (const person of world.people) {
      if (!person.down) continue;
      person.life?.die();
      person.start();
    }
    await world.rest();
    await scenario.resume?.(stage);
  }
  const receipts = scenario.base === "acquainted";
  await world.note(async () => [...(scenario.forgets === true ? await verifier.lookAtRecipient(label) : await verifier.look({ receipts })),
    ...((await scenario.verify?.(stage)) ?? [])]);
  return fired;
}

const mix = (job: Job, n: number): number => (job.seed * 31 + job.scenario * 1_000_003 + job.fault * 10_007 + n * 101 + (job.victim === "romeo" ? 0 : 7)) >>> 0;

function describe(job: Job, at: number, used: number, world: World): string {
  const { operation, kind, moment } = faults[job.fault] as Fault;
  const errors = world.people.map(({ jid, errors: codes }) => `${jid}: ${codes.slice(-6).join(" ")}`).join(", ");
  return `${(scenarios[job.scenario] as Scenario).name}: ${job.victim} ${kind} ${moment} ${operation} ${String(at)} on a server ${job.server} `
    + `(${JSON.stringify(job)}, point ${String(used)} of its world, seed ${String(world.seed)}): ${world.wrongs.slice(0, 4).join("; ")} [${errors}]`;
}

/** All rows. `rounds`: the usual server is taken so often, each time with another seed. */
export function allJobs(seed: number, rounds: readonly ServerName[]): readonly Job[] {
  return rounds.flatMap((server, round) => scenarios.flatMap((scenario, index) => scenario.victims.flatMap((victim) =>
    faults.map((_fault, fault): Job => ({ scenario: index, victim, fault, server, seed: seed + round })))));
}
