/**
 * Romeo: says his lines one by one, waits for an answer to each, and ends.
 * Settings come from the environment: SOTTO_ACCOUNT, SOTTO_PASSWORD, SOTTO_SERVICE, SOTTO_STORE (directory), SOTTO_CONTACT, and SOTTO_CA (PEM file) for
 * a server with a certificate authority of its own.
 */
import { readFile } from "node:fs/promises";
import { createClient, formatFingerprint } from "sotto";
import { fileStore } from "sotto/storage/node";

const lines = [
  "But, soft! what light through yonder window breaks?",
  "I would I were thy bird.",
];
const setting = (name: string): string => process.env[name] ?? "";
const ca = setting("SOTTO_CA");

await using client = await createClient({
  account: setting("SOTTO_ACCOUNT"),
  password: setting("SOTTO_PASSWORD"),
  service: setting("SOTTO_SERVICE"),
  store: fileStore(setting("SOTTO_STORE")),
  tls: ca === "" ? {} : { ca: await readFile(ca, "utf8") },
});
console.log(`fingerprint ${formatFingerprint(client.device.fingerprint)}`);

const messages = client.messages({ signal: AbortSignal.timeout(30_000) });
await client.ready({ signal: AbortSignal.timeout(30_000) });
console.log("online");

const juliet = client.conversation(setting("SOTTO_CONTACT"));
for (const text of lines) {
  console.log(`types ${text}`);
  const sent = await juliet.send({ text }).reached("sent");
  const readers = sent.report.filter((device) => device.result === "encrypted").length;
  console.log(`sent; ${readers.toString()} other devices can read it`);
  const answer = await messages.next();
  if (answer.done === true) throw new Error("no answer came in time");
  console.log(`reads ${answer.value.text} (${answer.value.security.level})`);
}
