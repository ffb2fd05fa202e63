/**
 * A program that answers each question once, through the inbox, however often it dies (threats Q22). A question is a number.
 * @module
 */
import { textOf } from "./jobs.js";
import { live } from "./life.js";

await live(async (client, job) => {
  const inbox = await client.inbox();
  // Every death at a question is an attempt: with the default of five it would be set aside, which is not what is tested here.
  void inbox.process(async ({ message }) => [{ text: textOf(job.account, Number(message.text)) }], { attemptsMax: 10_000 });
});
