/** What the watch sees of real WebSockets, with a server behind it that lets every page in and throws nobody out. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { hash, StreamWatch } from "./stream-watch.js";
import { overlapMsMax, judgeStreams } from "./verdict.js";

const bind = '<iq type="set" id="b"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>';
const resume = '<resume xmlns="urn:xmpp:sm:3" previd="p" h="0"/>';
const message = '<message to="juliet@capulet.example"><body>it is I</body></message>';

/** A server that binds and resumes whoever asks, ends a stream that says so, and answers anything else with an ack. */
async function open(): Promise<StreamWatch> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: () => "xmpp" });
  await once(server, "listening");
  server.on("connection", (socket) => {
    socket.on("message", (data: Buffer) => {
      const text = data.toString();
      if (text === bind) socket.send('<iq type="result" id="b"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>romeo@montague.example/one</jid></bind></iq>');
      else if (text === resume) socket.send('<resumed xmlns="urn:xmpp:sm:3" previd="p" h="0"/>');
      else if (text.startsWith("<close")) socket.close();
      else socket.send('<a xmlns="urn:xmpp:sm:3" h="1"/>');
    });
  });
  const watch = await StreamWatch.open(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(async () => {
    await watch.close();
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return watch;
}

interface Page {
  /** Resolves with the server's answer. */
  say(text: string): Promise<string>;
  end(): Promise<void>;
}

async function page(watch: StreamWatch): Promise<Page> {
  const socket = new WebSocket(watch.url, ["xmpp"]);
  await once(socket, "open");
  return {
    async say(text) {
      const answer = once(socket, "message");
      socket.send(text);
      return String((await answer)[0]);
    },
    async end() {
      const closed = once(socket, "close");
      socket.send('<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>');
      await closed;
    },
  };
}

const sometimeLater = (): number => Date.now() + overlapMsMax + 1;

test("D10 two streams that are bound at the same time are seen, before and after one of them ends", async () => {
  const watch = await open();
  const [one, two] = [await page(watch), await page(watch)];
  await one.say(bind);
  expect(judgeStreams(watch.streams, sometimeLater())).toEqual([]);
  await two.say(bind);
  expect(watch.bound).toBe(2);
  expect(judgeStreams(watch.streams, sometimeLater())).toEqual([expect.stringMatching(/^two streams at the same time: stream 1 was open for \d+ ms after it was replaced$/)]);
  await one.end();
  expect(watch.streams[0]!.endedAt).toBeGreaterThanOrEqual(watch.streams[0]!.replacedAt!);
  expect(judgeStreams(watch.streams, sometimeLater())).toEqual([]); // it has ended in time
});

test("D10 of two bound streams the one that speaks though the other has replaced it is seen at once, and a resumed one replaces as well", async () => {
  for (const taking of [bind, resume]) {
    const watch = await open();
    const [one, two] = [await page(watch), await page(watch)];
    await one.say(bind);
    await one.say(message);
    await two.say(taking);
    await two.say(message);
    expect(watch.complaints).toEqual([]);
    await one.say(message);
    expect(watch.complaints).toEqual([`stream 1 speaks though it was replaced: ${message.slice(0, 80)}`]);
  }
});

test("D10 streams one after the other are none at the same time, and what is no stanza may be said without leave", async () => {
  const watch = await open();
  for (const taking of [bind, resume, resume]) {
    const one = await page(watch);
    await one.say("<auth/>");
    await one.say(taking);
    await one.say(message);
    await one.end();
  }
  expect(watch).toMatchObject({ bound: 1, resumed: 2 });
  expect(judgeStreams(watch.streams, sometimeLater())).toEqual([]);
});

test("D10 a stream that speaks before it was bound is seen", async () => {
  const watch = await open();
  await (await page(watch)).say(message);
  expect(watch.complaints).toEqual([`stream 1 speaks before it was bound: ${message.slice(0, 80)}`]);
});

test("C09 every ciphertext that leaves is noted once, wherever it may begin, also one that is too short to be one", async () => {
  const watch = await open();
  const one = await page(watch);
  await one.say(bind);
  const [payload, long, short, tiny] = [randomBytes(40), randomBytes(100), randomBytes(50), randomBytes(20)];
  const encrypted = `<message><encrypted><header><keys jid="j"><key rid="1">${long.toString("base64")}</key><key rid="2" kex="true">${short.toString("base64")}</key><key rid="3">${
    tiny.toString("base64")}</key></keys></header><payload>${payload.toString("base64")}</payload></encrypted></message>`;
  await one.say(encrypted);
  await (await page(watch)).say(resume);
  await one.say(encrypted);
  expect(watch.departures.map(({ kind, candidates }) => ({ kind, candidates }))).toEqual([
    { kind: "key", candidates: [hash(long.subarray(-64)), hash(long.subarray(-48))] },
    { kind: "key", candidates: [hash(short.subarray(-48))] },
    { kind: "key", candidates: [] },
    { kind: "payload", candidates: [hash(payload)] },
  ]);
});
