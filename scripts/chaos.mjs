/**
 * `npm run chaos -- --runs 1000`: the fault scenarios, as many times as asked, on both servers.
 * Options: `--runs N` (default 200), `--seed S` the first seed (default: from the clock; printed), `--server prosody|ejabberd`,
 * `--scenario crash|cut|expire|ack-lost`. Run number i has the seed S + i: `--runs 1 --seed S --server .. --scenario ..` repeats one.
 * `--tabs`: tabs of a real browser instead, for `--minutes M` (default 5), from the seed `--seed S`.
 * The status is zero only if nothing was lost, doubled, or reported otherwise than it was.
 * @module
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";

import { setup } from "./setup.mjs";

/** Runs that share a server's time; more would make the machine the bottleneck. */
const batch = 25;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "200" }, seed: { type: "string" }, server: { type: "string" }, scenario: { type: "string" },
    tabs: { type: "boolean", default: false }, minutes: { type: "string", default: "5" },
  },
});

try {
  await setup("tests");
  const runs = Number(values.runs);
  const firstSeed = Number(values.seed ?? Date.now() % 1_000_000_000);
  if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(firstSeed)) throw new Error("--runs and --seed are whole numbers");
  process.exitCode = (values.tabs ? tabCampaign(Number(values.minutes), firstSeed) : await campaign(runs, firstSeed)) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** Its program is a test, so that a shorter run of it is part of the suite. @param {number} minutes @param {number} seed @returns {boolean} */
function tabCampaign(minutes, seed) {
  if (!(minutes > 0)) throw new Error("--minutes is a number");
  const { status } = spawnSync(process.execPath, ["node_modules/vitest/vitest.mjs", "run", "--project", "node", "test/tabs/chaos.node.test.ts"], {
    stdio: "inherit", env: { ...process.env, SOTTO_TAB_CHAOS: `${Math.round(minutes * 60)} ${seed}` },
  });
  return status === 0;
}

/** @param {number} runs @param {number} firstSeed @returns {Promise<boolean>} */
async function campaign(runs, firstSeed) {
  const { compileHarness } = await import("./lib/compile-faults.mjs"); // it needs packages that the set-up may just have installed
  const harness = await compileHarness();
  const load = (/** @type {string} */ file) => import(path.join(harness, file));
  const { Arena } = /** @type {typeof import("../test/faults/arena.js")} */ (await load("arena.js"));
  const { play, scenarios } = /** @type {typeof import("../test/faults/scenarios.js")} */ (await load("scenarios.js"));
  const { complaints } = /** @type {typeof import("../test/faults/verdict.js")} */ (await load("verdict.js"));
  const { servers } = /** @type {typeof import("../test/support/servers.js")} */ (await load("../support/servers.js"));

  const makes = servers.filter((server) => values.server === undefined || server.make === values.server);
  const kinds = scenarios.filter((scenario) => values.scenario === undefined || scenario === values.scenario);
  const share = Math.ceil(runs / (makes.length * kinds.length));
  console.log(`${share * makes.length * kinds.length} runs, first seed ${firstSeed}`);
  const totals = { runs: 0, faults: 0, stored: 0, lost: 0, doubled: 0, falselyFailed: 0, otherwiseWrong: 0, reusedKeys: 0 };
  const begin = Date.now();
  for (const make of makes) {
    const arena = await Arena.open(make, 4);
    try {
      for (const scenario of kinds) {
        for (let done = 0; done < share; done += batch) {
          const seeds = Array.from({ length: Math.min(batch, share - done) }, (_, i) => firstSeed + done + i);
          for (const { seed, faults, verdict } of await play(arena, scenario, seeds)) {
            const wrong = complaints(verdict);
            for (const complaint of wrong) console.log(`${make.make} ${scenario} seed ${seed}: ${complaint}`);
            totals.runs += 1;
            totals.faults += faults;
            totals.stored += verdict.stored;
            totals.lost += verdict.lost.length;
            totals.doubled += verdict.doubled.length;
            totals.falselyFailed += verdict.falselyFailed.length;
            totals.otherwiseWrong += verdict.failed.length + verdict.falselySent.length + verdict.wrong.length;
          }
          console.log(`${make.make} ${scenario}: ${Math.min(done + batch, share)} of ${share}, ${Math.round((Date.now() - begin) / 1000)} s`);
        }
      }
      totals.reusedKeys += arena.keys().reused.length;
    } finally {
      await arena.close();
    }
  }
  const { runs: played, faults, stored, ...bad } = totals;
  console.log(`${played} runs, ${faults} faults, ${stored} messages; ${Object.entries(bad).map(([name, count]) => `${name} ${count}`).join(", ")}`);
  return played > 0 && Object.values(bad).every((count) => count === 0);
}
