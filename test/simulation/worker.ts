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

async function take(order: Order): Promise<Report> {
  const { number } = order;
  try {
    return order.kind === "points"
      ? { number, kind: "points", outcome: await runJob(order.job) }
      : { number, kind: "schedule", outcome: await runSchedule(order.plan) };
  } catch (error) {
    return { number, kind: "broken", why: error instanceof Error ? error.stack ?? error.message : String(error) };
  }
}

parentPort?.on("message", (order: Order) => { void take(order).then((report) => { parentPort?.postMessage(report); }); });
