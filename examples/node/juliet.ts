/**
 * Juliet: answers every message with her next line, until she is told to stop (SIGTERM or Ctrl-C).
 * Settings come from the environment, as in romeo.ts.
 */
import { readFile } from "node:fs/promises";
import { createClient, formatFingerprint } from "sotto";
import { fileStore } from "sotto/storage/node";

const lines = [
  "O Romeo, Romeo! wherefore art thou Romeo?",
  "Sweet, so would I: yet I should kill thee with much cherishing.",
  "Good night, good night! parting is such sweet sorrow.",
];
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
console.log(`fingerprint ${formatFingerprint(client.device.fingerprint)}`);

client.status.subscribe(() => {
  const status = client.status.getSnapshot();
  console.log(status.kind);
  if (status.kind !== "stopped") return;
  console.error(status.error.code); // a wrong password, say: nothing goes on by itself
  process.exitCode = 1;
  stop.abort();
});

let spoken = 0;
for await (const message of client.messages({ signal: stop.signal })) {
  if (message.direction === "sent") continue; // her own words, from her other device
  console.log(`reads ${message.text} (${message.security.level})`);
  const text = lines[spoken++ % lines.length] ?? "";
  console.log(`types ${text}`);
  await client.conversation(message.conversation).send({ text }).reached("stored"); // it will be sent, come what may
}
