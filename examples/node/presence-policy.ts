/**
 * Busy for my sister, offline for friends, available for the team - and away for everybody at night.
 * Settings come from the environment, as in romeo.ts. Ends with Ctrl-C: then nobody sees anything any more.
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
  autoConnect: false, // first the rules: without them everybody would see the first presence
});
client.onEvent((event) => {
  if (event.kind === "presence-policy") console.log(`the policy is ${event.state.kind}`);
});

const contact = setting("SOTTO_CONTACT"); // may be left out
const night = { between: { from: "22:00", until: "07:00" } };
await client.presence.policy({
  groups: { Family: "busy", Friends: "offline", Team: [{ level: "away", when: night }, { level: "available" }] },
  contacts: contact === "" ? {} : { [contact]: { level: "busy", status: "call me if it is urgent" } },
  others: "offline",
});
client.connect();
await client.ready({ signal: stop.signal });

for (const { jid, name = jid } of client.roster.getSnapshot().contacts.values()) {
  const seen = client.presence.effective(jid);
  if (seen !== undefined) console.log(`${name} sees ${seen.level} (${seen.why.kind})`);
}
await new Promise((resolve) => { stop.signal.addEventListener("abort", resolve); });
