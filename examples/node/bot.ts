/**
 * A bot that answers each message exactly once, however often it is killed: the answer and the acknowledgement are one commit.
 * Settings come from the environment, as in romeo.ts.
 */
import { readFile } from "node:fs/promises";
import { createClient } from "sotto";
import { fileStore } from "sotto/storage/node";

const setting = (name: string): string => process.env[name] ?? "";
const ca = setting("SOTTO_CA");

const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => { stop.abort(); });

await using client = await createClient({
  account: setting("SOTTO_ACCOUNT"),
  password: setting("SOTTO_PASSWORD"),
  service: setting("SOTTO_SERVICE"),
  store: fileStore(setting("SOTTO_STORE")),
  tls: ca === "" ? {} : { ca: await readFile(ca, "utf8") },
});
client.status.subscribe(() => {
  const status = client.status.getSnapshot();
  console.log(status.kind);
  if (status.kind !== "stopped") return;
  console.error(status.error.code); // a wrong password, say: nothing goes on by itself
  process.exitCode = status.error.code.startsWith("ERR_AUTH_") ? 78 : 1; // 78: another start would only repeat it
  stop.abort();
});

client.onEvent((event) => {
  if (event.kind === "error") console.error(event.error); // also what the handler below has thrown
  if (event.kind === "send-failed") console.error(`no answer for ${event.message.conversation}: ${event.message.delivery?.error?.code ?? ""}`);
  if (event.kind === "unreadable" || event.kind === "gap") console.error(`something may be missing: ${event.kind}`);
});

const inbox = await client.inbox();
await inbox.process(({ message, attempt }) => {
  console.log(`reads ${message.text} (attempt ${attempt.toString()})`);
  const text = `You said: ${message.text}`;
  // What is returned here leaves once. Work that reaches beyond this process may run twice; to know it again, note position, from and id of the message.
  return Promise.resolve([{ text }]);
}, { signal: stop.signal });
for (const message of await inbox.deadLetters()) console.log(`gave up on ${message.id}`);
