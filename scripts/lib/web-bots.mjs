/** Somebody to talk to in the web demo: two clients on TCP, in this process, that answer whatever is written to them. @module */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";

/** @typedef {import("sotto").SottoClient} SottoClient */
/** @typedef {import("./private-server.mjs").PrivateServer} PrivateServer */

const lines = [
  "O Romeo, Romeo! wherefore art thou Romeo?",
  "What's in a name? That which we call a rose by any other name would smell as sweet.",
  "My bounty is as boundless as the sea, my love as deep.",
  "Good night, good night! Parting is such sweet sorrow.",
];
const greetAttempts = 20;
const greetPauseMs = 500;

/**
 * Writes contacts that see each other into Prosody's storage; to be called before anybody of them logs in.
 * @param {PrivateServer} server
 * @param {readonly (readonly [owner: string, contact: string, name: string, group: string])[]} entries User names.
 */
export async function befriend(server, entries) {
  const folder = path.join(server.dir, "data", server.domain.replace(/[^A-Za-z0-9]/g, (c) => `%${c.charCodeAt(0).toString(16)}`), "roster");
  await mkdir(folder, { recursive: true });
  for (const owner of new Set(entries.map(([user]) => user))) {
    const items = entries.filter(([user]) => user === owner).map(([, contact, name, group]) =>
      `[${JSON.stringify(`${contact}@${server.domain}`)}] = { subscription = "both", name = ${JSON.stringify(name)}, groups = { [${JSON.stringify(group)}] = true } };`);
    await writeFile(path.join(folder, `${owner}.dat`), `return { [false] = { version = 1, pending = {} };\n${items.join("\n")}\n};\n`);
  }
}

/**
 * Juliet, a contact, greets the visitor when he comes and answers with her lines; Mercutio asks to be one, and repeats what he hears.
 * @param {{ server: PrivateServer, password: string, visitor: string }} o The accounts exist, and Juliet and the visitor are friends.
 * @returns {Promise<{ stop: () => Promise<void> }>}
 */
export async function startBots({ server, password, visitor }) {
  const stop = new globalThis.AbortController();
  /** @type {SottoClient[]} */
  const clients = [];
  const end = async () => {
    stop.abort();
    await Promise.all(clients.map((client) => client.close()));
  };
  try {
    await startBoth({ server, password, visitor, signal: stop.signal, clients });
  } catch (error) {
    await end(); // or the one that is there would keep the process alive
    throw error;
  }
  return { stop: end };
}

/** @param {{ server: PrivateServer, password: string, visitor: string, signal: AbortSignal, clients: SottoClient[] }} o `clients` gets whoever is there. */
async function startBoth({ server, password, visitor, signal, clients }) {
  const { createClient, memoryStore } = await import("sotto");
  /** @param {string} user @param {(text: string) => string} answer */
  const start = async (user, answer) => {
    const client = await createClient({
      account: `${user}@${server.domain}`, password, service: `xmpp://${server.host}:${server.ports.c2s}`, store: memoryStore(), tls: { ca: server.caPem },
    });
    clients.push(client);
    client.onEvent((event) => {
      if (event.kind === "subscription-request") client.roster.approve(event.jid).catch(() => undefined); // taken back meanwhile
    });
    await client.ready({ signal: globalThis.AbortSignal.timeout(30_000) });
    const inbox = await client.inbox();
    inbox.process(({ message }) => Promise.resolve([{ text: answer(message.text) }]), { signal }).catch((error) => { console.error(error); });
    return client;
  };
  let spoken = 0;
  const juliet = await start("juliet", () => lines[spoken++ % lines.length] ?? "");
  const mercutio = await start("mercutio", (text) => `“${text}” – a plague o' both your houses!`);
  let greeted = false;
  juliet.presence.onAvailable(({ from }) => {
    if (greeted || !from.startsWith(`${visitor}/`)) return;
    greeted = true;
    greet(juliet, visitor, signal).catch(() => undefined); // the demo has ended
  });
  await mercutio.roster.subscribeTo(visitor, { text: "Nay, gentle Romeo, we must have you dance." });
}

/** His device is published a moment after he comes. @param {SottoClient} client @param {string} visitor @param {AbortSignal} signal */
async function greet(client, visitor, signal) {
  for (let attempt = 1; attempt <= greetAttempts && !signal.aborted; attempt++) {
    const sent = client.conversation(visitor).send({ text: "Hist! Romeo, hist!" }).reached("sent", { signal });
    if (await sent.then(() => true, () => false)) return;
    await new Promise((resolve) => { setTimeout(resolve, greetPauseMs); });
  }
}
