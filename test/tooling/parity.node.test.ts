/** The comparison of the passed tests in Node and in Chromium, and over each kind of client: every way to differ is seen, and the real reporter feeds it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { compareProjects, type PassedFile } from "../../scripts/lib/parity.mjs";
import { root } from "../support/documents.js";

const file = "test/unit/client/outbox.test.ts";
const of = (project: PassedFile["project"], passed: readonly string[], at = file): PassedFile => ({ project, file: at, passed });

test("equal lists agree, in whatever order they were passed", () => {
  expect(compareProjects([of("node", ["a > x", "a > y"]), of("browser", ["a > y", "a > x"])])).toEqual({ compared: 2, differences: [] });
});

test.each<[string, readonly PassedFile[], readonly string[]]>([
  ["a test that passed in Node only", [of("node", ["x", "y"]), of("browser", ["x"])], [`${file}: passed in Node only: y`]],
  ["a test that passed in Chromium only", [of("node", ["x"]), of("browser", ["x", "y"])], [`${file}: passed in Chromium only: y`]],
  ["a name that passed twice in one of them", [of("node", ["x", "x"]), of("browser", ["x"])], [`${file}: passed in Node only: x`]],
  ["the same name in another file", [of("node", ["x", "y"]), of("browser", ["x"]), of("browser", ["y"], "test/unit/other.test.ts")],
    [`${file}: passed in Node only: y`, "test/unit/other.test.ts: passed in Chromium only: y"]],
  ["a file that one of them did not run", [of("node", ["x"]), of("browser", ["x"]), of("node", ["z"], "test/unit/other.test.ts")], ["test/unit/other.test.ts: passed in Node only: z"]],
  ["a file of which nothing passed", [of("node", ["x"]), of("browser", ["x"]), of("node", [], "test/unit/a.test.ts"), of("browser", [], "test/unit/a.test.ts")],
    ["test/unit/a.test.ts: nothing passed, neither in Node nor in Chromium"]],
  ["a project that did not run", [of("node", ["x"])], [`${file}: passed in Node only: x`, "no test passed both in Node and in Chromium"]],
  ["no list at all", [], ["no test passed both in Node and in Chromium"]],
])("%s is a difference", (_, files, differences) => {
  expect(compareProjects(files).differences).toEqual(differences);
});

describe("the behaviour suite", () => {
  const suite = "test/behaviour/stores.test.ts";
  const everywhere = (follower: readonly string[], worker: readonly string[]): readonly PassedFile[] =>
    [...(["node", "browser"] as const).map((project) => of(project, ["x", "y"], suite)), of("follower", follower, suite), of("worker", worker, suite)];

  test("agrees if it passed over every kind of client", () => {
    expect(compareProjects(everywhere(["y", "x"], ["x", "y"]))).toEqual({ compared: 2, differences: [] });
  });

  test.each<[string, readonly PassedFile[], readonly string[]]>([
    ["a test that a tab that follows fails", everywhere(["x"], ["x", "y"]), [`${suite}: passed directly and not in a tab that follows: y`]],
    ["a test that passed only there", everywhere(["x", "y", "z"], ["x", "y"]), [`${suite}: passed in a tab that follows and not directly: z`]],
    ["a test that a worker fails", everywhere(["x", "y"], ["y"]), [`${suite}: passed directly and not through a worker: x`]],
    ["a client that was not tried", everywhere(["x", "y"], []).filter(({ project }) => project !== "worker"), ["x", "y"].map((name) => `${suite}: passed directly and not through a worker: ${name}`)],
  ])("%s is a difference", (_, files, differences) => {
    expect(compareProjects(files).differences).toEqual(differences);
  });
});

test("files that are made for one of them are no difference", () => {
  const both = [of("node", ["x"]), of("browser", ["x"])];
  const own = [of("node", ["n"], "test/unit/storage/a.node.test.ts"), of("browser", ["b"], "test/unit/storage/a.browser.test.ts"), of("node", ["c"], "test/client/a.test.ts")];
  expect(compareProjects([...both, ...own])).toEqual({ compared: 1, differences: [] });
});

test("the reporter names each passed test with its file and project, and leaves out what was not run", () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), "sotto-parity-"));
  try {
    const list = path.join(dir, "list.json");
    const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
    const run = spawnSync(process.execPath, [
      vitest, "run", "--project", "node", "--reporter=./scripts/lib/parity-reporter.mjs", "test/unit/base/keyed-mutex.test.ts", "-t", "order",
    ], { cwd: root, encoding: "utf8", env: { ...process.env, SOTTO_PARITY_FILE: list } });
    expect(run.status, run.stdout + run.stderr).toBe(0);
    const files = JSON.parse(readFileSync(list, "utf8")) as PassedFile[];
    expect(files.map(({ project, file: at }) => [project, at])).toEqual([["node", "test/unit/base/keyed-mutex.test.ts"]]);
    expect(files[0]?.passed).toEqual([expect.stringContaining("order")]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
