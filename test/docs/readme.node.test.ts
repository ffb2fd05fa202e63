/** The README's example is compiled against the built package and run as a program against a real Prosody. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { password, type Stage, stage, take } from "../support/prosody.js";

const root = path.resolve(import.meta.dirname, "../..");
let verona: Stage;
let dir: string;

beforeAll(async () => {
  verona = await stage();
  // Inside the tree, so that the package's own name resolves to what was built.
  mkdirSync(path.join(root, ".cache"), { recursive: true });
  dir = mkdtempSync(path.join(root, ".cache", "readme-"));
});
afterAll(async () => {
  await verona.end();
  rmSync(dir, { recursive: true, force: true });
});

function readmeExample(): string {
  const blocks = [...readFileSync(path.join(root, "README.md"), "utf8").matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] as string);
  expect(blocks).toHaveLength(1);
  return blocks[0] as string;
}

/** Replaces what stands for the reader's own account; each must be there, or the test would run something else than the README. */
function adapt(source: string, values: Readonly<Record<string, string>>): string {
  let adapted = source;
  for (const [found, replacement] of Object.entries(values)) {
    expect(adapted).toContain(found);
    adapted = adapted.replaceAll(found, replacement);
  }
  return adapted;
}

test("the README's example compiles, sends and receives", async () => {
  const source = readmeExample();
  expect(source.trim().split("\n").length).toBeLessThanOrEqual(24);
  const romeo = await verona.account("romeo");
  const account = await verona.account("juliet");
  const juliet = await verona.client(account);
  await juliet.ready({ signal: AbortSignal.timeout(20_000) });
  writeFileSync(path.join(dir, "example.ts"), adapt(source, {
    "romeo@example.org": romeo, "juliet@example.org": account, "xmpps://example.org": verona.directTls, "./romeo": path.join(dir, "store"),
  }));
  writeFileSync(path.join(dir, "tsconfig.json"), JSON.stringify({
    extends: "../../tsconfig.examples.json", compilerOptions: { rootDir: ".", outDir: "." }, include: ["example.ts"],
  }));
  const tsc = spawnSync(process.execPath, [path.join(root, "node_modules/typescript/bin/tsc"), "-p", dir], { encoding: "utf8" });
  expect(tsc.stdout).toBe("");

  const heard = juliet.messages({ signal: AbortSignal.timeout(30_000) });
  const program = spawn(process.execPath, [path.join(dir, "example.js")], {
    env: { ...process.env, XMPP_PASSWORD: password, NODE_EXTRA_CA_CERTS: verona.server.caPath }, stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
    expect((await take(heard, 1))[0]?.text).toBe("Art thou there?");
    juliet.conversation(romeo).send({ text: "Ay me!" });
    const output = await take(lines, 3);
    expect(output).toEqual([expect.stringMatching(/^my fingerprint: ([0-9a-f]{8} ?){8}$/), "encrypted for 1 devices", `${account} Ay me! trusted`]);
  } finally {
    program.kill();
  }
});
