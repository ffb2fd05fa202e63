/**
 * What one archived message costs in `Receiver.takePage`, against what it must cost: opening it, and its share of the page's commit.
 * Both are measured inside the same run: the calls of `Omemo.open` and of `Store.commit` are timed while whole pages go through.
 * Not measured: archive, network and XML. Memory is that of this module's process, above what it has after a few pages and a collection; the
 * sender of the messages is in it, so what receiving needs is less.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { performance } from "node:perf_hooks";
import process from "node:process";
import v8 from "node:v8";
import vm from "node:vm";

import { systemClock } from "../dist/base/clock.js";
import { systemRng } from "../dist/base/rng.js";
import { xml } from "../dist/base/xml.js";
import { ArchiveCursor } from "../dist/client/receive/archive-cursor.js";
import { Gate } from "../dist/client/contact-policy/gate.js";
import { MessageLog } from "../dist/client/log/message-log.js";
import { Receiver } from "../dist/client/receive/receiver.js";
import { nodeProvider } from "../dist/crypto/node-provider.js";
import { Ledger } from "../dist/session/ledger.js";
import { Omemo } from "../dist/session/omemo.js";
import { blindTrustBeforeVerification } from "../dist/session/trust/blind-trust.js";
import { fileStore } from "../dist/storage-node.js";
import { encryptedMessage } from "../dist/transport/xep/message.js";
import { sceEnvelopeCodec } from "../dist/transport/xep/xep0420.js";
import { median } from "./measure.mjs";

const pages = 100; // 10,000 messages
const pageSize = 100;
/** Pages before the memory is measured: modules are loaded and code is compiled then. */
const warmUp = 2;
const romeo = /** @type {import("../dist/index.js").BareJid} */ ("romeo@example.org");
const juliet = /** @type {import("../dist/index.js").BareJid} */ ("juliet@example.org");

/** Lists and bundles of both. */
class Directory {
  constructor() {
    /** @type {Map<string, any>} */
    this.lists = new Map();
    /** @type {Map<string, any>} */
    this.bundles = new Map();
  }

  /** @param {string} account @returns {import("../dist/session/ports.js").DeviceDirectory} */
  of(account) {
    /** @param {any} value */
    const answer = (value) => (value === undefined ? { kind: /** @type {const} */ ("none") } : { kind: /** @type {const} */ ("found"), value });
    return {
      fetchDeviceList: async (jid) => answer(this.lists.get(jid)),
      fetchBundles: async (jid, ids) => ids.map((id) => answer(this.bundles.get(`${jid} ${id}`))),
      publishDeviceList: async (devices) => { this.lists.set(account, devices); },
      publishBundle: async (device, bundle) => { this.bundles.set(`${account} ${device}`, bundle); },
    };
  }
}

/** @param {string} dir @param {Directory} directory @param {import("../dist/index.js").BareJid} account */
async function device(dir, directory, account) {
  const store = fileStore(path.join(dir, account));
  const spent = { open: 0, commit: 0 };
  const commit = store.commit.bind(store);
  store.commit = async (changes, fence) => {
    const begin = performance.now();
    await commit(changes, fence);
    spent.commit += performance.now() - begin;
  };
  const ledger = new Ledger(store, await store.acquire());
  const omemo = await Omemo.open({
    account, ledger, directory: directory.of(account), codec: sceEnvelopeCodec, provider: nodeProvider, rng: systemRng(), clock: systemClock, trust: blindTrustBeforeVerification,
  });
  const open = omemo.open.bind(omemo);
  omemo.open = async (tx, input) => {
    const begin = performance.now();
    const outcome = await open(tx, input);
    spent.open += performance.now() - begin;
    return outcome;
  };
  await omemo.announce();
  return { store, ledger, omemo, spent };
}

/** The resident size after a collection. */
function idleSize() {
  v8.setFlagsFromString("--expose-gc");
  /** @type {() => void} */ (vm.runInNewContext("gc"))();
  return process.memoryUsage.rss();
}

/** Per message, medians over the pages. @returns {Promise<import("./figures.mjs").Report>} */
export async function bench() {
  const dir = mkdtempSync(path.join(os.tmpdir(), "sotto-bench-"));
  try {
    const directory = new Directory();
    const sender = await device(dir, directory, romeo);
    const reader = await device(dir, directory, juliet);
    const log = await MessageLog.load(reader.store, nodeProvider.symmetric);
    const cursor = await ArchiveCursor.load(reader.store);
    const gate = await Gate.load({
      account: juliet, store: reader.store, ledger: reader.ledger, log, clock: systemClock,
      emit: () => undefined, onError: () => undefined, contact: () => undefined, isBlocked: () => false, isHidden: () => false,
    });
    const receiver = new Receiver({
      account: juliet, ledger: reader.ledger, omemo: reader.omemo, log, clock: systemClock,
      emit: () => undefined, gate, notify: async () => undefined, followUp: () => undefined, noteInbound: () => undefined,
      sent: { archived: async () => "unknown", refused: async () => undefined },
    });
    const plan = await sender.omemo.prepare([juliet]);
    /** @type {{ total: number, open: number, commit: number }[]} */
    const costs = [];
    let idle = 0;
    let highest = 0;
    for (let page = 0; page < pages; page++) {
      if (page === warmUp) idle = idleSize();
      const messages = await archivedPage(sender, plan, page);
      reader.spent.open = 0;
      reader.spent.commit = 0;
      const begin = performance.now();
      await receiver.takePage(messages, { commit: (tx, last) => { if (last !== undefined) cursor.move(tx, { id: last.id, stamp: last.stamp }); } });
      costs.push({ total: performance.now() - begin, ...reader.spent });
      highest = Math.max(highest, process.memoryUsage.rss());
    }
    const settled = costs.slice(pages / 4); // the first pages warm up
    const us = (/** @type {"total" | "open" | "commit"} */ part) => (median(settled.map((cost) => cost[part])) * 1000) / pageSize;
    const [totalUs, openUs, commitUs] = [us("total"), us("open"), us("commit")];
    if ((await log.page({ limit: 1_000 })).length !== 1_000) throw new Error("the pages were not taken in");
    for (const { store } of [sender, reader]) await store.close();
    return {
      notes: [`Receiver.takePage ${totalUs.toFixed(0)} us a message, of which ${openUs.toFixed(0)} opening and ${commitUs.toFixed(0)} commit`],
      figures: [
        { name: "Receiver.takePage per message, times opening and its share of the commit", value: totalUs / (openUs + commitUs), target: 1.5 },
        { name: "memory above idle while 10,000 are taken in, their sender included, MiB", value: (highest - idle) / 2 ** 20, target: 64 },
      ],
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** @param {Awaited<ReturnType<typeof device>>} sender @param {import("../dist/session/outcome.js").SendPlan} plan @param {number} page */
function archivedPage(sender, plan, page) {
  return sender.ledger.run(async (tx) => {
    const messages = [];
    for (let i = 0; i < pageSize; i++) {
      const outcome = await sender.omemo.seal(tx, plan, [xml("jabber:client", "body", {}, "x".repeat(1024))], { to: juliet });
      if (outcome.kind !== "sealed") throw new Error(outcome.kind);
      const id = `m${page * pageSize + i}`;
      const stanza = encryptedMessage({ to: juliet, id, message: outcome.message });
      messages.push({ id: `a-${id}`, stamp: Date.now(), stanza: { ...stanza, attrs: { ...stanza.attrs, from: `${romeo}/x` } } });
    }
    return messages;
  });
}
