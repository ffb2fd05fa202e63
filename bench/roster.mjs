/**
 * What it costs to load a roster of 5,000 contacts from the answer of a server - parsed, understood, cached, shown - against parsing its XML
 * alone. All in one run, in turn. With the cache in memory, so that the disk is not what is measured, and with it in files beside that.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { performance } from "node:perf_hooks";

import { systemClock } from "../dist/base/clock.js";
import { Roster } from "../dist/client/roster/roster.js";
import { Ledger } from "../dist/session/ledger.js";
import { memoryStore } from "../dist/storage/memory.js";
import { fileStore } from "../dist/storage-node.js";
import { XmlStreamParser } from "../dist/transport/xml/parser.js";
import { median } from "./measure.mjs";

const count = 5_000;
const rounds = 15;
const account = /** @type {import("../dist/index.js").BareJid} */ ("romeo@example.org");

const names = ["Juliet Capulet", "Nurse", "Friar Laurence", "Mercutio", "Benvolio Montague", "Paris \u2014 Count", "Rosaline", "Peter &amp; Samson"];
const item = (/** @type {number} */ i) => `<item jid='contact-${i.toString(36)}@server${i % 40}.example.org' name='${names[i % names.length]} ${i}' `
  + `subscription='${["both", "both", "to", "from", "none"][i % 5]}'><group>${["Family", "Friends", "Work", "Team 7"][i % 4]}</group>${i % 3 === 0 ? "<group>VIP</group>" : ""}</item>`;
const header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
const answer = `<iq type='result' id='1'><query xmlns='jabber:iq:roster' ver='1'>${Array.from({ length: count }, (_, i) => item(i)).join("")}</query></iq>`;

/** The answer as it comes through a socket. */
function parse() {
  /** @type {import("../dist/base/xml.js").XmlElement | undefined} */
  let stanza;
  const parser = new XmlStreamParser({ opened: () => undefined, element: (element) => { stanza = element; }, closed: () => undefined, error: (error) => { throw error; } });
  parser.write(header);
  for (let i = 0; i < answer.length; i += 16_384) parser.write(answer.slice(i, i + 16_384));
  if (stanza === undefined) throw new Error("the answer was not parsed");
  return stanza;
}

/** A roster that was never seen. @param {import("../dist/session/ports.js").Store} store */
async function loader(store) {
  const ledger = new Ledger(store, await store.acquire());
  const onError = (/** @type {unknown} */ error) => { throw error; };
  const roster = await Roster.load({ account, store, ledger, clock: systemClock, newId: () => "1", emit: () => undefined, mayAsk: () => false, onError, offline: () => new Error("no stream") });
  const query = () => /** @type {any} */ (parse().children[0]);
  const connection = /** @type {any} */ ({
    continued: false, signal: new globalThis.AbortController().signal,
    stream: { features: { name: "features", ns: "", attrs: {}, children: [] }, onStanza: () => () => undefined },
    iq: { handle: () => () => undefined, request: async () => query() },
  });
  return {
    store,
    load: async () => {
      roster.attach(connection);
      await roster.prepare(connection);
      if (roster.getSnapshot().contacts.size !== count) throw new Error("contacts are missing");
    },
  };
}

/** Milliseconds. @param {() => unknown} work */
async function timed(work) {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** @returns {Promise<import("./figures.mjs").Report>} */
export async function bench() {
  const directory = mkdtempSync(path.join(os.tmpdir(), "sotto-bench-"));
  try {
    /** @type {{ parsed: number, loaded: number, files: number }[]} */
    const costs = [];
    for (let round = -3; round < rounds; round++) {
      const [memory, files] = [await loader(memoryStore()), await loader(fileStore(path.join(directory, String(round))))];
      const cost = { parsed: await timed(parse), loaded: await timed(memory.load), files: await timed(files.load) };
      for (const { store } of [memory, files]) await store.close();
      if (round >= 0) costs.push(cost); // the others warm up
    }
    const [parseMs, loadMs, filesMs] = [median(costs.map(({ parsed }) => parsed)), median(costs.map(({ loaded }) => loaded)), median(costs.map(({ files }) => files))];
    return {
      notes: [`roster of 5,000: parsed in ${parseMs.toFixed(0)} ms, loaded in ${loadMs.toFixed(0)} ms, with the cache in files in ${filesMs.toFixed(0)} ms`],
      figures: [{ name: "loading a roster of 5,000 contacts, times parsing its XML", value: loadMs / parseMs, target: 2 }],
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
