/** The types as an application under `exactOptionalPropertyTypes` meets them: what may be left out may be `undefined`, for it is often handed on. */
import { rmSync } from "node:fs";
import { expect, test } from "vitest";
import { compile, workshop } from "../support/documents.js";

const application = `
import type { Client, ClientOptions, InboxDelivery } from "sotto";
import { indexedDbStore } from "sotto/storage/indexeddb";
import { createSharedClient, createWorkerClient } from "sotto/tabs";

export async function handOn(client: Client, maybe: undefined, required: Pick<ClientOptions, "account" | "password" | "service">, worker: Worker, delivery: InboxDelivery) {
  const options = { signal: maybe };
  const range = { after: maybe, before: maybe, limit: maybe, reverse: maybe };
  const conversation = client.conversation("juliet@example.org");
  await client.ready(options);
  client.messages({ after: maybe, signal: maybe });
  await client.history(range);
  await conversation.prepare(options);
  await conversation.history(range, options);
  await conversation.timeline().loadOlder({ limit: maybe, signal: maybe });
  await conversation.send({ text: "Ay me" }).reached("sent", options);
  await (await client.inbox()).process(() => Promise.resolve([]), { signal: maybe, attemptsMax: maybe, concurrency: maybe });
  await delivery.ack({ replies: maybe });
  await (await client.strangers()).accept("paris@example.org", { signal: maybe, subscribe: maybe });
  await (await client.gateways()).discover(options);
  await (await client.personalEvents()).publish("nickname", "Romeo", { audience: maybe, signal: maybe });
  await client.roster.set("paris@example.org", { name: maybe, groups: maybe });
  await client.roster.subscribeTo("paris@example.org", { text: maybe, signal: maybe });
  await client.roster.import({}, { subscribe: maybe, signal: maybe });
  await client.presence.policy({ groups: maybe, contacts: maybe, others: [{ level: "busy", status: maybe, when: maybe }] }, { withoutPrivacyLists: maybe });
  await client.presence.setContext({ inCall: maybe, idleSince: maybe });
  await client.presence.direct("paris@example.org", { show: "away", idleSince: maybe, priority: maybe, statuses: maybe });
  await client.presence.capabilities("paris@example.org/x", { signal: maybe });
  await (await client.contactPolicy()).set({ groups: maybe, strangers: { message: maybe }, contacts: { call: maybe } });
  await (await client.blocking()).block(["paris@example.org"], { report: { reason: "spam", text: maybe, lang: maybe, messages: maybe }, signal: maybe });
  await (await client.gateways()).discover({ server: maybe, signal: maybe });
  await (await client.personalEvents()).publish("tune", { artist: maybe, title: maybe, length: maybe });
  const store = () => indexedDbStore("romeo", { persist: maybe, reserveBytes: maybe });
  await createSharedClient({ ...required, store, name: maybe, signal: maybe });
  await createWorkerClient({ ...required, worker, name: maybe, persist: maybe, signal: maybe });
}
`;

test("an option that may be left out may be undefined", () => {
  const dir = workshop();
  try {
    expect(compile(dir, { "application.ts": application })).toBe("");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
