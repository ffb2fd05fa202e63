/** What takes long to arrive over a slow link is a sign of life, and a link that dies within it is noticed: threats N19, P11. */
import { describe, expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { ackAnswerMs, linkProbeMs, slowLinkBytesPerSecond } from "../../../src/base/limits.js";
import { systemRng } from "../../../src/base/rng.js";
import { connectOver } from "../../../src/transport/connection/connect.js";
import type { LinkHandlers } from "../../../src/transport/connection/sockets.js";
import { createStreamMachine } from "../../../src/transport/connection/stream-machine-browser.js";
import type { Stream, StreamEnd } from "../../../src/transport/connection/stream.js";
import { isSpoilt } from "../../../src/transport/xml/spoilt.js";
import { a, account, managed, ManualClock, message, settle, stanza } from "../../support/memory-channel.js";

const header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='verona.example' version='1.0'>";
const features = (content: string): string => `${header}<stream:features>${content}</stream:features>`;

/** What an honest server says to each thing that a client says until it is online. */
function answerTo(text: string, headers: number): string {
  if (text.includes("<stream:stream")) {
    return features(headers === 1 ? "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>" : "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>");
  }
  if (text.includes("</stream:stream>")) return "</stream:stream>";
  if (text.includes("<auth")) return "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
  if (text.includes("<enable")) return "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>";
  const id = /<iq [^>]*id="([^"]+)"/.exec(text)?.[1];
  return id === undefined ? "" : `<iq type='result' id='${id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${account}/x</jid></bind></iq>`;
}

interface World {
  readonly clock: ManualClock;
  readonly stream: Stream;
  /** From the server. */
  readonly say: (data: Uint8Array | string) => Promise<void>;
  /** Hands over `data` in pieces, as fast as the slowest link does. */
  readonly drag: (data: Uint8Array) => Promise<void>;
  readonly read: (boolean | undefined)[];
  readonly ends: StreamEnd[];
}

async function online(): Promise<World> {
  const clock = new ManualClock();
  let handlers: LinkHandlers | undefined;
  let headers = 0;
  const write = async (text: string): Promise<void> => {
    if (text.includes("<stream:stream")) headers++;
    const answer = answerTo(text, headers);
    await Promise.resolve();
    if (answer !== "") handlers?.data(answer);
  };
  const stream = await connectOver(createStreamMachine, { account, service: "xmpps://verona.example", clock, rng: systemRng(), password: () => "pencil", mechanismFloor: "PLAIN" }, {
    webSocket: () => Promise.reject(new TypeError("TCP only")),
    tcp: (_target, given) => {
      handlers = given;
      return Promise.resolve({ secure: true, write, end: () => { given.closed(undefined); }, destroy: () => undefined });
    },
  });
  const read: (boolean | undefined)[] = [];
  const ends: StreamEnd[] = [];
  stream.onStanza((stanza) => { read.push(isSpoilt(stanza)); });
  stream.onEnd((end) => { ends.push(end); });
  const say = async (data: Uint8Array | string): Promise<void> => { handlers?.data(data); await settle(); };
  const drag = async (data: Uint8Array): Promise<void> => {
    for (let from = 0; from < data.length; from += 4 * slowLinkBytesPerSecond) {
      await say(data.subarray(from, from + 4 * slowLinkBytesPerSecond));
      clock.advance(4_000);
      await settle();
    }
  };
  return { clock, stream, say, drag, read, ends };
}
const sized = (bytes: number): Uint8Array => utf8(`<message><body>${`<b>${"x".repeat(1_017)}</b>`.repeat(bytes / 1_024)}</body></message>`);

describe.each([["a stanza of 512 KiB", 512 * 1024, false], ["one of 4 MiB, which is spoilt", 4 * 1024 * 1024, true]])("%s over the slowest link", (_, bytes, spoilt) => {
  test("N19 P11 arrives, while an answer that is queued behind it is waited for", async () => {
    const { stream, say, drag, read, ends } = await online();
    await stream.send(message("1")); // asks at once
    let acknowledged = 0;
    stream.onAcknowledged((upTo) => { acknowledged = upTo; });
    await drag(sized(bytes));
    await say("<a xmlns='urn:xmpp:sm:3' h='1'/>");
    expect([ends, read, acknowledged, stream.isOpen]).toEqual([[], [spoilt], 1, true]);
    await stream.close();
  });

  test("N19 P11 arrives, though nothing else was said for long enough to be asked about", async () => {
    const { stream, drag, read, ends } = await online();
    await drag(sized(bytes));
    expect([ends, read]).toEqual([[], [spoilt]]);
    await stream.close();
  });
});

test("N19 a link that dies within a long stanza is noticed as soon as any other, whatever its bytes have bought", async () => {
  const { clock, stream, say, ends } = await online();
  const stanza = sized(8 * 1024 * 1024);
  await say(stanza.subarray(0, 16));
  await say(stanza.subarray(16, 6 * 1024 * 1024));
  const died = clock.time;
  for (let seconds = 0; ends.length === 0 && seconds < 600; seconds++) {
    clock.advance(1_000);
    await settle();
  }
  expect([ends[0]?.error?.details["reason"], clock.time - died <= linkProbeMs + 2 * ackAnswerMs]).toEqual(["silent", true]);
  await stream.close();
});

test("N19 a link that dies under load is found as soon as any other: what was answered for long ago buys no time", async () => {
  const clock = new ManualClock();
  const { channel, stream } = await managed(clock);
  const second = stanza("message", {}, "x".repeat(slowLinkBytesPerSecond));
  let asked = 0;
  let answered = 0;
  channel.onWrite = (element) => { if (element.name === "r") asked += 1; };
  for (let n = 1; n <= 1_000; n++) { // the next question is open before the last one is answered
    void stream.send(second);
    if (n % 10 !== 5) continue;
    await settle();
    for (; answered < asked - 1; answered++) channel.receive(a(n - 10));
  }
  expect([asked > 90, asked - answered, channel.isOpen]).toEqual([true, 1, true]);
  clock.advance(ackAnswerMs + 30_000);
  expect(channel.failure).toMatchObject({ code: "ERR_STREAM_CLOSED", retryable: true, details: { reason: "silent" } });
});
