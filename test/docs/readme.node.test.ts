/** The README's example is compiled against the built package and run as a program against a real Prosody. */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeBlocks, compile, workshop } from "../support/documents.js";
import { password, type Stage, stage } from "../support/prosody.js";
import { take } from "../support/take.js";

let verona: Stage;
let dir: string;

beforeAll(async () => {
  verona = await stage();
  dir = workshop();
});
afterAll(async () => {
  await verona.end();
  rmSync(dir, { recursive: true, force: true });
});

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
  const [source = "", ...others] = codeBlocks("README.md");
  expect(others).toEqual([]);
  expect(source.trim().split("\n").length).toBeLessThanOrEqual(24);
  const romeo = await verona.account("romeo");
  const account = await verona.account("juliet");
  const juliet = await verona.client(account);
  await juliet.ready({ signal: AbortSignal.timeout(20_000) });
  const complaints = compile(dir, {
    "example.ts": adapt(source, {
      "romeo@example.org": romeo, "juliet@example.org": account, "xmpps://example.org": verona.directTls, "./romeo": path.join(dir, "store"),
    }),
  });
  expect(complaints).toBe("");

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
