/** A thread of the simulation: takes jobs, one after the other. Bundled and started by pool.ts. @module */
import { parentPort } from "node:worker_threads";
import { runJob, type Job, type Outcome } from "./points.js";
import { runSchedule, type Plan, type ScheduleOutcome } from "./schedule.js";

/** A job, and its number, with which the answer comes back. */
export type Order = { readonly number: number } & ({ readonly kind: "points"; readonly job: Job } | { readonly kind: "schedule"; readonly plan: Plan });

export type Report = { readonly number: number } & (
  | { readonly kind: "points"; readonly outcome: Outcome }
  | { readonly kind: "schedule"; readonly outcome: ScheduleOutcome }
  | { readonly kind: "broken"; readonly why: string });

/** Milliseconds after which a job counts as hanging: it waits for a process that has died. None takes a tenth of it. */
const patienceMs = 600_000;

function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { reject(new Error("the job waits for something that never comes")); }, patienceMs);
    work.then(resolve, reject).finally(() => { clearTimeout(timer); });
  });
}

async function take(order: Order): Promise<Report> {
  const { number } = order;
  try {
    return order.kind === "points"
      ? { number, kind: "points", outcome: await inTime(runJob(order.job)) }
      : { number, kind: "schedule", outcome: await inTime(runSchedule(order.plan)) };
  } catch (error) {
    return { number, kind: "broken", why: `${JSON.stringify(order)}: ${error instanceof Error ? error.stack ?? error.message : String(error)}` };
  }
}

parentPort?.on("message", (order: Order) => { void take(order).then((report) => { parentPort?.postMessage(report); }); });
