/** What the platform's sockets are asked for, and what is believed of them: threats N01, N04, N05, N22, P10 (Node only, for the sake of `ws`). */
import { rootCertificates } from "node:tls";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openNodeWebSocket } from "../../../src/transport/connection/node-websocket.js";
import { verifiedTls } from "../../../src/transport/connection/node-tls.js";
import { sockets } from "../../../src/transport/connection/sockets-browser.js";
import type { Link, LinkHandlers } from "../../../src/transport/connection/sockets.js";

/** A WebSocket that is told what happens to it. */
class FakeSocket extends EventTarget {
  static made: FakeSocket[] = [];
  readonly given: readonly unknown[];
  protocol = "xmpp";
  readyState = 1;
  constructor(...given: readonly unknown[]) {
    super();
    this.given = given;
    FakeSocket.made.push(this);
  }
  close(): void { /* says no more */ }
  send(): void { /* nor hears anything */ }
  happens(type: "open" | "error" | "close", error?: unknown): void {
    this.dispatchEvent(Object.assign(new Event(type), { error }));
  }
}

vi.mock("ws", () => ({ WebSocket: FakeSocket }));
beforeEach(() => { FakeSocket.made = []; });
afterEach(() => { vi.unstubAllGlobals(); });

const ends: unknown[] = [];
const handlers: LinkHandlers = { data: () => undefined, closed: (error) => { ends.push(error?.code); } };
const never = new AbortController().signal;
const broken = Object.assign(new Error("of the platform"), { code: "CERT_HAS_EXPIRED" });

/** Opens `url`; `happen` is what becomes of the socket. */
async function opened(open: (url: string) => Promise<Link>, url: string, happen: (socket: FakeSocket) => void): Promise<Link> {
  const link = open(url);
  await expect.poll(() => FakeSocket.made.length).toBe(1);
  happen(FakeSocket.made[0] as FakeSocket);
  return link;
}
const onNode = (url: string): Promise<Link> => openNodeWebSocket({ url, tls: { ca: "an authority of one's own" } }, handlers, never);

test("N04 one's own authority stands beside the default roots, and whatever else is trusted the checks are on", () => {
  expect(verifiedTls({})).toEqual({ rejectUnauthorized: true, minVersion: "TLSv1.2" });
  expect(verifiedTls({ ca: "one's own" })).toEqual({ rejectUnauthorized: true, minVersion: "TLSv1.2", ca: [...rootCertificates, "one's own"] });
});

describe("Node's WebSocket", () => {
  test("N04 N05 N22 P10 is verified, goes nowhere else, compresses nothing and takes no endless message", async () => {
    await opened(onNode, "wss://verona.example/", (socket) => { socket.happens("open"); });
    expect(FakeSocket.made[0]?.given).toEqual(["wss://verona.example/", ["xmpp"], {
      rejectUnauthorized: true, minVersion: "TLSv1.2", ca: [...rootCertificates, "an authority of one's own"], followRedirects: false, perMessageDeflate: false, maxPayload: 16 * 1024 * 1024,
    }]);
  });

  test.each([["wss", true], ["ws", false]])("N01 over %s: is it a protected link? %s", async (scheme, secure) => {
    expect((await opened(onNode, `${scheme}://127.0.0.1/`, (socket) => { socket.happens("open"); })).secure).toBe(secure);
  });

  test.each([["wss", "ERR_TLS_FAILED"], ["ws", "ERR_CONNECT_FAILED"]])("N04 a certificate that does not hold is one where there is TLS only: %s", async (scheme, code) => {
    const failing = opened(onNode, `${scheme}://127.0.0.1/`, (socket) => { socket.happens("error", broken); socket.happens("close"); });
    await expect(failing).rejects.toMatchObject({ code });
  });

  test("N04 what breaks a link that was open is no certificate, and the next attempt may do better", async () => {
    await opened(onNode, "wss://verona.example/", (socket) => { socket.happens("open"); socket.happens("error", broken); socket.happens("close"); });
    expect(ends.splice(0)).toEqual(["ERR_CONNECT_FAILED"]);
  });
});

describe("a browser's WebSocket", () => {
  const inBrowser = (url: string): Promise<Link> => {
    vi.stubGlobal("WebSocket", FakeSocket);
    return sockets.webSocket({ url, tls: {} }, handlers, never);
  };

  test("N04 a certificate authority is refused rather than left out: the browser would not ask for it", async () => {
    vi.stubGlobal("WebSocket", FakeSocket);
    await expect(sockets.webSocket({ url: "wss://verona.example/", tls: { ca: "x" } }, handlers, never)).rejects.toMatchObject({ code: "ERR_SERVICE_INVALID", retryable: false });
    expect(FakeSocket.made).toEqual([]);
  });

  test.each([["wss", true], ["ws", false]])("N01 N04 over %s: is it a protected link? %s", async (scheme, secure) => {
    expect((await opened(inBrowser, `${scheme}://127.0.0.1/`, (socket) => { socket.happens("open"); })).secure).toBe(secure);
    expect(FakeSocket.made[0]?.given).toEqual([`${scheme}://127.0.0.1/`, ["xmpp"]]);
  });
});
