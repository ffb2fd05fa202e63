/** What the programs of the fault tests have in common: a client that records and may die, and the wait until all is said (Node only). @module */
import { readFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { createClient, type SottoClient } from "sotto";
import { defaultProvider } from "sotto/crypto";
import { fileStore } from "sotto/storage/node";
import { type Job, readOrders, tell } from "./jobs.js";
import { Mortality } from "./mortality.js";
import { Recorder } from "./recorder.js";
import { Reports } from "./reports.js";

/** Lives all jobs of the orders: `work` is what each client does; its life is over when `job.count` messages are settled. */
export async function live(work: (client: SottoClient, job: Job, reports: Reports, flowing: () => void) => Promise<void>): Promise<never> {
  const orders = readOrders();
  const mortality = new Mortality(orders.death);
  const recorder = new Recorder(orders.keys);
  mortality.watchSockets((text) => { recorder.leaving(text); });
  const provider = recorder.provider(defaultProvider);

  const one = async (job: Job): Promise<void> => {
    const reports = new Reports(job);
    const client = await createClient({
      account: job.account, password: job.password, service: job.service, tls: { ca: readFileSync(job.ca, "utf8") },
      store: mortality.store(fileStore(job.store)), provider,
    });
    const events: string[] = [];
    client.onEvent((event) => { events.push(event.kind === "error" ? `${event.error.code} ${event.error.message} ${String(event.error.cause)}` : event.kind); });
    await reports.readLog(client);
    tell({ kind: "sending", account: job.account });
    let flows = false;
    await work(client, job, reports, () => {
      if (!flows) tell({ kind: "flowing", account: job.account });
      flows = true;
    });
    const end = Date.now() + orders.patienceSeconds * 1_000;
    while ((reports.settled < job.count || client.status.getSnapshot().kind !== "online") && Date.now() < end) {
      await delay(50);
      await reports.readLog(client);
    }
    if (reports.settled === job.count) tell({ kind: "settled", account: job.account });
    else tell({ kind: "stuck", account: job.account, why: `${reports.settled} of ${job.count}, ${reports.open}, ${JSON.stringify(client.status.getSnapshot())}, ${events.slice(-10).join(", ")}` });
    await client.close();
    reports.close();
  };

  await Promise.all(orders.jobs.map(one));
  recorder.close();
  tell({ kind: "done", ...mortality.counts });
  process.exit(0);
}
