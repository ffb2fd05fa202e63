/** The guides' code is compiled against the built package and run. */
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
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
