/**
 * Conversations with an OMEMO client that is not ours (python-omemo, python-twomemo, slixmpp) through a real Prosody over TLS.
 * Both sides check signatures, schemas and envelopes of the other; neither shares a line of code with the other.
 * @module
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startProsody } from "../../scripts/lib/prosody.mjs";
import { createClient, memoryStore, type ClientEvent, type Message, type SottoClient, type Store } from "../../src/index.js";
import { PythonPeer } from "./peer/python-peer.js";

type Prosody = Awaited<ReturnType<typeof startProsody>>;
interface PeerMessage { readonly from: string; readonly text: string; readonly deviceId: number; readonly keyExchange: boolean }
interface Received { readonly messages: readonly PeerMessage[]; readonly failures: readonly string[] }

const modules = ["omemo", "twomemo", "slixmpp", "xmlschema"];
const password = "a password of this test";
const soon = (): AbortSignal => AbortSignal.timeout(60_000);
let server: Prosody;
let accounts = 0;
let cleanUps: (() => Promise<unknown>)[] = [];

beforeAll(async () => { server = await startProsody(); });
afterAll(async () => { await server.stop(); });
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  cleanUps = [];
});

/** A fresh account: nothing of one test can help another. */
async function newAccount(): Promise<string> {
  const user = `user${String(++accounts)}`;
  await server.register(user, password);
  return `${user}@${server.domain}`;
}

interface Ours { readonly client: SottoClient; readonly next: (count: number) => Promise<Message[]>; readonly problems: ClientEvent[] }

async function ourClient(account: string, store: Store = memoryStore(), service = `xmpps://127.0.0.1:${String(server.ports.directTls)}`): Promise<Ours> {
  const client = await createClient({ account, password, service, store, tls: { ca: server.caPem } });
  cleanUps.push(() => client.close());
  const problems: ClientEvent[] = [];
  client.onEvent((event) => { if (event.kind === "unreadable" || event.kind === "error") problems.push(event); });
  const messages = client.messages();
  await client.ready({ signal: soon() });
  const next = async (count: number): Promise<Message[]> => {
    const received: Message[] = [];
    for (let i = 0; i < count; i++) {
      const step = await Promise.race([messages.next(), new Promise<undefined>((resolve) => { soon().addEventListener("abort", () => { resolve(undefined); }); })]);
      if (step === undefined || step.done === true) break;
      received.push(step.value);
    }
    return received;
  };
  return { client, next, problems };
}

async function theirClient(jid: string): Promise<{ readonly peer: PythonPeer; readonly deviceId: number; readonly fingerprint: string }> {
  const peer = new PythonPeer("./omemo_peer.py", modules);
  cleanUps.push(() => peer.stop());
  const { deviceId, fingerprint } = await peer.do<{ deviceId: number; fingerprint: string }>("connect", {
    jid, password, host: server.host, port: server.ports.c2s, ca: server.caPath,
  });
  return { peer, deviceId, fingerprint };
}

const lines = (who: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${who} ${String(i)} – “<&>” \u{1f339}`);

async function weSay(ours: Ours, to: string, texts: readonly string[]): Promise<void> {
  const handles = texts.map((text) => ours.client.conversation(to).send({ text }));
  for (const handle of handles) {
    const { report } = await handle.reached("sent", { signal: soon() });
    expect(report.filter((device) => device.result !== "encrypted")).toEqual([]);
  }
}

async function theyHear(peer: PythonPeer, count: number): Promise<readonly PeerMessage[]> {
  const { messages, failures } = await peer.do<Received>("receive", { count, timeout: 60 });
  expect(failures).toEqual([]);
  return messages;
}

async function theySay(peer: PythonPeer, to: string, texts: readonly string[]): Promise<void> {
  for (const text of texts) await peer.do("send", { to, text });
}

describe("omemo:2 with python-omemo", () => {
  test("Sotto speaks first: first messages, answers, and twenty more each way", async () => {
    const [me, them] = [await newAccount(), await newAccount()];
    const { peer, deviceId, fingerprint } = await theirClient(them);
    const ours = await ourClient(me);

    await weSay(ours, them, lines("first", 3));
    const heard = await theyHear(peer, 3);
    expect(heard.map((message) => message.text)).toEqual(lines("first", 3));
    expect(heard.map((message) => [message.from, message.deviceId])).toEqual(Array(3).fill([me, ours.client.device.deviceId]));

    await theySay(peer, me, lines("answer", 3));
    const answers = await ours.next(3);
    expect(answers.map((message) => message.text)).toEqual(lines("answer", 3));
    expect(answers[0]).toMatchObject({ from: them, direction: "received", security: { level: "trusted", deviceId, fingerprint } });

    for (let round = 0; round < 4; round++) {
      await weSay(ours, them, lines(`we ${String(round)}`, 5));
      expect((await theyHear(peer, 5)).map((message) => message.text)).toEqual(lines(`we ${String(round)}`, 5));
      await theySay(peer, me, lines(`they ${String(round)}`, 5));
      expect((await ours.next(5)).map((message) => message.text)).toEqual(lines(`they ${String(round)}`, 5));
    }
    expect(ours.problems).toEqual([]);
  });

  test("the peer speaks first: its key exchange is accepted, answered, and not repeated after our answer", async () => {
    const [me, them] = [await newAccount(), await newAccount()];
    const ours = await ourClient(me);
    const { peer } = await theirClient(them);

    const first = await peer.do<{ keyExchange: boolean }>("send", { to: me, text: "hello" });
    expect(first.keyExchange).toBe(true);
    expect((await ours.next(1)).map((message) => message.text)).toEqual(["hello"]);

    await weSay(ours, them, lines("answer", 2));
    expect((await theyHear(peer, 2)).map((message) => message.text)).toEqual(lines("answer", 2));
    const second = await peer.do<{ keyExchange: boolean }>("send", { to: me, text: "again" });
    expect(second.keyExchange).toBe(false);
    expect((await ours.next(1)).map((message) => message.text)).toEqual(["again"]);
    await theySay(peer, me, lines("they", 20));
    expect((await ours.next(20)).map((message) => message.text)).toEqual(lines("they", 20));
    expect(ours.problems).toEqual([]);
  });

  test("R13 sixty messages in a row each way: nothing is lost, and ours answers the long chain with exactly one heartbeat", async () => {
    const [me, them] = [await newAccount(), await newAccount()];
    const { peer } = await theirClient(them);
    const ours = await ourClient(me);
    await weSay(ours, them, lines("we", 60));
    expect((await theyHear(peer, 60)).map((message) => message.text)).toEqual(lines("we", 60));
    const emptyBefore = (await peer.do<{ empty: number }>("report")).empty;
    await theySay(peer, me, lines("they", 60));
    expect((await ours.next(60)).map((message) => message.text)).toEqual(lines("they", 60));
    await weSay(ours, them, ["after"]);
    expect((await theyHear(peer, 1)).map((message) => message.text)).toEqual(["after"]);
    await expect.poll(async () => (await peer.do<{ empty: number }>("report")).empty - emptyBefore, { timeout: 30_000 }).toBe(1);
    expect(ours.problems).toEqual([]);
  });

  test("Sotto restarts on its store in the middle, over the other transports, and the conversation goes on", async () => {
    const [me, them] = [await newAccount(), await newAccount()];
    const { peer } = await theirClient(them);
    const services = [
      `xmpp://127.0.0.1:${String(server.ports.c2s)}`, `wss://127.0.0.1:${String(server.ports.wss)}/xmpp-websocket`,
      `xmpps://127.0.0.1:${String(server.ports.directTls)}`,
    ];
    const store = keepOpen(memoryStore());
    let device: number | undefined;
    for (const service of services) {
      const ours = await ourClient(me, store, service);
      expect(ours.client.device.deviceId).toBe((device ??= ours.client.device.deviceId));
      await weSay(ours, them, [`over ${service}`]);
      expect((await theyHear(peer, 1)).map((message) => message.text)).toEqual([`over ${service}`]);
      await theySay(peer, me, ["heard"]);
      expect((await ours.next(1)).map((message) => message.text)).toEqual(["heard"]);
      expect(ours.problems).toEqual([]);
      await ours.client.close();
    }
  });

  test("two devices of the peer both read what Sotto sends", async () => {
    const [me, them] = [await newAccount(), await newAccount()];
    const { peer: phone } = await theirClient(them);
    const { peer: desk } = await theirClient(them);
    const ours = await ourClient(me);
    await weSay(ours, them, lines("both", 3));
    for (const peer of [phone, desk]) expect((await theyHear(peer, 3)).map((message) => message.text)).toEqual(lines("both", 3));
  });
});

/** The store survives the client that used it, as a file would. */
function keepOpen(store: Store): Store {
  return {
    acquire: () => store.acquire(), owns: (fence) => store.owns(fence), get: (key) => store.get(key), getMany: (keys) => store.getMany(keys),
    list: (range) => store.list(range), commit: (changes, fence) => store.commit(changes, fence), close: () => Promise.resolve(), destroy: () => store.destroy(),
  };
}
