/**
 * Compares what passed where: the same files, the same tests, the same number of times, in Node and in Chromium; and the behaviour suite in Chromium
 * over a client of its own, over that of a tab that follows, and over that of worker mode.
 * Spec: CONTRIBUTING.md, Rules of the tests. Not here: running them (test.mjs), writing the lists (parity-reporter.mjs).
 * @module
 */

/** The name of a project in vitest.config.ts. @typedef {"node" | "browser" | "follower" | "worker"} ProjectName */
/** What passed of one file in one project. @typedef {{ readonly project: ProjectName, readonly file: string, readonly passed: readonly string[] }} PassedFile */
/** @typedef {{ readonly left: ProjectName, readonly right: ProjectName, readonly files: RegExp, readonly leftOnly: string, readonly rightOnly: string }} Pair */

/** Folders whose files run in both; `*.node.test.ts` and `*.browser.test.ts` are the exceptions. */
const shared = /^test\/(unit|behaviour)\/(?!.*\.(node|browser)\.test\.ts$).*\.test\.ts$/;
const behaviour = /^test\/behaviour\/(?!.*\.(node|browser)\.test\.ts$).*\.test\.ts$/;

/** @type {Pair} */
const platforms = { left: "node", right: "browser", files: shared, leftOnly: "in Node only", rightOnly: "in Chromium only" };
/** @type {readonly Pair[]} */
const clients = [
  { left: "browser", right: "follower", files: behaviour, leftOnly: "directly and not in a tab that follows", rightOnly: "in a tab that follows and not directly" },
  { left: "browser", right: "worker", files: behaviour, leftOnly: "directly and not through a worker", rightOnly: "through a worker and not directly" },
];

/**
 * The differences, a line each; empty if there are none.
 * @param {readonly PassedFile[]} files
 * @returns {{ readonly compared: number, readonly differences: readonly string[] }} `compared`: tests that passed in Node and in Chromium
 */
export function compareProjects(files) {
  const { compared, differences } = comparePair(files, platforms);
  for (const [file, { left, right }] of sidesOf(files, platforms)) {
    // A file whose tests passed nowhere would agree with itself.
    if (left.length + right.length === 0) differences.push(`${file}: nothing passed, neither in Node nor in Chromium`);
  }
  // Nothing to compare is no agreement: a pattern is wrong, or one side did not run.
  if (compared === 0) differences.push("no test passed both in Node and in Chromium");
  for (const pair of clients) differences.push(...comparePair(files, pair).differences);
  return { compared, differences };
}

/** @param {readonly PassedFile[]} files @param {Pair} pair @returns {{ compared: number, differences: string[] }} */
function comparePair(files, pair) {
  /** @type {string[]} */
  const differences = [];
  let compared = 0;
  for (const [file, { left, right }] of sidesOf(files, pair)) {
    const unmatched = [...right];
    for (const name of left) {
      const at = unmatched.indexOf(name);
      if (at === -1) differences.push(`${file}: passed ${pair.leftOnly}: ${name}`);
      else {
        unmatched.splice(at, 1);
        compared++;
      }
    }
    for (const name of unmatched) differences.push(`${file}: passed ${pair.rightOnly}: ${name}`);
  }
  return { compared, differences };
}

/** What passed on both sides, by file, in the order of their names. @param {readonly PassedFile[]} files @param {Pair} pair */
function sidesOf(files, pair) {
  /** @type {Map<string, { readonly left: string[], readonly right: string[] }>} */
  const byFile = new Map();
  for (const { project, file, passed } of files) {
    if (!pair.files.test(file) || (project !== pair.left && project !== pair.right)) continue;
    const sides = byFile.get(file) ?? { left: [], right: [] };
    sides[project === pair.left ? "left" : "right"].push(...passed);
    byFile.set(file, sides);
  }
  return [...byFile].sort(([a], [b]) => (a < b ? -1 : 1));
}
