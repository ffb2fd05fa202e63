/** On the way to the login, over links in memory: threats N01, N05, N19, P10. */
import { expect, test } from "vitest";
import { stanzaBytesBeforeLoginMax } from "../../../src/base/limits.js";
import { systemRng } from "../../../src/base/rng.js";
import type { ConnectOptions } from "../../../src/transport/connection/connect-options.js";
import { connectOver } from "../../../src/transport/connection/connect.js";
import type { Link, LinkHandlers } from "../../../src/transport/connection/sockets.js";
import { createStreamMachine } from "../../../src/transport/connection/stream-machine-browser.js";
import { account, ManualClock } from "../../support/memory-channel.js";

const header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='verona.example' version='1.0'>";
const features = (content: string): string => `<stream:features>${content}</stream:features>`;
const startTls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

interface Attempt {
  readonly said: string[];
  readonly opened: number;
  readonly error: unknown;
}

/** Connects to a server that answers each text that is written with the next of `answers`, in one or more pieces. */
async function attempt(options: Pick<ConnectOptions, "service"> & Partial<ConnectOptions>, answers: readonly (() => string | readonly string[])[], secure = false): Promise<Attempt> {
  const said: string[] = [];
  const left = [...answers];
  let opened = 0;
  const open = (handlers: LinkHandlers): Promise<Link> => {
    opened++;
    let isSecure = secure;
    return Promise.resolve({
      get secure() { return isSecure; },
      async write(text: string) {
        said.push(text);
        await Promise.resolve();
        for (const answer of [left.shift()?.() ?? []].flat()) handlers.data(answer);
      },
      startTls: () => { isSecure = true; return Promise.resolve(); },
      end: () => { handlers.closed(undefined); }, destroy: () => undefined,
    });
  };
  const connecting = connectOver(createStreamMachine, { account, clock: new ManualClock(), rng: systemRng(), password: () => "pencil", ...options }, {
    webSocket: (_, handlers) => open(handlers), tcp: (_, handlers) => open(handlers),
  });
  const error: unknown = await connecting.catch((reason: unknown) => reason);
  return { said, opened, error };
}

test("P10 behind STARTTLS too nothing before the login may have more than 64 KiB: n-1, n, n+1", async () => {
  const behind = (bytes: number): string => {
    const empty = features("<x xmlns='u'></x>").length;
    return header + features(`<x xmlns='u'>${"x".repeat(bytes - empty)}</x>`);
  };
  for (const [bytes, code] of [[stanzaBytesBeforeLoginMax - 1, "ERR_AUTH_MECHANISM"], [stanzaBytesBeforeLoginMax, "ERR_AUTH_MECHANISM"], [stanzaBytesBeforeLoginMax + 1, "ERR_STREAM_LIMIT"]] as const) {
    const { error } = await attempt({ service: "xmpp://verona.example" }, [() => header + features(startTls), () => "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", () => behind(bytes)]);
    expect(error).toMatchObject({ code });
  }
});

test("N01 a WebSocket is not turned into TLS, whatever is offered on it", async () => {
  const open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='verona.example' version='1.0'/>";
  const offer = `<features xmlns='http://etherx.jabber.org/streams'>${startTls}</features>`;
  const { error, said } = await attempt({ service: "ws://127.0.0.1:5280/ws", unsafeAllowInsecureLoopback: true }, [() => [open, offer]]);
  expect([error, said.some((text) => text.includes("starttls"))]).toMatchObject([{ code: "ERR_AUTH_MECHANISM" }, false]);
});

test("N05 N19 a caller who gives up in the moment in which he is sent elsewhere goes nowhere", async () => {
  const caller = new AbortController();
  const elsewhere = `${header}<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>other.example</see-other-host></stream:error>`;
  const { opened } = await attempt({ service: "xmpps://verona.example", signal: caller.signal, rng: (length) => new Uint8Array(length) }, [() => { queueMicrotask(() => { caller.abort(); }); return elsewhere; }], true);
  expect(opened).toBe(1);
});
