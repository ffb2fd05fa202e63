/** One of the child programs: started, listened to, killed (Node only). @module */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import type { News, Orders } from "./child/jobs.js";

export interface Ending {
  /** By SIGKILL; otherwise it ended by itself. */
  readonly killed: boolean;
  readonly news: readonly News[];
  /** What it wrote on standard error. */
  readonly complaints: string;
}

export class Program {
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #news: News[] = [];

  /** `file` is the compiled program and `ordersFile` where its orders will be; `onNews` hears every line as it comes. */
  constructor(file: string, orders: Orders, ordersFile: string, onNews: (news: News) => void = () => undefined) {
    writeFileSync(ordersFile, JSON.stringify(orders));
    const child = spawn(process.execPath, [file, ordersFile], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    let complaints = "";
    child.stderr.on("data", (data: Buffer) => { complaints = (complaints + data.toString()).slice(-4_000); });
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      const news = JSON.parse(line) as News;
      this.#news.push(news);
      onNews(news);
    });
    // One that hangs is ended with a signal that nobody mistakes for a crash of the plan.
    const impatience = setTimeout(() => { child.kill("SIGABRT"); }, (orders.patienceSeconds + 15) * 1_000);
    this.ended = new Promise((resolve) => {
      child.once("close", (_code, signal) => {
        clearTimeout(impatience);
        resolve({ killed: signal === "SIGKILL", news: this.#news, complaints });
      });
    });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
