/** Parts that are loaded on demand and do not come at first: bundled as an application does it, with one file missing from what the server gives. */
import { cp, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { build, type Plugin } from "esbuild";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { bareJid } from "../../../src/base/jid.js";
import type { SottoClient } from "../../../src/client/client.js";
import type { InboxDelivery } from "../../../src/client/inbox/types.js";
import { policyKey } from "../../../src/client/presence-policy/policy-key.js";
import type { Client } from "../../../src/client/surface.js";
import type { StoreKey } from "../../../src/session/ports.js";
import { when } from "../../support/facade-world.js";
import type * as FacadeModule from "../../support/facade-world.js";

const root = path.resolve(import.meta.dirname, "../../..");
/** The worlds of tests bring their own end here. */
const withoutVitest: Plugin = {
  name: "without-vitest",
  setup: (bundle) => {
    bundle.onResolve({ filter: /^vitest$/ }, () => ({ path: "vitest", namespace: "stub" }));
    bundle.onLoad({ filter: /.*/, namespace: "stub" }, () => ({ contents: "export const onTestFinished = () => undefined, expect = undefined;" }));
  },
};

let built: string;
/** The file of each part, by the module that it begins with. */
const files = new Map<string, string>();

beforeAll(async () => {
  built = await mkdtemp(path.join(tmpdir(), "sotto-parts-"));
  const { metafile } = await build({
    stdin: { contents: "export * from \"./test/support/facade-world.ts\";", resolveDir: root, loader: "ts" },
    outdir: built, outExtension: { ".js": ".mjs" }, absWorkingDir: root, conditions: ["sotto-source"], plugins: [withoutVitest],
    bundle: true, splitting: true, metafile: true, format: "esm", platform: "node", external: ["ws", "classic-level"],
    banner: { js: "import { createRequire } from \"node:module\"; const require = createRequire(import.meta.url);" }, // for packages that are no modules
    target: "es2022", logLevel: "error",
  });
  await writeFile(path.join(built, "begin.cjs"), "module.exports = () => import(\"./stdin.mjs\");"); // past the runner, which would remember what failed
  for (const [file, { entryPoint }] of Object.entries(metafile.outputs)) if (entryPoint !== undefined) files.set(entryPoint, path.relative(built, path.resolve(root, file)));
});
afterAll(() => rm(built, { recursive: true }));

type World = FacadeModule.FacadeWorld;

/** The application once more, from its first byte, on a server that lacks the file of `part` until it is brought. */
async function without(part: string): Promise<{ readonly world: World; readonly bring: () => Promise<void> }> {
  const home = await mkdtemp(path.join(tmpdir(), "sotto-part-"));
  const file = files.get(part);
  if (file === undefined) throw new Error(`nothing loads ${part}`);
  await cp(built, home, { recursive: true });
  await rename(path.join(home, file), path.join(home, "later"));
  const { FacadeWorld } = await (createRequire(import.meta.url)(path.join(home, "begin.cjs")) as () => Promise<typeof FacadeModule>)();
  const world = new FacadeWorld();
  onTestFinished(async () => {
    await world.end();
    await rm(home, { recursive: true });
  });
  return { world, bring: () => rename(path.join(home, "later"), path.join(home, file)) };
}

const notLoaded = { code: "ERR_NOT_LOADED", retryable: true };
const [romeo, juliet] = [bareJid("romeo@verona.example"), bareJid("juliet@verona.example")];

/** What of a client needs which part. */
const calls: readonly (readonly [part: string, call: string, ask: (client: SottoClient) => Promise<unknown>])[] = [
  ["src/client/blocking/blocking.ts", "blocking()", (client) => client.blocking()],
  ["src/client/log/conversations.ts", "conversations()", (client) => client.conversations()],
  ["src/client/privacy/privacy-lists.ts", "privacyLists()", (client) => client.privacyLists()],
  ["src/client/presence/personal-events.ts", "personalEvents()", (client) => client.personalEvents()],
  ["src/client/contact-policy/contact-policy.ts", "contactPolicy()", (client) => client.contactPolicy()],
  ["src/client/contact-policy/engine.ts", "strangers()", (client) => client.strangers()],
  ["src/client/contact-policy/strangers.ts", "strangers()", (client) => client.strangers()],
  ["src/transport/features/queries.ts", "queries()", (client) => client.queries()],
  ["src/client/gateways/gateways.ts", "gateways()", (client) => client.gateways()],
  ["src/client/log/retention.ts", "deleteHistory()", (client) => client.deleteHistory({ before: 0 })],
  ["src/client/log/retention.ts", "conversation().deleteHistory()", (client) => client.conversation(juliet).deleteHistory()],
  ["src/client/log/retention.ts", "conversation().deleteMessage()", (client) => client.conversation(juliet).deleteMessage({ position: 1 })],
  ["src/client/inbox/inbox.ts", "inbox()", (client) => client.inbox()],
  ["src/client/roster/exchange.ts", "roster.import()", (client) => client.roster.import({ version: 1, contacts: [] })],
  ["src/client/presence-policy/presence-policy.ts", "presence.policy()", (client) => client.presence.policy(undefined)],
];

test.each(calls)("without %s %s rejects with a code, and does what it should when it is called again", async (part, _call, ask) => {
  const { world, bring } = await without(part);
  const client = await world.other(romeo);
  await expect(ask(client)).rejects.toMatchObject(notLoaded);
  await bring();
  await ask(client);
});

test("the inbox of a client that cannot load what hands messages out can be asked again", async () => {
  const { world, bring } = await without("src/client/inbox/consumer.ts");
  const inbox = await (await world.other(romeo)).inbox();
  await expect(inbox.deadLetters()).rejects.toMatchObject(notLoaded);
  await expect(inbox.process(async () => undefined)).rejects.toMatchObject(notLoaded);
  await expect(inbox[Symbol.asyncIterator]().next()).rejects.toMatchObject(notLoaded);
  await bring();
  expect(await inbox.deadLetters()).toEqual([]);
});

test("a session is reset by a client that is offline once what does it can be loaded", async () => {
  const { world, bring } = await without("src/client/online.ts");
  const { client } = await world.open();
  await expect(client.resetSession(juliet, 1)).rejects.toMatchObject(notLoaded);
  await bring();
  await client.resetSession(juliet, 1);
});

test("a client with a presence policy is not online before what reads it is loaded, and tries again", async () => {
  const { world, bring } = await without("src/client/presence-policy/presence-policy.ts");
  world.disk.rows.set(policyKey, utf8("?"));
  const { client: { status }, host: { client } } = await world.open();
  const kinds: string[] = [];
  status.subscribe(() => { kinds.push(status.getSnapshot().kind); });
  client.connect();
  await when(status, () => status.getSnapshot().kind === "waiting");
  expect(kinds).not.toContain("online");
  await bring();
  client.connect();
  await when(status, () => status.getSnapshot().kind === "stopped");
  expect(status.getSnapshot()).toMatchObject({ error: { code: "ERR_RECORD_INVALID" } }); // it is read now
});

test("whoever writes to another domain does not hear of it that nobody can ask whether that is a gateway", async () => {
  const { world } = await without("src/client/gateways/domain-asking.ts");
  await (await world.other(romeo)).conversation("somebody@elsewhere.example").prepare();
});

const askedOfTabs: readonly (readonly [part: string, call: string, ask: (client: Client) => Promise<unknown>])[] = [
  ["src/client/privacy/evaluator.ts", "privacyLists()", (client) => client.privacyLists()],
  ["src/client/inbox/inbox.ts", "inbox()", (client) => client.inbox()],
  ["src/client/blocking/blocking.ts", "blocking()", (client) => client.blocking()],
  ["src/client/log/conversations.ts", "conversations()", (client) => client.conversations()],
  ["src/client/log/retention.ts", "deleteHistory()", (client) => client.deleteHistory({ before: 0 })],
];

test.each(askedOfTabs)("without %s %s rejects in a tab with a code, and does what it should when it is called again", async (part, _call, ask) => {
  const { world, bring } = await without(part);
  const { client } = await world.open();
  await expect(ask(client)).rejects.toMatchObject(notLoaded);
  await bring();
  await ask(client);
});

test("a message that a former leader handed out is acknowledged once the next one can load what knows of it", async () => {
  const { world, bring } = await without("src/tabs/served-rows.ts");
  const { client, host: { client: { core } } } = await world.open();
  await core.ledger.run((tx) => core.log.append(tx, { id: "1", conversation: juliet, from: juliet, direction: "received", text: "hi", receivedAt: 1, security: { level: "none" } }));
  const inbox = await client.inbox();
  const { value: delivery } = await inbox[Symbol.asyncIterator]().next() as { readonly value: InboxDelivery };
  await world.lead();
  await expect(delivery.ack()).rejects.toMatchObject(notLoaded);
  await bring();
  await expect(delivery.ack()).rejects.toMatchObject({ code: "ERR_LEADER_LOST" }); // it is handed out again
});

test("a client starts without what settles entries that cannot be read, and the next one settles them", async () => {
  const { world, bring } = await without("src/client/mending/mending.ts");
  const { client } = await world.open();
  await client.conversation(juliet).send({ text: "hi" }).reached("stored");
  for (const key of world.disk.rows.keys()) if (key.startsWith("client/outbox/")) world.disk.rows.set(key, utf8("?"));
  const states: unknown[] = [];
  for (const arrival of [() => undefined, bring]) {
    await arrival();
    const host = await world.lead();
    states.push((await host.client.history()).map(({ delivery }) => delivery?.state));
  }
  expect(states).toEqual([["stored"], ["failed"]]);
});

test("a client whose keys cannot be read does not start before what mends them can be loaded", async () => {
  const { world, bring } = await without("src/client/mending/mending.ts");
  await (await world.open()).client.close();
  world.disk.rows.set("omemo/2/bundle" as StoreKey, utf8("?"));
  await expect(world.lead()).rejects.toMatchObject(notLoaded);
  await bring();
  await world.lead();
});

test("every part that is loaded on demand is one of these", () => {
  const tried = [...calls, ...askedOfTabs].map(([part]) => part);
  const others = ["src/client/inbox/consumer.ts", "src/client/online.ts", "src/client/gateways/domain-asking.ts", "src/client/mending/mending.ts", "src/tabs/served-rows.ts"];
  expect([...files.keys()].filter((part) => part.startsWith("src/")).sort()).toEqual([...new Set([...tried, ...others])].sort());
});
