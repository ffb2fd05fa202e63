/** The example bot, killed again and again: each message is answered once. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileExamples } from "../../scripts/lib/actors.mjs";
import { password, type Stage, stage } from "../support/prosody.js";
import { take } from "../support/take.js";

const root = path.resolve(import.meta.dirname, "../..");
const kills = 12;

let verona: Stage;
let dir: string;
beforeAll(async () => {
  compileExamples();
  verona = await stage();
  dir = mkdtempSync(path.join(os.tmpdir(), "sotto-bot-"));
});
afterAll(async () => {
  await verona.end();
  rmSync(dir, { recursive: true, force: true });
});

/** Starts the bot; resolves once it is online. */
async function startBot(account: string): Promise<ChildProcessByStdio<null, Readable, Readable>> {
  const ca = path.join(dir, "ca.pem");
  writeFileSync(ca, verona.server.caPem);
  const bot = spawn(process.execPath, [path.join(root, ".cache", "examples", "bot.js")], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, SOTTO_ACCOUNT: account, SOTTO_PASSWORD: password, SOTTO_SERVICE: verona.tcp, SOTTO_CA: ca, SOTTO_STORE: path.join(dir, "store") },
  });
  let complaints = "";
  bot.stderr.on("data", (data: Buffer) => { complaints += data.toString(); });
  await new Promise<void>((resolve, reject) => {
    bot.stdout.on("data", (data: Buffer) => { if (data.toString().includes("online")) resolve(); });
    bot.once("close", (code) => { reject(new Error(`the bot ended with ${String(code)}: ${complaints}`)); });
  });
  return bot;
}

/** Ends the bot; resolves when it is gone, and writes no more into its store. */
async function end(bot: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = new Promise((resolve) => { bot.once("exit", resolve); });
  bot.kill(signal);
  await gone;
}

test("Q22 the bot answers each message once, however often it is killed", async () => {
  const account = await verona.account("bot");
  const romeo = await verona.client(await verona.account("romeo"));
  await romeo.ready({ signal: AbortSignal.timeout(20_000) });
  const heard = romeo.messages({ signal: AbortSignal.timeout(120_000) });
  const conversation = romeo.conversation(account);
  let bot = await startBot(account);
  const said: string[] = [];
  for (let round = 0; round < kills; round++) {
    for (let i = 0; i < 3; i++) {
      const text = `message ${round.toString()}.${i.toString()}`;
      said.push(text);
      conversation.send({ text });
    }
    // At another point of its work each time: the delay spans what one round takes.
    await new Promise((resolve) => { setTimeout(resolve, 25 * round); });
    await end(bot, "SIGKILL");
    bot = await startBot(account);
  }
  const answers = (await take(heard, said.length)).map(({ text }) => text);
  expect(answers).toEqual(said.map((text) => `You said: ${text}`));
  // Nothing comes twice, and nothing is still to come: the next answer is the one to the last word.
  conversation.send({ text: "the last word" });
  expect((await take(heard, 1))[0]?.text).toBe("You said: the last word");
  await end(bot, "SIGTERM");
}, 180_000);
