/**
 * Compares what passed in Node with what passed in Chromium: the same files, the same tests, the same number of times.
 * Spec: design section 8. Not here: running them (test.mjs), writing the lists (parity-reporter.mjs).
 * @module
 */

/** What passed of one file in one project. @typedef {{ readonly project: "node" | "browser", readonly file: string, readonly passed: readonly string[] }} PassedFile */

/** Folders whose files run in both; `*.node.test.ts` and `*.browser.test.ts` are the exceptions. */
const shared = /^test\/(unit|behaviour)\/(?!.*\.(node|browser)\.test\.ts$).*\.test\.ts$/;

/**
 * The differences, a line each; empty if there are none.
 * @param {readonly PassedFile[]} files
 * @returns {{ readonly compared: number, readonly differences: readonly string[] }} `compared`: tests that passed in both
 */
export function compareProjects(files) {
  /** @type {Map<string, { readonly node: string[], readonly browser: string[] }>} */
  const byFile = new Map();
  for (const { project, file, passed } of files) {
    if (!shared.test(file)) continue;
    const sides = byFile.get(file) ?? { node: [], browser: [] };
    sides[project].push(...passed);
    byFile.set(file, sides);
  }
  const differences = [];
  let compared = 0;
  for (const [file, { node, browser }] of [...byFile].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const inBrowser = [...browser];
    for (const name of node) {
      const at = inBrowser.indexOf(name);
      if (at === -1) differences.push(`${file}: passed in Node only: ${name}`);
      else {
        inBrowser.splice(at, 1);
        compared++;
      }
    }
    for (const name of inBrowser) differences.push(`${file}: passed in Chromium only: ${name}`);
    // A file whose tests passed nowhere would agree with itself.
    if (node.length + browser.length === 0) differences.push(`${file}: nothing passed, neither in Node nor in Chromium`);
  }
  // Nothing to compare is no agreement: a pattern is wrong, or one side did not run.
  if (compared === 0) differences.push("no test passed both in Node and in Chromium");
  return { compared, differences };
}
