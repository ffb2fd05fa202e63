/** The guides' code is compiled against the built package and run. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { codeBlocks, compile, root, workshop } from "../support/documents.js";

/** What a guide's reader would have written beside its code. */
const companions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "02-storage-adapters.md": {
    "my-store.ts": [
      'import { memoryDisk, memoryStore } from "sotto/testing";',
      "let disk = memoryDisk();",
      "export const myStore = (name: string) => Promise.resolve(name).then(() => memoryStore(disk));",
      "export const wipeTestDatabase = (name: string) => Promise.resolve(name).then(() => { disk = memoryDisk(); });",
    ].join("\n"),
  },
};

/** For guides whose code needs a page. */
const inChromium = `
import { playwright } from "@vitest/browser-playwright";
export default { test: { browser: {
  enabled: true, headless: true, screenshotFailures: false, instances: [{ browser: "chromium" }],
  provider: playwright({ launchOptions: { executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] } }),
} } };
`;

test.each(readdirSync(path.join(root, "docs", "guides")))("the code of %s compiles and its tests pass", (guide) => {
  const dir = workshop();
  try {
    const [source = "", ...others] = codeBlocks(`docs/guides/${guide}`);
    expect(others).toEqual([]);
    const needsPage = ["react-dom/client", "sotto/tabs"].some((name) => source.includes(name));
    expect(compile(dir, { ...companions[guide], [`guide.test.${needsPage ? "tsx" : "ts"}`]: source })).toBe("");
    writeFileSync(path.join(dir, "vitest.config.js"), needsPage ? inChromium : "export default {};\n"); // or the project's own would be found above
    const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
    const run = spawnSync(process.execPath, [vitest, "run", "--root", dir, "guide.test.js"], { encoding: "utf8" });
    expect(run.status, run.stdout + run.stderr).toBe(0);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

/** What a piece of code in the text takes as given, unless it makes it itself. */
const given: Readonly<Record<string, string>> = { client: 'import("sotto").Client', account: "string", password: "string" };

/** Code that stands in the text, indented: too short, or in need of too much, to be run. */
function pieces(guide: string): readonly string[] {
  const text = readFileSync(path.join(root, "docs", "guides", guide), "utf8").replace(/^```[\s\S]*?^```/gm, "");
  const blocks = [...text.matchAll(/(?:^ {4}.*\n)+/gm)].map(([block]) => block.replace(/^ {4}/gm, ""));
  return blocks.filter((block) => /^(?:import|const) /.test(block));
}

test("the pieces of code in the text of the guides compile", () => {
  const dir = workshop();
  try {
    const all = readdirSync(path.join(root, "docs", "guides")).flatMap(pieces);
    expect(all.length).toBeGreaterThanOrEqual(3); // or it looks in the wrong place
    const files = all.map((piece, at): [string, string] => {
      const taken = Object.entries(given).filter(([name]) => !piece.includes(`const ${name} =`)).map(([name, type]) => `declare const ${name}: ${type};\n`);
      return [`piece-${at.toString()}.ts`, `${taken.join("")}${piece}export {};\n`];
    });
    expect(compile(dir, Object.fromEntries(files))).toBe("");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
