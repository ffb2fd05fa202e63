/** Runs jobs of the simulation on all processors; each thread has its own worlds. @module */
import { rmSync } from "node:fs";
import os from "node:os";
import { Worker } from "node:worker_threads";
import { bundle } from "./bundle.js";
import type { Job, Outcome } from "./points.js";
import type { Plan, ScheduleOutcome } from "./schedule.js";
import type { Order, Report } from "./worker.js";

interface Waiting {
  readonly order: Order;
  readonly resolve: (report: Report) => void;
  readonly reject: (error: Error) => void;
}

/** Threads that share a queue. */
export class Pool {
  readonly #file: string;
  readonly #workers: Worker[] = [];
  readonly #queue: Waiting[] = [];
  #number = 0;

  constructor() {
    this.#file = bundle("worker.ts");
    for (let i = 0; i < Math.max(1, Math.min(8, os.availableParallelism())); i++) this.#start();
  }

  async points(job: Job): Promise<Outcome> {
    const report = await this.#run({ number: ++this.#number, kind: "points", job });
    if (report.kind !== "points") throw new Error(report.kind === "broken" ? report.why : "another kind of report");
    return report.outcome;
  }

  async schedule(plan: Plan): Promise<ScheduleOutcome> {
    const report = await this.#run({ number: ++this.#number, kind: "schedule", plan });
    if (report.kind !== "schedule") throw new Error(report.kind === "broken" ? report.why : "another kind of report");
    return report.outcome;
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
    rmSync(this.#file, { force: true });
  }

  #run(order: Order): Promise<Report> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ order, resolve, reject });
      for (const next of this.#idle.splice(0)) next();
    });
  }
  readonly #idle: (() => void)[] = [];

  #start(): void {
    const worker = new Worker(this.#file);
    this.#workers.push(worker);
    let present: Waiting | undefined;
    const next = (): void => {
      present = this.#queue.shift();
      if (present === undefined) this.#idle.push(next);
      else worker.postMessage(present.order);
    };
    worker.on("message", (report: Report) => {
      present?.resolve(report);
      next();
    });
    worker.on("error", (error) => { present?.reject(error instanceof Error ? error : new Error(String(error))); });
    next();
  }
}
