/**
 * A second device that only reads along: what others write to the account, and what its other devices write.
 * Settings come from the environment, as in romeo.ts.
 */
import { readFile } from "node:fs/promises";
import { createClient, formatFingerprint } from "sotto";
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
console.log(`fingerprint ${formatFingerprint(client.device.fingerprint)}`);

client.status.subscribe(() => {
  const status = client.status.getSnapshot();
  console.log(status.kind);
  if (status.kind !== "stopped") return;
  console.error(status.error.code); // a wrong password, say: nothing goes on by itself
  process.exitCode = 1;
  stop.abort();
});

for await (const message of client.messages({ signal: stop.signal })) {
  const writer = message.direction === "sent" ? "own words" : message.from;
  console.log(`reads ${message.text} (${writer}, ${message.security.level})`);
}
