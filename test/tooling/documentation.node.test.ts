/** The reference is part of what is released: `npm run verify` builds it, and nothing that is cited there may be missing in between. @module */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";

const root = path.join(import.meta.dirname, "../..");

test("typedoc builds the reference without a warning", { timeout: 120_000 }, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["node_modules/typedoc/bin/typedoc", "--emit", "none"], { cwd: root, encoding: "utf8" });
  expect(`${stdout}${stderr}`).not.toMatch(/warning|error\b/i);
  expect(status).toBe(0);
});
