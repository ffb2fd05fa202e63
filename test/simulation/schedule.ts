/**
 * Random schedules: whatever the applications, the lines and the machines do, in any order. In the end everything is put right, and then
 * nothing may be lost, doubled, out of order or wrongly told.
 * @module
 */
import { faults, type Fault } from "./life.js";
import type { Person } from "./person.js";
import { base, servers, type ServerName } from "./points.js";
import { type Random, seededRandom } from "./scheduler.js";
import { Verifier } from "./verifier.js";
import { juliet, romeo, World } from "./world.js";

/** One schedule. */
export interface Plan {
  readonly seed: number;
  readonly server: ServerName;
}

export interface ScheduleOutcome {
  readonly plan: Plan;
  readonly messages: number;
  readonly restarts: number;
  readonly keys: number;
  readonly failures: readonly string[];
}

const actions = 50;

const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

/** Runs one schedule to its end. */
export async function runSchedule(plan: Plan): Promise<ScheduleOutcome> {
  const { seed, server } = plan;
  const from = await base("acquainted", server);
  const world = new World(seed, servers[server], from);
  const verifier = new Verifier(world, from);
  const random = seededRandom(seed ^ 0x5eed);
  let restarts = 0;
  let messages = 0;
  const restart = (person: Person, fault?: Fault): void => {
    restarts += 1;
    person.life?.die();
    person.start(fault);
  };
  for (const person of world.people) person.start();
  for (let i = 0; i < actions; i++) {
    const person = pick(random, world.people);
    const action = random();
    if (action < 0.4) {
      messages += 1;
      person.send(person.jid === romeo ? juliet : romeo, `m${String(messages)}`);
    } else if (action < 0.7) await world.until(() => false, pick(random, [1, 10, 50, 200, 2_000]));
    else if (action < 0.8) person.wire?.cut();
    else if (action < 0.85) person.life?.die();
    else if (action < 0.9) restart(person);
    else if (action < 0.97) restart(person, { ...pick(random, faults), at: 1 + Math.floor(random() * 40) });
    else if (random() < 0.5) world.server.expire();
    else await world.until(() => false, 200_000);
  }
  for (const person of world.people) {
    person.life?.spare();
    if (person.down) restart(person);
  }
  await world.rest();
  for (const person of world.people) if (person.down) restart(person);
  await world.rest();
  await world.note(() => verifier.look({ receipts: true }));
  const failures = world.wrongs.map((wrong) => `${JSON.stringify(plan)}: ${wrong}`);
  world.end();
  return { plan, messages, restarts, keys: world.recorder.keys, failures };
}
