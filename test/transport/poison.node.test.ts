/**
 * Messages that honest servers relay and that break a limit of the parser, from a stranger, on real servers: the account stays usable,
 * on every device of it (docs/decisions/0015-spoilt-stanzas.md). Threats P08, P09, P10, P12, L02.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import type { BareJid, Jid } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import type { SottoClient } from "../../src/client/client.js";
import type { ClientEvent } from "../../src/client/events.js";
import { createClient } from "../../src/client/create-client.js";
import { memoryDisk, memoryStore } from "../../src/storage/memory.js";
import { connect } from "../../src/transport/connection/connect.js";
import type { Link, SocketFactories } from "../../src/transport/connection/sockets.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { xml } from "../../src/base/xml.js";
import { type PrivateServer, servers, services } from "../support/servers.js";
import { wireAccount, wirePassword } from "../support/wire-peer.js";

const attributes = Array.from({ length: 65 }, (_, i) => `a${String(i)}='1'`).join(" ");
/** What stands in the message, and in its tag. */
const shapes: readonly (readonly [name: string, part: string, tag?: string])[] = [
  ["attributes", `<x xmlns='urn:x' ${attributes}/>`],
  ["long", `<x xmlns='urn:x' a='${"z".repeat(17 * 1024)}'/>`],
  ["deep", `${"<x xmlns='urn:x'>".repeat(101)}${"</x>".repeat(101)}`],
  ["deeper", `<p:x xmlns:p='urn:x'>${"<p:x p:a='1'>".repeat(110)}${"</p:x>".repeat(110)}</p:x>`],
  ["children", `<x xmlns='urn:x'>${"<y/>".repeat(10_001)}</x>`],
  ["namespace", "<x xmlns='a b'/>"],
  ["blank", "<p:x xmlns:p=' ' p:a='1'/>"],
  ["xml-element", "<xml:foo/>"],
  ["xml-attribute", "<x xmlns='urn:x' xml:foo='1' xml:xmlns='urn:q'/>"],
  ["stream-prefix", "<h:x h:a='1'/>"],
  ["stream-prefix-attribute", "<x xmlns='urn:x' h:a='1'/>"],
  ["tag-prefix", "<s:x s:a='1'/><y xmlns='urn:y' s:a='1'/>", "xmlns:s='urn:s'"],
  ["amplified", `<x xmlns='urn:x' xmlns:p='urn:${"z".repeat(2000)}'>${"<p:y/>".repeat(3000)}</x>`],
  ["tag", "", attributes],
  ["tag-namespace", "", "xmlns:p='a b' p:b='1'"],
];

/** Streams begin with a prefix that no stanza declares. */
function withPrefix(link: Link): Link {
  return { secure: link.secure, write: (text) => link.write(text.replace("xmlns:stream=", "xmlns:h='urn:h' xmlns:stream=")), end: () => { link.end(); }, destroy: () => { link.destroy(); } };
}

/** A stranger who says what no library would. */
class Mallory {
  #link: Link | undefined;
  #iq: IqClient | undefined;

  async login(server: PrivateServer): Promise<void> {
    const { tcp } = sockets;
    if (tcp === undefined) throw new TypeError("no TCP");
    const factories: SocketFactories = { ...sockets, tcp: async (...how) => withPrefix(this.#link = await tcp(...how)) };
    const account = await wireAccount(server, `mallory-${randomUUID().slice(0, 8)}`);
    // What is said past the stream must not be counted.
    const stream = await connect({ account, service: services(server).directTls, password: () => wirePassword, tls: { ca: server.caPem }, clock: systemClock, rng: systemRng(), stream: { enable: false } }, factories);
    this.#iq = new IqClient(stream, { rng: systemRng(), clock: systemClock });
  }

  /** Resolves when the server has handled it. */
  async say(text: string): Promise<void> {
    await this.#link?.write(text);
    await this.#iq?.request({ type: "get", payload: xml("jabber:iq:roster", "query") });
  }

  close(): void {
    this.#link?.destroy();
  }
}

describe.each(servers)("$make", ({ make, start }) => {
  let server: PrivateServer;
  const clients: SottoClient[] = [];
  const mallory = new Mallory();
  beforeAll(async () => {
    server = await start({ extraModules: ["privacy_lists"] });
    await mallory.login(server);
  }, 60_000);
  afterAll(async () => {
    mallory.close();
    await Promise.all(clients.map((client) => client.close()));
    await server.stop();
  });

  const until = async (what: () => boolean | Promise<boolean>): Promise<void> => { await expect.poll(what, { timeout: 20_000 }).toBe(true); };
  async function login(account: BareJid, service: string, store = memoryStore(), readyMs = 30_000): Promise<{ readonly client: SottoClient; readonly seen: string[]; readonly gaps: ClientEvent[]; readonly told: string[] }> {
    const client = await createClient({ account, password: wirePassword, service, store, tls: { ca: server.caPem } });
    clients.push(client);
    const seen: string[] = [];
    const gaps: ClientEvent[] = [];
    const told: string[] = [];
    client.onEvent((event) => {
      if (event.kind === "gap") gaps.push(event);
      if (event.kind === "message") seen.push(event.message.text);
      if (event.kind === "unreadable") seen.push(event.id);
    });
    client.status.subscribe(() => { told.push(client.status.getSnapshot().kind); });
    await client.ready({ signal: AbortSignal.timeout(readyMs) });
    return { client, seen, gaps, told };
  }
  const poison = (to: Jid, [name, part, tag = ""]: (typeof shapes)[number]): string => `<message to='${to}' type='chat' id='${name}' ${tag}><body>hi</body>${part}</message>`;
  /** Prosody 0.12 writes attributes in odd namespaces into its archive and cannot read them back. */
  const isLost = ([name]: (typeof shapes)[number]): boolean => make === "prosody" && (name === "blank" || name === "tag-namespace");
  const lost = shapes.filter(isLost);
  const offline = shapes.filter((shape) => !isLost(shape));
  /** ejabberd passes on what it knows of a tag only, and leaves `xml:` as it is; Prosody declares prefixes anew. */
  const harmless = { ejabberd: ["tag", "tag-namespace", "xml-attribute"], prosody: ["stream-prefix", "stream-prefix-attribute", "tag-prefix"] }[make];
  const expected = (sent = shapes): string[] => sent.flatMap(([name]) => [harmless.includes(name) ? "hi" : name, `after-${name}`]);
  /** The server's stamp stands behind what is left out: such a message may be seen twice, from the archive and from offline storage. */
  const withoutAmplified = (seen: readonly string[]): string[] => seen.filter((name) => name !== "amplified");
  const plain = (to: Jid, text: string): string => `<message to='${to}' type='chat' id='${text}'><body>${text}</body></message>`;

  test.each(["directTls", "websocket"] as const)("P08 P09 P10 P12 online over %s: each of them is one unreadable message, and what follows it arrives", async (kind) => {
    const victim = await wireAccount(server, `victim-${randomUUID().slice(0, 8)}`);
    const { client, seen, told } = await login(victim, services(server)[kind]);
    told.length = 0;
    for (const shape of shapes) {
      await mallory.say(poison(victim, shape) + plain(victim, `after-${shape[0]}`));
      await until(() => seen.includes(`after-${shape[0]}`));
    }
    expect(seen).toEqual(expected());
    const { jid } = client.status.getSnapshot() as { readonly jid: Jid };
    await mallory.say(shapes.map(([, part, tag = ""]) => `<presence to='${jid}' ${tag}>${part}</presence><iq to='${jid}' type='get' id='x' ${tag}><query xmlns='urn:x'>${part}</query></iq>`).join("") + plain(victim, "at last"));
    await until(() => seen.includes("at last"));
    expect([told, client.status.getSnapshot().kind]).toEqual([[], "online"]);
  }, 120_000);

  test("P08 P09 P10 P12 offline: the same device and a new one come online, and read what followed", async () => {
    const victim = await wireAccount(server, `victim-${randomUUID().slice(0, 8)}`);
    const disk = memoryDisk();
    const { client } = await login(victim, services(server).directTls, memoryStore(disk));
    await client.close();
    for (const shape of offline) await mallory.say(poison(victim, shape) + plain(victim, `after-${shape[0]}`));
    const again = await login(victim, services(server).directTls, memoryStore(disk));
    await until(() => expected(offline).every((name) => again.seen.includes(name)));
    expect(withoutAmplified(again.seen)).toEqual(withoutAmplified(expected(offline)));
    await again.client.close();
    const anew = await login(victim, services(server).websocket);
    await mallory.say(plain(victim, "at last"));
    await until(() => anew.seen.includes("at last"));
    expect(anew.told.filter((kind) => kind === "online")).toHaveLength(1);
  }, 120_000);

  const second = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 1_100); }); // all of it is given up
  const searchMs = 150_000; // it takes a minute

  if (make === "prosody") test("P08 V01 what the archive cannot read back itself is passed: the same device and a new one come online, and read what followed, under a presence policy as well", async () => {
    const sameDevice = async (shape: (typeof shapes)[number]): Promise<void> => {
      const victim = await wireAccount(server, `victim-${randomUUID().slice(0, 8)}`);
      const disk = memoryDisk();
      await mallory.say(plain(victim, "before"));
      const { client } = await login(victim, services(server).directTls, memoryStore(disk));
      await client.close();
      await second();
      await mallory.say(poison(victim, shape));
      await second();
      await mallory.say(plain(victim, "after"));
      const again = await login(victim, services(server).directTls, memoryStore(disk), searchMs);
      expect(again.seen.filter((text) => text !== "before")).toEqual(["after"]);
      expect(again.gaps).toHaveLength(1);
      await again.client.close();
      const third = await login(victim, services(server).websocket, memoryStore(disk));
      expect(third.gaps).toEqual([]);
      await mallory.say(plain(victim, "at last")); // the offline storage has the message as well, and the server stumbles over it at each login
      await until(() => third.seen.includes("at last"));
    };
    const newDevice = async (shape: (typeof shapes)[number]): Promise<void> => {
      const victim = await wireAccount(server, `victim-${randomUUID().slice(0, 8)}`);
      await mallory.say(plain(victim, "before"));
      for (let i = 0; i < 5; i++) await second();
      await mallory.say(poison(victim, shape));
      const { seen } = await login(victim, services(server).websocket, memoryStore(), searchMs);
      await mallory.say(plain(victim, "after"));
      await until(() => seen.includes("after"));
    };
    /** The list lets presence through as the policy has it, and the server has to hear all of it once more. */
    const underPolicy = async (shape: (typeof shapes)[number]): Promise<void> => {
      const victim = await wireAccount(server, `victim-${randomUUID().slice(0, 8)}`);
      const disk = memoryDisk();
      await mallory.say(plain(victim, "before"));
      const { client } = await login(victim, services(server).directTls, memoryStore(disk));
      await client.presence.policy({ others: "available" });
      await client.close();
      await second();
      await mallory.say(poison(victim, shape));
      const { seen } = await login(victim, services(server).directTls, memoryStore(disk), searchMs);
      await mallory.say(plain(victim, "at last"));
      await until(() => seen.includes("at last"));
    };
    await Promise.all([...lost.flatMap((shape) => [sameDevice(shape), newDevice(shape)]), ...lost.slice(0, 1).map(underPolicy)]);
  }, 240_000);
});
