/**
 * The machine that keeps the presence policy, against a model of the servers as they were measured and everybody else who acts between any two
 * stanzas: contacts come, go and come anew, other clients of ours grant, revoke, regroup and block, our process dies, the connection is cut
 * and resumed, the server refuses a step or does not answer. Threats V01.
 */
import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import type { Level } from "../../../src/client/presence-policy/levels.js";
import { explore, walk } from "./explore.js";
import { mistakes } from "./mistakes.js";
import type { Happening, RuleSet, Scenario } from "./world.js";

const sister = { sees: true, tells: true, online: true };
const friend = { sees: true, tells: true, online: false };
const follower = { sees: true, tells: false, online: true }; // sees us and does not tell when it comes
const stranger = { sees: false, tells: false, online: true };

const rules = (own: Level, levels: Readonly<Record<string, Level>>): RuleSet => ({ own, levels });
const pick: readonly Level[] = ["offline", "busy", "available"];
const pairs: readonly (readonly [Level, Level])[] = pick.flatMap((a) => pick.map((b) => [a, b] as const));

/** Every change between two rule sets for two contacts, with one thing happening at any moment. */
const allChanges: readonly Scenario[] = pairs.flatMap(([s, f]) => pairs.map(([s2, f2]) => ({
  name: `sister ${s} to ${s2}, follower ${f} to ${f2}`, events: 1, contacts: { sister, follower },
  rules: [rules("available", { sister: s, follower: f }), rules("available", { sister: s2, follower: f2 })],
})));

const quiet: readonly Happening[] = ["login", "roster", "block"];
const deep: readonly Scenario[] = [
  {
    name: "tightened and loosened for all kinds of contacts", events: 2, contacts: { sister, friend, follower },
    rules: [rules("available", { sister: "busy", friend: "available", follower: "away" }), rules("available", { sister: "busy", friend: "offline", follower: "available" })],
  },
  {
    name: "three things happen while two contacts change places", events: 3, contacts: { sister, friend },
    rules: [rules("available", { sister: "available", friend: "offline" }), rules("available", { sister: "offline", friend: "busy" })],
  },
  {
    name: "rules change twice in a hurry", events: 2, happenings: quiet, contacts: { sister, friend },
    rules: [rules("chat", { sister: "available", friend: "busy" }), rules("chat", { sister: "offline", friend: "busy" }), rules("chat", { sister: "available", friend: "chat" })],
  },
  {
    name: "offline for a while", events: 2, contacts: { sister, follower },
    rules: [rules("available", { sister: "available", follower: "busy" }), rules("offline", {}), rules("available", { sister: "busy", follower: "offline" })],
  },
  {
    name: "a stranger is let in and put out", events: 3, happenings: ["login", "roster"], contacts: { sister, stranger },
    rules: [rules("available", { sister: "available", stranger: "busy" }), rules("available", { sister: "away", stranger: "offline" })],
  },
  {
    name: "without privacy lists", events: 2, happenings: ["login", "cut", "crash"], lists: false, contacts: { sister, friend },
    rules: [
      rules("available", { sister: "busy", friend: "offline" }), rules("available", { sister: "available", friend: "away" }),
      rules("available", { sister: "offline", friend: "busy" }),
    ],
  },
];

/** What a crash leaves behind: somebody who came in the one moment, and our process that dies before it could look for him. */
const crash: Scenario = {
  name: "a race and a crash", events: 2, happenings: ["login", "crash"], contacts: { sister },
  rules: [rules("available", { sister: "busy" }), rules("available", { sister: "offline" })],
};

test("V01 nobody is shown too much in any state, nobody keeps what he should not see, and everybody gets to see what is meant for him", () => {
  let states = 0;
  let settled = 0;
  const visit = (scenario: Scenario, limit?: number): void => {
    const result = explore(scenario, limit);
    expect(result.finding, scenario.name).toBeUndefined();
    expect(result.complete || result.states === limit).toBe(true);
    states += result.states;
    settled += result.settled;
  };
  for (const scenario of [...allChanges, crash]) visit(scenario);
  const all = states;
  for (const scenario of deep) visit(scenario, 70_000);
  console.log(`presence policy: ${all.toString()} states, all that ${(allChanges.length + 1).toString()} scenarios can reach; ${(states - all).toString()} of ${deep.length.toString()} larger ones; ${settled.toString()} settled`);
  expect(all).toBeGreaterThan(100_000);
});

test("V01 long lives at random", () => {
  const seed = Number(process.env["SOTTO_SEED"] ?? randomInt(2 ** 31));
  let state = seed;
  const random = (): number => { // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const level = (): Level => (["offline", "xa", "away", "busy", "available", "chat"] as const)[Math.floor(random() * 6)] ?? "offline";
  const seen = new Set<number>();
  for (let life = 0; life < 300; life++) {
    const scenario: Scenario = {
      name: `seed ${seed.toString()}, life ${life.toString()}`, events: 60, contacts: { sister, friend, follower, stranger, other: friend },
      rules: Array.from({ length: 8 }, () => rules(level(), { sister: level(), friend: level(), follower: level(), stranger: level(), other: level() })),
    };
    expect(walk(scenario, random, 600, (key) => { seen.add(key); }), scenario.name).toBeUndefined();
  }
  console.log(`presence policy: ${seen.size.toString()} further states at random, seed ${seed.toString()}`);
});

test.each(Object.entries(mistakes))("V01 the checker notices when %s", (_what, mistake) => {
  const found = [crash, ...allChanges.toReversed()].some((scenario) => explore({ ...scenario, ...mistake }).finding !== undefined);
  expect(found).toBe(true);
});
