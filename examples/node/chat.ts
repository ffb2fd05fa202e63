/** A terminal chat with one contact. Settings come from the environment, as in romeo.ts. Ends with Ctrl-D or Ctrl-C. */
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { createClient, formatFingerprint, SottoError } from "sotto";
import { fileStore } from "sotto/storage/node";

const setting = (name: string): string => process.env[name] ?? "";
const ca = setting("SOTTO_CA");

await using client = await createClient({
  account: setting("SOTTO_ACCOUNT"),
  password: setting("SOTTO_PASSWORD"),
  service: setting("SOTTO_SERVICE"),
  store: fileStore(setting("SOTTO_STORE")),
  tls: ca === "" ? {} : { ca: await readFile(ca, "utf8") },
});
await client.ready({ signal: AbortSignal.timeout(30_000) });

const contact = client.conversation(setting("SOTTO_CONTACT"));
const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: "> " });
const ended = new AbortController();
terminal.once("close", () => { ended.abort(); });
console.log(`You are ${client.device.jid}, device ${formatFingerprint(client.device.fingerprint)}. You write to ${contact.jid}. Ctrl-C ends it.`);

const show = (text: string): void => {
  if (ended.signal.aborted) return;
  process.stdout.write(`\r${text}\n`);
  terminal.prompt(true);
};

terminal.prompt();
terminal.on("line", (line) => {
  if (line.trim() === "") { terminal.prompt(); return; }
  contact.send({ text: line }).reached("sent").then(
    (sent) => { show(`  (sent to ${sent.report.length.toString()} devices)`); },
    (error: unknown) => { show(`  (not sent: ${error instanceof SottoError ? error.code : "unknown error"})`); },
  );
});
for await (const message of client.messages({ signal: ended.signal })) {
  show(`${message.from}: ${message.text}  [${message.security.level}]`);
}
