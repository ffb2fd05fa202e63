/**
 * What one archived message costs in `Receiver.takePage`, against what it must cost: opening it, and its share of the page's commit.
 * Both are measured inside the same run: the calls of `Omemo.open` and of `Store.commit` are timed while whole pages go through.
 * Not measured: archive, network and XML. Memory is that of this module's process, above what it has after a few pages and a collection; the
 * sender of the messages has a process of its own.
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
import { Gate } from "../dist/client/contact-policy/gate.js";
import { MessageLog } from "../dist/client/log/message-log.js";
import { ArchiveCursor } from "../dist/client/receive/archive-cursor.js";
import { Receiver } from "../dist/client/receive/receiver.js";
import { nodeProvider } from "../dist/crypto/node-provider.js";
import { ArchivedPages } from "./archived-pages.mjs";
import { median } from "./measure.mjs";
import { Directory, openDevice } from "./omemo-device.mjs";

const pages = 100; // 10,000 messages
const pageSize = 100;
/** Pages before the memory is measured: modules are loaded and code is compiled then. */
const warmUp = 2;
const romeo = /** @type {import("../dist/index.js").BareJid} */ ("romeo@example.org");
const juliet = /** @type {import("../dist/index.js").BareJid} */ ("juliet@example.org");

/** Times the commits of `reader`, and the messages it opens. @param {Awaited<ReturnType<typeof openDevice>>} reader */
function timed({ store, omemo }) {
  const spent = { open: 0, commit: 0 };
  const commit = store.commit.bind(store);
  store.commit = async (changes, fence) => {
    const begin = performance.now();
    await commit(changes, fence);
    spent.commit += performance.now() - begin;
  };
  const open = omemo.open.bind(omemo);
  omemo.open = async (tx, input) => {
    const begin = performance.now();
    const outcome = await open(tx, input);
    spent.open += performance.now() - begin;
    return outcome;
  };
  return spent;
}

/** @param {Awaited<ReturnType<typeof openDevice>>} reader */
async function receiving({ store, ledger, omemo }) {
  const log = await MessageLog.load(store, nodeProvider.symmetric);
  const gate = await Gate.load({
    account: juliet, store, ledger, log, clock: systemClock,
    emit: () => undefined, onError: () => undefined, contact: () => undefined, isBlocked: () => false, isHidden: () => false,
  });
  const receiver = new Receiver({
    account: juliet, ledger, omemo, log, clock: systemClock,
    emit: () => undefined, gate, notify: async () => undefined, followUp: () => undefined, noteInbound: () => undefined,
    sent: { archived: async () => "unknown", refused: async () => undefined }, mend: async () => 0,
  });
  return { log, receiver, cursor: await ArchiveCursor.load(store) };
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
  const directory = new Directory();
  const reader = await openDevice(dir, directory, juliet);
  const spent = timed(reader);
  const { log, receiver, cursor } = await receiving(reader);
  const archive = new ArchivedPages({ dir, published: directory.published, from: romeo, to: juliet, size: pageSize });
  try {
    /** @type {{ total: number, open: number, commit: number }[]} */
    const costs = [];
    let idle = 0;
    let highest = 0;
    for (let page = 0; page < pages; page++) {
      if (page === warmUp) idle = idleSize();
      const messages = await archive.next();
      Object.assign(spent, { open: 0, commit: 0 });
      const begin = performance.now();
      await receiver.takePage(messages, { commit: (tx, last) => { if (last !== undefined) cursor.move(tx, { id: last.id, stamp: last.stamp }); } });
      costs.push({ total: performance.now() - begin, ...spent });
      highest = Math.max(highest, process.memoryUsage.rss());
    }
    const settled = costs.slice(pages / 4); // the first pages warm up
    const us = (/** @type {"total" | "open" | "commit"} */ part) => (median(settled.map((cost) => cost[part])) * 1000) / pageSize;
    const [totalUs, openUs, commitUs] = [us("total"), us("open"), us("commit")];
    if ((await log.page({ limit: 1_000 })).length !== 1_000) throw new Error("the pages were not taken in");
    return {
      notes: [`Receiver.takePage ${totalUs.toFixed(0)} us a message, of which ${openUs.toFixed(0)} opening and ${commitUs.toFixed(0)} commit`],
      figures: [
        { name: "Receiver.takePage per message, times opening and its share of the commit", value: totalUs / (openUs + commitUs), target: 1.5 },
        { name: "memory above idle while 10,000 are taken in, MiB", value: (highest - idle) / 2 ** 20, target: 64 },
      ],
    };
  } finally {
    archive.end();
    await reader.store.close();
    rmSync(dir, { recursive: true, force: true });
  }
}
