/**
 * A bot that answers each message exactly once, however often it is killed: the answer and the acknowledgement are one commit.
 * Settings come from the environment, as in romeo.ts.
 */
import { readFile } from "node:fs/promises";
import { createClient } from "sotto";
import { fileStore } from "sotto/storage/node";

const setting = (name: string): string => process.env[name] ?? "";

const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => { stop.abort(); });

await using client = await createClient({
  account: setting("SOTTO_ACCOUNT"),
  password: setting("SOTTO_PASSWORD"),
  service: setting("SOTTO_SERVICE"),
  store: fileStore(setting("SOTTO_STORE")),
  tls: { ca: await readFile(setting("SOTTO_CA"), "utf8") },
});
client.status.subscribe(() => { console.log(client.status.getSnapshot().kind); });

const inbox = await client.inbox();
await inbox.process(({ message, attempt }) => {
  console.log(`reads ${message.text} (attempt ${attempt.toString()})`);
  const text = `You said: ${message.text}`;
  // Work that reaches beyond this process may run twice; what is returned here leaves once.
  return Promise.resolve([{ text }]);
}, { signal: stop.signal });
for (const message of await inbox.deadLetters()) console.log(`gave up on ${message.id}`);
