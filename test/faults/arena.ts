/** A server with recipients that other people's code plays, and the accounts and files of the runs on it (Node only). @module */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { compilePrograms } from "../../scripts/lib/compile-faults.mjs";
import { PythonPeer } from "../interop/peer/python-peer.js";
import { type PrivateServer, type ServerMake, services } from "../support/servers.js";
import type { Job, News, Orders, Report } from "./child/jobs.js";
import { type KeyVerdict, checkKeys } from "./key-records.js";
import { Program } from "./program.js";
import { type Archived, type Heard, judge, type Unheard, type Verdict } from "./verdict.js";

export const password = "a rose by any other name";

/** How long the servers of these tests keep a lost session: longer than a reconnect takes, and short enough to wait for its end. */
export const resumeSeconds = 4;

interface Statement {
  readonly archive: readonly Archived[];
  readonly heard: readonly Heard[];
  readonly failures: readonly Unheard[];
}

export class Arena {
  readonly server: PrivateServer;
  readonly dir: string;
  readonly recipients: readonly string[];
  readonly witness: PythonPeer;
  readonly #programs: { readonly dir: string; readonly remove: () => void };
  #accounts = 0;
  readonly #keyFiles: string[] = [];

  private constructor(dir: string, programs: { readonly dir: string; readonly remove: () => void }, server: PrivateServer, witness: PythonPeer, recipients: readonly string[]) {
    this.dir = dir;
    this.#programs = programs;
    this.server = server;
    this.witness = witness;
    this.recipients = recipients;
  }

  static async open(make: ServerMake, recipientCount: number): Promise<Arena> {
    const dir = mkdtempSync(path.join(os.tmpdir(), "sotto-faults-"));
    const programs = await compilePrograms(path.basename(dir));
    const server = await make.start({ resumeSeconds });
    const names = Array.from({ length: recipientCount }, (_, i) => `juliet${i}`);
    await server.registerAll(names, password);
    const witness = new PythonPeer("../../faults/witness.py", ["slixmpp", "omemo", "twomemo"]);
    const recipients = names.map((name) => `${name}@${server.domain}`);
    try {
      await Promise.all(recipients.map((jid) => witness.do("open", { jid, password, host: server.host, port: server.ports.c2s, ca: server.caPath })));
    } catch (error) {
      await Promise.all([witness.stop(), server.stop()]);
      programs.remove();
      throw error;
    }
    return new Arena(dir, programs, server, witness, recipients);
  }

  async close(): Promise<void> {
    await Promise.all([this.witness.stop(), this.server.stop()]);
    this.#programs.remove();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Starts a child program; `name` tells its orders from those of others. */
  start(program: "sender" | "answerer", name: string, orders: Orders, onNews?: (news: News) => void): Program {
    return new Program(path.join(this.#programs.dir, `${program}.js`), orders, path.join(this.dir, `orders-${name}`), onNews);
  }

  /** Fresh accounts. */
  async accounts(count: number): Promise<readonly string[]> {
    const names = Array.from({ length: count }, () => `romeo${this.#accounts++}`);
    await this.server.registerAll(names, password);
    return names.map((name) => `${name}@${this.server.domain}`);
  }

  /** A sender's job. `service` is where the server or a proxy before it answers. */
  job(account: string, o: { readonly to: string; readonly count: number; readonly pauseMs: number; readonly service?: string }): Job {
    const dir = path.join(this.dir, account);
    mkdirSync(dir, { recursive: true });
    return {
      account, password, service: services(this.server).directTls, ca: this.server.caPath,
      store: path.join(dir, "store"), reports: path.join(dir, "reports"), ...o,
    };
  }

  /** A new file for a recorder, which {@link keys} will read. */
  keyFile(name: string): string {
    const file = path.join(this.dir, `${name}.keys`);
    if (!this.#keyFiles.includes(file)) this.#keyFiles.push(file);
    return file;
  }

  keys(): KeyVerdict {
    return checkKeys(this.#keyFiles.filter((file) => existsSync(file)));
  }

  reports(job: Job): readonly Report[] {
    if (!existsSync(job.reports)) return [];
    return readFileSync(job.reports, "utf8").split("\n").flatMap((line) => (line.endsWith("}") ? [JSON.parse(line) as Report] : []));
  }

  /** Waits until the recipients have dealt with everything that is in their archives, then judges every job. */
  async verdicts(jobs: readonly Job[]): Promise<ReadonlyMap<string, Verdict>> {
    const involved = [...new Set(jobs.map((job) => job.to))];
    const statements = new Map(await Promise.all(involved.map(async (jid) => [jid, await this.#statement(jid)] as const)));
    return new Map(jobs.map((job) => {
      const statement = statements.get(job.to) as Statement;
      return [job.account, judge({ account: job.account, count: job.count, reports: this.reports(job), ...statement })] as const;
    }));
  }

  async #statement(jid: string): Promise<Statement> {
    for (let attempt = 0; ; attempt++) {
      const { archive } = await this.witness.do<{ archive: readonly Archived[] }>("archive", { jid });
      const said = await this.witness.do<Omit<Statement, "archive">>("heard", { jid });
      const archived = archive.filter((item) => item.payload !== null && item.from.split("/")[0] !== jid);
      if (archived.length <= said.heard.length + said.failures.length || attempt === 40) return { archive, ...said };
      await delay(250); // it decrypts one message after the other
    }
  }
}
