/** What a program was told by the SDK about its messages: appended to a file, and on disk before the program goes on (Node only). @module */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import type { Message, SendHandle, SottoClient } from "sotto";
import { type Job, numberOf, type Report } from "./jobs.js";

const settled = new Set<Report["state"]>(["sent", "delivered", "displayed", "failed"]);

export class Reports {
  /** By number, the last state of this life. */
  readonly states = new Map<number, Report["state"]>();
  /** By number, why a message of this life has to wait. */
  readonly #obstacles = new Map<number, string>();
  readonly #job: Job;
  readonly #file: number;

  constructor(job: Job) {
    this.#job = job;
    this.#file = openSync(job.reports, "a", 0o600);
  }

  /** Messages of which nothing more is to be waited for. */
  get settled(): number {
    return [...this.states.values()].filter((state) => settled.has(state)).length;
  }

  /** What is open, for somebody who wonders. */
  get open(): string {
    const waiting = [...this.states].filter(([, state]) => !settled.has(state));
    return waiting.map(([n, state]) => `${n} ${state} ${this.#obstacles.get(n) ?? ""}`).join("; ");
  }

  /** Follows a message that was handed in; calls `sealed` when its bytes are about to leave. */
  follow(n: number, handle: SendHandle, sealed: () => void): void {
    const look = (): void => {
      const { state, error, obstacle } = handle.getSnapshot();
      if (obstacle !== undefined) this.#obstacles.set(n, `${obstacle.code} ${obstacle.message}`);
      if (state === "sealed") sealed();
      if (state !== "accepted") this.#note({ n, id: handle.id, state, ...(error === undefined ? {} : { error: error.code }) });
    };
    handle.subscribe(look);
    look();
  }

  /** Looks into the local log, where messages of earlier lives are too. */
  async readLog(client: SottoClient): Promise<void> {
    for (const { id, text, delivery } of await sentMessages(client, this.#job)) {
      const n = numberOf(this.#job.account, text);
      if (n === undefined || delivery === undefined) continue;
      this.#note({ n, id, state: delivery.state, ...(delivery.error === undefined ? {} : { error: delivery.error.code }) });
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #note(report: Report): void {
    if (this.states.get(report.n) === report.state) return;
    this.states.set(report.n, report.state);
    writeSync(this.#file, `${JSON.stringify(report)}\n`);
    fsyncSync(this.#file);
  }
}

async function sentMessages(client: SottoClient, job: Job): Promise<readonly Message[]> {
  const all: Message[] = [];
  for (let after = 0; ; ) {
    const page = await client.conversation(job.to).history({ after, limit: 200 });
    all.push(...page.filter((message) => message.direction === "sent"));
    const last = page.at(-1);
    if (last === undefined) return all;
    after = last.position;
  }
}
