/**
 * A program that sends numbered messages through the public API, may die at any moment, and goes on where it was when it is started again.
 * A message is handed in once: the local log says which ones are there already.
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { textOf } from "./jobs.js";
import { live } from "./life.js";

await live(async (client, job, reports, flowing) => {
  const conversation = client.conversation(job.to);
  for (let n = 1; n <= job.count; n++) {
    if (reports.states.has(n)) continue;
    reports.follow(n, conversation.send({ text: textOf(job.account, n) }), flowing);
    if (job.pauseMs > 0) await delay(job.pauseMs);
  }
});
