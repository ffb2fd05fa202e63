/** A private Prosody and clients on it, for the figures that need a server. Everything is on loopback and thrown away afterwards. @module */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { createClient } from "../dist/index.js";
import { fileStore } from "../dist/storage-node.js";
import { connect, sockets } from "../dist/transport-node.js";
import { systemClock } from "../dist/base/clock.js";
import { systemRng } from "../dist/base/rng.js";
import { xml } from "../dist/base/xml.js";
import { startEjabberd } from "../scripts/lib/ejabberd.mjs";
import { startProsody } from "../scripts/lib/prosody.mjs";

/** Of every account. */
export const password = "a rose by any other name";

/** Prosody keeps 10,000 messages of an account and then rewrites the archive every hundred, three seconds each: no figure of ours. */
const roomyArchive = "storage_archive_item_limit = 1000000";

/** @typedef {import("../dist/index.js").SottoClient} SottoClient */
/** @typedef {import("../dist/index.js").BareJid} BareJid */

export class Stage {
  /** @param {import("../scripts/lib/private-server.mjs").PrivateServer} server */
  constructor(server) {
    this.server = server;
    this.dir = mkdtempSync(path.join(os.tmpdir(), "sotto-bench-"));
    /** @type {(() => Promise<unknown>)[]} */
    this.endings = [];
  }

  /** @param {"prosody" | "ejabberd"} [make] */
  static async open(make = "prosody") {
    return new Stage(await (make === "prosody" ? startProsody({ extraConfig: roomyArchive }) : startEjabberd()));
  }

  get service() {
    return `xmpp://${this.server.host}:${this.server.ports.c2s}`;
  }

  /** @param {string} name @returns {Promise<BareJid>} */
  async account(name) {
    const user = `${name}-${randomUUID().slice(0, 8)}`;
    await this.server.register(user, password);
    return /** @type {BareJid} */ (`${user}@${this.server.domain}`);
  }

  /** A directory of its own for each store. */
  directory() {
    return path.join(this.dir, randomUUID());
  }

  /** @param {BareJid} account @param {string} [directory] @returns {Promise<SottoClient>} online */
  async client(account, directory = this.directory()) {
    const client = await createClient({
      account, password, service: this.service, store: fileStore(directory), tls: { ca: this.server.caPem },
    });
    this.endings.push(() => client.close());
    await client.ready({ signal: globalThis.AbortSignal.timeout(120_000) });
    return client;
  }

  /** A stream without anything above it. @param {BareJid} account */
  async stream(account) {
    const stream = await connect({ account, password: () => password, service: this.service, tls: { ca: this.server.caPem }, clock: systemClock, rng: systemRng() }, sockets);
    this.endings.push(() => stream.close());
    stream.onStanza(() => undefined);
    await stream.send(xml("jabber:client", "presence"));
    return stream;
  }

  /** Somebody who takes what arrives, in another process. @param {BareJid} account */
  async drain(account) {
    const settings = JSON.stringify({ account, password, service: this.service, ca: this.server.caPem });
    const child = spawn(process.execPath, [fileURLToPath(new URL("drain.mjs", import.meta.url)), settings], { stdio: ["ignore", "pipe", "inherit"] });
    const gone = new Promise((resolve) => { child.once("exit", resolve); });
    const end = async () => {
      child.kill("SIGTERM");
      await gone;
    };
    this.endings.push(end);
    await new Promise((resolve) => { child.stdout.once("data", resolve); });
    return end;
  }

  async end() {
    for (const ending of this.endings) await ending();
    await this.server.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
