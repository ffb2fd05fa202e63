/** The checker sees what it is there to see: each test breaks one thing in evidence that is otherwise good. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { nobleProvider } from "../../src/crypto/noble-provider.js";
import { type Report, textOf } from "./child/jobs.js";
import { Recorder } from "./child/recorder.js";
import { checkKeys } from "./key-records.js";
import { complaints, type Evidence, judge } from "./verdict.js";

const account = "romeo@verona.example";
const report = (n: number, state: Report["state"]): Report => ({ n, id: `id${n}`, state });

/** Three messages that were sent, archived and heard. */
function good(): { -readonly [K in keyof Evidence]: Evidence[K] extends readonly (infer T)[] ? T[] : Evidence[K] } {
  const numbers = [1, 2, 3];
  return {
    account, count: 3,
    reports: numbers.flatMap((n) => [report(n, "stored"), report(n, "sealed"), report(n, "sent")]),
    archive: numbers.map((n) => ({ stanza: `s${n}`, from: `${account}/one`, origin: `o${n}`, payload: "hash" })),
    heard: numbers.map((n) => ({ from: account, origin: `o${n}`, text: textOf(account, n) })),
    failures: [],
  };
}

test("nothing is wrong with a run where nothing went wrong, whatever others wrote to the same recipient", () => {
  const evidence = good();
  evidence.archive.push({ stanza: "s9", from: "paris@verona.example/x", origin: "o1", payload: "hash" }, { stanza: "s10", from: `${account}/one`, origin: null, payload: null });
  evidence.heard.push({ from: "paris@verona.example", origin: "o1", text: "no number" });
  expect(complaints(judge(evidence))).toEqual([]);
});

test("Q02 a message that was stored and is not in the archive, or was never decrypted, counts as lost", () => {
  const unarchived = good();
  unarchived.archive.pop();
  expect(judge(unarchived)).toMatchObject({ lost: [3], falselySent: [3] });
  const unheard = good();
  unheard.heard.pop();
  expect(judge(unheard)).toMatchObject({ lost: [3] });
});

test("Q04 a copy is seen in the archive, at the recipient, and as a message key that was used up", () => {
  const archived = good();
  archived.archive.push({ ...archived.archive[2]!, stanza: "s4" });
  const heard = good();
  heard.heard.push({ ...heard.heard[2]!, origin: "o4" });
  const dropped = good();
  dropped.failures.push({ from: account, origin: "o2", error: "DuplicateMessage: again" });
  for (const evidence of [archived, heard, dropped]) expect(judge(evidence).doubled).toHaveLength(1);
});

test("Q04 a delivered message that was reported as failed is found, and so is a failure as such", () => {
  const evidence = good();
  evidence.reports.push(report(2, "failed"));
  expect(judge(evidence)).toMatchObject({ falselyFailed: [2], failed: [] });
  evidence.archive.splice(1, 1);
  expect(judge(evidence)).toMatchObject({ falselyFailed: [], failed: [2] });
});

test("Q14 order is checked in the archive and at the recipient; wrong texts, broken messages and missing ones are told", () => {
  const archive = good();
  archive.archive.reverse();
  const heard = good();
  heard.heard.reverse();
  const text = good();
  text.heard[1] = { ...text.heard[1]!, text: "something else" };
  const broken = good();
  broken.failures.push({ from: account, origin: "o2", error: "AuthenticationFailed: MAC" });
  const missing = good();
  missing.reports.splice(6);
  for (const evidence of [archive, heard, text, broken, missing]) expect(judge(evidence).wrong).toHaveLength(1);
});

test("Q17 a key under which two plaintexts left is found, through the wire form; one that never left, or left twice alike, is not", () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), "sotto-keys-"));
  try {
    const key = new Uint8Array(32).fill(1);
    const iv = new Uint8Array(16);
    const life = (name: string, plaintext: number, leaves: boolean): string => {
      const file = path.join(dir, name);
      const recorder = new Recorder(file);
      const ciphertext = recorder.provider(nobleProvider).symmetric.aesCbcEncrypt(key, iv, new Uint8Array(48).fill(plaintext));
      const wire = Buffer.concat([Buffer.from("header"), ciphertext]).toString("base64");
      if (leaves) recorder.leaving(`<message><encrypted><header><keys><key rid="1" kex="true">${wire}</key></keys></header></encrypted></message>`);
      recorder.close();
      return file;
    };
    const first = life("first", 7, true);
    expect(checkKeys([first, life("never left", 8, false)])).toEqual({ encryptions: 2, left: 1, reused: [] });
    expect(checkKeys([first, life("the same again", 7, true)]).reused).toEqual([]);
    const second = life("second", 9, true);
    writeFileSync(second, '{"kind":"encr', { flag: "a" }); // the kill came in the middle of a line
    expect(checkKeys([first, second]).reused).toHaveLength(1);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
