/**
 * Durable sends, each acknowledged by a real server, 1 KiB, one recipient device, 32 in flight: encrypted; in clear text through the
 * same outbox; over the bare stream, without encryption and outbox; and over the bare stream with stanzas as large as encrypted ones, which
 * tells how much of the difference is the server's. Rounds in turn, so that all share what else the machine does.
 * @module
 */
import { randomUUID } from "node:crypto";
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

/** What an encrypted message of that size looks like to the server. @param {string} to */
function likeEncrypted(to) {
  const omemo = "urn:xmpp:omemo:2";
  const key = xml(omemo, "keys", { jid: to }, xml(omemo, "key", { rid: "1234567890" }, "A".repeat(160)));
  return [
    xml(omemo, "encrypted", {}, xml(omemo, "header", { sid: "1234567890" }, key), xml(omemo, "payload", {}, "B".repeat(1_900))),
    xml("urn:xmpp:eme:0", "encryption", { namespace: omemo, name: "OMEMO" }), xml("urn:xmpp:sid:0", "origin-id", { id: randomUUID() }), xml("urn:xmpp:hints", "store"),
  ];
}

/**
 * Acknowledged sends over the bare stream.
 * @param {Awaited<ReturnType<Stage["stream"]>>} stream @param {string} to @param {() => import("../dist/base/xml.js").XmlElement[]} content
 */
function bareSender(stream, to, content) {
  /** @type {{ sequence: number, done: () => void }[]} */
  const waiting = [];
  stream.onAcknowledged((upTo) => {
    while (waiting[0] !== undefined && waiting[0].sequence <= upTo) waiting.shift()?.done();
  });
  return () => new Promise((resolve) => {
    const { sequence } = stream.sendTracked(xml("jabber:client", "message", { to, id: randomUUID(), type: "chat" }, ...content()));
    waiting.push({ sequence, done: () => { resolve(undefined); } });
  });
}

/** @returns {Promise<import("./figures.mjs").Report>} */
export async function bench() {
  const stage = await Stage.open();
  try {
    const [romeo, romeoToo, juliet] = [await stage.account("romeo"), await stage.account("romeo"), await stage.account("juliet")];
    await (await stage.client(juliet)).close(); // one device, with a bundle
    await stage.drain(juliet);
    const client = await stage.client(romeo);
    const stream = await stage.stream(romeoToo);
    const send = bareSender(stream, juliet, () => [xml("jabber:client", "body", {}, text)]);
    const conversation = client.conversation(juliet);
    /** @type {Record<"encrypted" | "outbox" | "bare" | "bareLarge", () => Promise<unknown>>} */
    const candidates = {
      encrypted: () => conversation.send({ text }).reached("sent"),
      outbox: () => conversation.sendUnencrypted({ text }).reached("sent"),
      bare: send,
      bareLarge: bareSender(stream, juliet, () => likeEncrypted(juliet)),
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
    const { encrypted, outbox, bare, bareLarge } = /** @type {Record<keyof typeof candidates, number>} */ (Object.fromEntries([...rates].map(([name, list]) => [name, median(list)])));
    return {
      notes: [`sends a second, 32 in flight: ${encrypted.toFixed(0)} encrypted and durable, ${outbox.toFixed(0)} in clear text and durable, `
        + `${bare.toFixed(0)} over the bare stream, ${bareLarge.toFixed(0)} over the bare stream with stanzas as large as the encrypted ones`],
      figures: [
        { name: "durable encrypted sends, of the bare stream in clear text", value: encrypted / bare, target: 0.5, atLeast: true },
        { name: "durable encrypted sends, of those in clear text", value: encrypted / outbox, target: 0.8, atLeast: true },
        { name: "durable encrypted sends, of the bare stream with stanzas of that size", value: encrypted / bareLarge },
      ],
    };
  } finally {
    await stage.end();
  }
}
