/**
 * A program that sends numbered messages through the public API, may die at any moment, and goes on where it was when it is started again.
 * It writes down every state that the SDK reports. A message is handed in once: the local log says which ones are there already.
 * @module
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { createClient, type Message, type SendHandle, type SottoClient } from "sotto";
import { defaultProvider } from "sotto/crypto";
import { fileStore } from "sotto/storage/node";
import { type Job, numberOf, readOrders, type Report, tell, textOf } from "./jobs.js";
import { Mortality } from "./mortality.js";
import { Recorder } from "./recorder.js";

const orders = readOrders();
const mortality = new Mortality(orders.death);
const recorder = new Recorder(orders.keys);
mortality.watchSockets((text) => { recorder.leaving(text); });
const provider = recorder.provider(defaultProvider);

const settled = new Set(["sent", "delivered", "displayed", "failed"]);

/** The reports of one job: appended, and on disk before the program goes on. */
class Reports {
  readonly states = new Map<number, Report["state"]>();
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a", 0o600);
  }

  note(report: Report): void {
    if (this.states.get(report.n) === report.state) return;
    this.states.set(report.n, report.state);
    writeSync(this.#file, `${JSON.stringify(report)}\n`);
    fsyncSync(this.#file);
  }

  get settled(): number {
    return [...this.states.values()].filter((state) => settled.has(state)).length;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Every message to `to` in the local log. */
async function logged(client: SottoClient, job: Job): Promise<readonly Message[]> {
  const all: Message[] = [];
  for (let after = 0; ; ) {
    const page = await client.conversation(job.to).history({ after, limit: 200 });
    all.push(...page.filter((message) => message.direction === "sent"));
    const last = page.at(-1);
    if (last === undefined) return all;
    after = last.position;
  }
}

function noteLogged(job: Job, reports: Reports, messages: readonly Message[]): void {
  for (const { id, text, delivery } of messages) {
    const n = numberOf(job.account, text);
    if (n === undefined || delivery === undefined) continue;
    reports.note({ n, id, state: delivery.state, ...(delivery.error === undefined ? {} : { error: delivery.error.code }) });
  }
}

function follow(n: number, handle: SendHandle, reports: Reports, flowing: () => void): void {
  const look = (): void => {
    const { state, error } = handle.getSnapshot();
    if (state === "sealed") flowing();
    if (state !== "accepted") reports.note({ n, id: handle.id, state, ...(error === undefined ? {} : { error: error.code }) });
  };
  handle.subscribe(look);
  look();
}

async function run(job: Job): Promise<void> {
  const reports = new Reports(job.reports);
  const client = await createClient({
    account: job.account, password: job.password, service: job.service, tls: { ca: readFileSync(job.ca, "utf8") },
    store: mortality.store(fileStore(job.store)), provider,
  });
  const events: string[] = [];
  client.onEvent((event) => { events.push(event.kind === "error" ? `${event.error.code} ${event.error.message}` : event.kind); });
  noteLogged(job, reports, await logged(client, job));
  tell({ kind: "sending", account: job.account });
  const conversation = client.conversation(job.to);
  let flows = false;
  const flowing = (): void => {
    if (!flows) tell({ kind: "flowing", account: job.account });
    flows = true;
  };
  for (let n = 1; n <= job.count; n++) {
    if (reports.states.has(n)) continue;
    follow(n, conversation.send({ text: textOf(job.account, n) }), reports, flowing);
    if (job.pauseMs > 0) await delay(job.pauseMs);
  }
  const end = Date.now() + orders.patienceSeconds * 1_000;
  while (reports.settled < job.count && Date.now() < end) {
    await delay(100);
    noteLogged(job, reports, await logged(client, job));
  }
  if (reports.settled === job.count) tell({ kind: "settled", account: job.account });
  else tell({ kind: "stuck", account: job.account, why: `${reports.settled} of ${job.count}, ${JSON.stringify(client.status.getSnapshot())}, ${events.slice(-10).join(", ")}` });
  await client.close();
  reports.close();
}

await Promise.all(orders.jobs.map((job) => run(job)));
recorder.close();
tell({ kind: "done", ...mortality.counts });
process.exit(0);
