/**
 * Pages of an archive, each message encrypted by a sender in a process of its own: what it needs of time and memory is not counted with those who
 * read them.
 * @module
 */
import { fork } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { xml } from "../dist/base/xml.js";
import { encryptedMessage } from "../dist/transport/xep/message.js";
import { Directory, openDevice } from "./omemo-device.mjs";

/** @typedef {import("../dist/transport/features/archive.js").ArchivedMessage} ArchivedMessage */
/** @typedef {{ dir: string, published: ReadonlyMap<string, any>, from: import("../dist/index.js").BareJid, to: import("../dist/index.js").BareJid, size: number }} Settings */

/** A sender, and the pages with what it wrote. */
export class ArchivedPages {
  /** @param {Settings} settings of the sender; `published` holds bundle and device list of the reader, `size` messages make a page */
  constructor(settings) {
    this.child = fork(fileURLToPath(import.meta.url), { serialization: "advanced" });
    this.child.send(settings);
    /** Whoever waits for a page. @type {{ resolve: (page: readonly ArchivedMessage[]) => void, reject: (error: Error) => void } | undefined} */
    this.waiting = undefined;
    this.child.on("message", (page) => { this.waiting?.resolve(/** @type {ArchivedMessage[]} */ (page)); });
    this.child.once("exit", () => { this.waiting?.reject(new Error("the sender has ended, its message stands above")); });
  }

  /** The next page. @returns {Promise<readonly ArchivedMessage[]>} */
  next() {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.child.send("next");
    });
  }

  end() {
    this.child.disconnect();
  }
}

/** The child's side. @param {Settings} settings @returns {Promise<() => Promise<readonly ArchivedMessage[]>>} makes the next page */
async function openSender({ dir, published, from, to, size }) {
  const { ledger, omemo } = await openDevice(dir, new Directory(published), from);
  const plan = await omemo.prepare([to]);
  let sent = 0;
  /** @param {import("../dist/session/transaction.js").Transaction} tx @returns {Promise<ArchivedMessage>} */
  const one = async (tx) => {
    const outcome = await omemo.seal(tx, plan, [xml("jabber:client", "body", {}, "x".repeat(1024))], { to });
    if (outcome.kind !== "sealed") throw new Error(outcome.kind);
    const id = `m${sent++}`;
    const stanza = encryptedMessage({ to, id, message: outcome.message });
    return { id: `a-${id}`, stamp: Date.now(), stanza: { ...stanza, attrs: { ...stanza.attrs, from: `${from}/x` } } };
  };
  return () => ledger.run(async (tx) => {
    const messages = [];
    for (let i = 0; i < size; i++) messages.push(await one(tx));
    return messages;
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  /** @type {ReturnType<typeof openSender> | undefined} */
  let sender;
  process.on("message", (message) => {
    if (sender === undefined) sender = openSender(/** @type {Settings} */ (message));
    else void sender.then((next) => next()).then((page) => process.send?.(page));
  });
}
