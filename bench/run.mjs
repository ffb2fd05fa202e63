/** `npm run bench`: the project's figures in one run, each beside its target. Builds first where needed. @module */
import { writeFileSync } from "node:fs";
import os from "node:os";
import process from "node:process";

import { build, isStale } from "../scripts/build.mjs";
import { bundleSizes } from "../scripts/lib/bundle-size.mjs";

if (isStale()) build();
// Loaded after the build: both stand on dist/.
const { benchRatchet } = await import("./ratchet.mjs");
const { sessionSize } = await import("./session-size.mjs");
const { catchUpCost } = await import("./catch-up.mjs");
const { throughput } = await import("./throughput.mjs");
const { backlog } = await import("./backlog.mjs");
const { rosterLoad } = await import("./roster.mjs");
const { browserFigures } = await import("./browser.mjs");

const ratchet = await benchRatchet();
const session = await sessionSize();
const sizes = await bundleSizes();
const catchUp = await catchUpCost();
const sends = await throughput();
const memory = await backlog();
const roster = await rosterLoad();
const browser = await browserFigures();
const curve = (/** @type {string} */ name) => browser.curves[name] ?? Number.NaN;
const mebibytes = (/** @type {number} */ bytes) => bytes / 2 ** 20;

/** @typedef {{ name: string, value: number, target: number, atLeast?: true }} Figure */
/** @type {readonly Figure[]} */
const figures = [
  { name: "encrypt 1 KiB, times the native floor", value: ratchet.encryptUs / ratchet.encryptFloorUs, target: 2 },
  { name: "decrypt 1 KiB, times the native floor", value: ratchet.decryptUs / ratchet.decryptFloorUs, target: 2 },
  { name: "packed session after the first exchange, bytes", value: session.first, target: 600 },
  { name: "packed session after a long conversation, bytes", value: session.long, target: 600 },
  ...sizes.map(({ name, gzip, limit }) => ({ name: `${name}, minified and gzipped, bytes`, value: gzip, target: limit })),
  { name: "catch-up per message, times opening and its share of the commit", value: catchUp.ratio, target: 1.5 },
  { name: "durable encrypted sends, of the bare stream in clear text", value: sends.encrypted / sends.bare, target: 0.5, atLeast: true },
  { name: "durable encrypted sends, of those in clear text", value: sends.encrypted / sends.outbox, target: 0.8, atLeast: true },
  { name: "durable encrypted sends, of the bare stream with stanzas of that size", value: sends.encrypted / sends.bareLarge, target: 0, atLeast: true },
  { name: "memory above idle while 10,000 wait, MiB", value: mebibytes(memory.waiting - memory.idle), target: 64 },
  { name: "memory above idle while they leave, MiB", value: mebibytes(memory.leaving - memory.idle), target: 64 },
  { name: "memory growth while 10,000 are caught up, MiB", value: mebibytes(catchUp.growth), target: 64 },
  { name: "loading a roster of 5,000 contacts, times parsing its XML", value: roster.ratio, target: 2 },
  { name: "Chromium: agreement by WebCrypto, of the time that noble takes", value: curve("agreement native") / curve("agreement noble"), target: 1 },
  { name: "Chromium: new key by WebCrypto, of the time that noble takes", value: curve("key native") / curve("key noble"), target: 1 },
  { name: "Chromium: signature by WebCrypto, of the time that noble takes", value: curve("sign native") / curve("sign noble"), target: 1 },
  { name: "Chromium: verification by WebCrypto, of the time that noble takes", value: curve("verify native") / curve("verify noble"), target: 1 },
  { name: "Chromium: longest task of a page that takes in 1,000 messages, ms", value: browser.page.longest, target: 16 },
  { name: "Chromium: longest task of a page whose worker does so, ms", value: browser.worker.longest, target: 50 },
];
const reached = (/** @type {Figure} */ { value, target, atLeast }) => (atLeast === true ? value >= target : value < target);

console.log(`Node ${process.version}, ${os.cpus()[0]?.model ?? "unknown processor"}`);
console.log(`encrypt ${ratchet.encryptUs.toFixed(1)} us over a floor of ${ratchet.encryptFloorUs.toFixed(1)} us; `
  + `decrypt ${ratchet.decryptUs.toFixed(1)} us over ${ratchet.decryptFloorUs.toFixed(1)} us (medians of interleaved rounds)`);
console.log(`catch-up ${catchUp.totalUs.toFixed(0)} us a message, of which ${catchUp.openUs.toFixed(0)} opening and ${catchUp.commitUs.toFixed(0)} commit`);
console.log(`sends a second, 32 in flight: ${sends.encrypted.toFixed(0)} encrypted and durable, ${sends.outbox.toFixed(0)} in clear text and durable, `
  + `${sends.bare.toFixed(0)} over the bare stream, ${sends.bareLarge.toFixed(0)} over the bare stream with stanzas as large as the encrypted ones`);
console.log(`10,000 messages: stored and sent in ${memory.seconds.toFixed(1)} s`);
console.log(`roster of 5,000: parsed in ${roster.parseMs.toFixed(0)} ms, loaded in ${roster.loadMs.toFixed(0)} ms, with the cache in files in ${roster.filesMs.toFixed(0)} ms`);
console.log(`Chromium, us by WebCrypto and by noble: ${["agreement", "key", "sign", "verify"].map((name) => `${name} ${curve(`${name} native`).toFixed(0)} and ${curve(`${name} noble`).toFixed(0)}`).join(", ")}`);
for (const [where, { longest, longestWall, longestFrame, longTasks, total, milliseconds }] of /** @type {const} */ ([["page", browser.page], ["worker", browser.worker]])) {
  console.log(`${browser.count} messages in a ${where}: ${(milliseconds / 1000).toFixed(1)} s; main thread busy for ${total.toFixed(0)} ms, longest task ${longest.toFixed(0)} ms of its own `
    + `(${longestWall.toFixed(0)} ms on the clock, which counts what else this machine does), longest time between two frames ${longestFrame.toFixed(0)} ms, ${longTasks.length} tasks above 50 ms on the clock`);
}
for (const figure of figures) {
  const { name, value, target, atLeast } = figure;
  const text = Number.isInteger(value) ? String(value) : value.toFixed(2);
  const wanted = target === 0 ? "" : `target ${atLeast === true ? "at least" : "below"} ${target}`;
  console.log(`${reached(figure) ? "ok  " : "MISS"} ${name.padEnd(70)} ${text.padStart(8)}  ${wanted}`);
}
const output = process.argv[2];
if (output !== undefined) writeFileSync(output, `${JSON.stringify(figures, undefined, 2)}\n`);
process.exitCode = figures.every(reached) ? 0 : 1;
