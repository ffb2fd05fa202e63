/** `npm run bench`: the project's figures in one run, each beside its target. Builds first where needed. @module */
import { writeFileSync } from "node:fs";
import os from "node:os";
import process from "node:process";

import { build, isStale } from "../scripts/build.mjs";
import { bundleSize } from "../scripts/lib/bundle-size.mjs";

if (isStale()) build();
// Loaded after the build: both stand on dist/.
const { benchRatchet } = await import("./ratchet.mjs");
const { sessionSize } = await import("./session-size.mjs");

const ratchet = await benchRatchet();
const session = await sessionSize();
const bundle = await bundleSize();
const figures = [
  { name: "encrypt 1 KiB, times the native floor", value: ratchet.encryptUs / ratchet.encryptFloorUs, target: 2 },
  { name: "decrypt 1 KiB, times the native floor", value: ratchet.decryptUs / ratchet.decryptFloorUs, target: 2 },
  { name: "packed session after the first exchange, bytes", value: session.first, target: 600 },
  { name: "packed session after a long conversation, bytes", value: session.long, target: 600 },
  { name: "createClient bundle, minified and gzipped, bytes", value: bundle.gzip, target: 75_000 },
];

console.log(`Node ${process.version}, ${os.cpus()[0]?.model ?? "unknown processor"}`);
console.log(`encrypt ${ratchet.encryptUs.toFixed(1)} us over a floor of ${ratchet.encryptFloorUs.toFixed(1)} us; `
  + `decrypt ${ratchet.decryptUs.toFixed(1)} us over ${ratchet.decryptFloorUs.toFixed(1)} us (medians of interleaved rounds)`);
for (const { name, value, target } of figures) {
  const text = Number.isInteger(value) ? String(value) : value.toFixed(2);
  console.log(`${value < target ? "ok  " : "OVER"} ${name.padEnd(52)} ${text.padStart(8)}  target below ${target}`);
}
const output = process.argv[2];
if (output !== undefined) writeFileSync(output, `${JSON.stringify(figures, undefined, 2)}\n`);
process.exitCode = figures.every((figure) => figure.value < figure.target) ? 0 : 1;
