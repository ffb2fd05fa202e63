/**
 * A second device that only reads along: what others write to the account, and what its other devices write.
 * Settings come from the environment, as in romeo.ts.
 */
import { readFile } from "node:fs/promises";
import { createClient, formatFingerprint } from "sotto";
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
console.log(`fingerprint ${formatFingerprint(client.device.fingerprint)}`);

client.status.subscribe(() => { console.log(client.status.getSnapshot().kind); });

for await (const message of client.messages({ signal: stop.signal })) {
  const writer = message.direction === "sent" ? "own words" : message.from;
  console.log(`reads ${message.text} (${writer}, ${message.security.level})`);
}
