/**
 * Durable sends, each acknowledged by a real server, 1 KiB, one recipient device, 32 in flight: encrypted; in clear text through the
 * same outbox; and over the bare stream, without encryption and outbox. Rounds in turn, so that all share what else the machine does.
 * @module
 */
import { performance } from "node:perf_hooks";

import { xml } from "../dist/base/xml.js";
import { median } from "./measure.mjs";
import { Stage } from "./stage.mjs";

const inFlight = 32;
const perRound = 640;
const rounds = 5;
const text = "x".repeat(1024);

/** Runs `count` jobs, at most `inFlight` at a time. @param {number} count @param {() => Promise<unknown>} job */
async function pipeline(count, job) {
  let left = count;
  const lane = async () => { while (left-- > 0) await job(); };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

/** Acknowledged sends over the bare stream. @param {Awaited<ReturnType<Stage["stream"]>>} stream @param {string} to */
function bareSender(stream, to) {
  /** @type {{ sequence: number, done: () => void }[]} */
  const waiting = [];
  stream.onAcknowledged((upTo) => {
    while (waiting[0] !== undefined && waiting[0].sequence <= upTo) waiting.shift()?.done();
  });
  return () => new Promise((resolve) => {
    const { sequence } = stream.sendTracked(xml("jabber:client", "message", { to, type: "chat" }, xml("jabber:client", "body", {}, text)));
    waiting.push({ sequence, done: () => { resolve(undefined); } });
  });
}

/** @returns {Promise<{ encrypted: number, outbox: number, bare: number }>} messages per second, medians */
export async function throughput() {
  const stage = await Stage.open();
  try {
    const [romeo, romeoToo, juliet] = [await stage.account("romeo"), await stage.account("romeo"), await stage.account("juliet")];
    await (await stage.client(juliet)).close(); // one device, with a bundle
    await stage.drain(juliet);
    const client = await stage.client(romeo);
    const send = bareSender(await stage.stream(romeoToo), juliet);
    const conversation = client.conversation(juliet);
    /** @type {Record<"encrypted" | "outbox" | "bare", () => Promise<unknown>>} */
    const candidates = {
      encrypted: () => conversation.send({ text }).reached("sent"),
      outbox: () => conversation.sendUnencrypted({ text }).reached("sent"),
      bare: send,
    };
    const names = /** @type {(keyof typeof candidates)[]} */ (Object.keys(candidates));
    const rates = new Map(names.map((name) => [name, /** @type {number[]} */ ([])]));
    for (const name of names) await pipeline(inFlight * 2, candidates[name]); // warm up
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < names.length; i++) {
        const name = /** @type {keyof typeof candidates} */ (names[(i + round) % names.length]);
        const begin = performance.now();
        await pipeline(perRound, candidates[name]);
        rates.get(name)?.push(perRound / ((performance.now() - begin) / 1000));
      }
    }
    return /** @type {{ encrypted: number, outbox: number, bare: number }} */ (Object.fromEntries([...rates].map(([name, list]) => [name, median(list)])));
  } finally {
    await stage.end();
  }
}
