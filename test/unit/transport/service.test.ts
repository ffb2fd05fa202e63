/** Service addresses (threats N01, N06, N12) and the WebSocket adapter (P13). */
import { describe, expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { relocatedTarget, serviceTarget } from "../../../src/transport/connection/service.js";
import { openWebSocket, type WebSocketEvent, type WebSocketLike } from "../../../src/transport/connection/websocket.js";
import { TransportError } from "../../../src/transport/errors.js";

const account = bareJid("romeo@verona.example");

describe("service addresses", () => {
  const read = (service: string, allowInsecureLoopback = false): unknown => {
    try {
      return serviceTarget(service, { account, allowInsecureLoopback });
    } catch (error) {
      return (error as TransportError).code;
    }
  };

  test("hosts, ports and their defaults", () => {
    expect(read("xmpp://chat.example")).toMatchObject({ kind: "tcp", host: "chat.example", port: 5222, directTls: false, clearAllowed: false });
    expect(read("xmpps://chat.example")).toMatchObject({ port: 5223, directTls: true });
    expect(read("xmpps://chat.example:443")).toMatchObject({ port: 443 });
    expect(read("xmpp://[::1]:5299")).toMatchObject({ host: "::1", port: 5299 });
    expect(read("xmpp://")).toMatchObject({ host: "verona.example", port: 5222 });
    expect(read("wss://chat.example:5281/ws?x=1")).toMatchObject({ kind: "websocket", url: "wss://chat.example:5281/ws?x=1" });
  });

  test.each(["", "verona.example", "http://x", "https://x", "xmpp://user:pw@x", "xmpp://x/path", "wss://", "xmpp://x:99999", "wss://x/#y", "file:///x"])("%j is no service address", (service) => {
    expect(read(service)).toBe("ERR_SERVICE_INVALID");
  });

  test("N01 clear text only to loopback, and only with the option", () => {
    for (const service of ["ws://127.0.0.1/", "ws://localhost/", "ws://[::1]:5280/"]) {
      expect(read(service)).toBe("ERR_TLS_REQUIRED");
      expect(read(service, true)).toMatchObject({ kind: "websocket", clearAllowed: true });
    }
    for (const service of ["ws://chat.example/", "ws://10.0.0.1/", "ws://127.0.0.1.evil.example/", "ws://localhost.evil.example/"]) expect(read(service, true)).toBe("ERR_TLS_REQUIRED");
    expect(read("xmpp://127.0.0.1", false)).toMatchObject({ clearAllowed: false });
    expect(read("xmpp://127.0.0.1", true)).toMatchObject({ clearAllowed: true });
    expect(read("xmpp://chat.example", true)).toMatchObject({ clearAllowed: false });
    expect(read("xmpps://127.0.0.1", true)).toMatchObject({ clearAllowed: false });
  });

  test("N05 Q11 where a server sends us TLS is always required, also on loopback and whatever the option says; no WebSocket is followed", () => {
    for (const place of ["127.0.0.1:5222", "localhost", "[::1]:5222", "other.example:5222"]) {
      for (const service of ["xmpp://127.0.0.1", "xmpps://127.0.0.1"]) {
        const target = serviceTarget(service, { account, allowInsecureLoopback: true });
        expect(relocatedTarget(target, place, account)).toMatchObject({ kind: "tcp", clearAllowed: false, directTls: service.startsWith("xmpps:") });
      }
    }
    for (const place of ["", "a/b", "a b", "user@other.example", "other.example?x", "other.example#y"]) {
      expect(relocatedTarget(serviceTarget("xmpps://chat.example", { account, allowInsecureLoopback: false }), place, account)).toBeUndefined();
    }
    expect(relocatedTarget(serviceTarget("wss://chat.example/", { account, allowInsecureLoopback: false }), "other.example", account)).toBeUndefined();
  });
});

class FakeSocket implements WebSocketLike {
  protocol = "xmpp";
  readyState = 0;
  closed = 0;
  code: number | undefined;
  terminate?: () => void;
  readonly sent: string[] = [];
  readonly listeners = new Map<string, Set<(event: WebSocketEvent) => void>>();
  send(text: string): void { this.sent.push(text); }
  close(code?: number): void { this.closed++; this.code = code; }
  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void {
    this.listeners.set(type, (this.listeners.get(type) ?? new Set()).add(listener));
  }
  removeEventListener(type: string, listener: (event: WebSocketEvent) => void): void { this.listeners.get(type)?.delete(listener); }
  fire(type: string, event: WebSocketEvent = {}): void {
    if (type === "open") this.readyState = 1;
    for (const listener of [...this.listeners.get(type) ?? []]) listener(event);
  }
  get listening(): number { return ["open", "message", "close"].reduce((sum, type) => sum + (this.listeners.get(type)?.size ?? 0), 0); }
}

describe("WebSocket links", () => {
  function setUp(signal = new AbortController().signal) {
    const socket = new FakeSocket();
    const data: (string | Uint8Array)[] = [];
    const ends: unknown[] = [];
    const toError = (): TransportError => new TransportError("ERR_TLS_FAILED", "x");
    const link = openWebSocket(socket, { secure: true, toError }, { data: (d) => { data.push(d); }, closed: (error) => { ends.push(error?.code); } }, signal);
    return { socket, data, ends, link };
  }

  test.each(["", "mqtt", "XMPP"])("P13 the subprotocol %j is refused", async (protocol) => {
    const { socket, link } = setUp();
    socket.protocol = protocol;
    socket.fire("open");
    await expect(link).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
    expect([socket.closed, socket.listening]).toEqual([1, 0]);
  });

  test("P13 text is handed on as text, a binary message as bytes, which no framed parser takes", async () => {
    const { socket, data, link } = setUp();
    socket.fire("open");
    await link;
    socket.fire("message", { data: "<a/>" });
    socket.fire("message", { data: new ArrayBuffer(4) });
    expect(data).toEqual(["<a/>", new Uint8Array(0)]);
  });

  test("an end is told once, after it nothing is heard, and nothing can be written", async () => {
    const { socket, ends, link } = setUp();
    socket.fire("open");
    const opened = await link;
    socket.fire("close");
    socket.fire("close");
    expect([ends, socket.listening]).toEqual([[undefined], 0]);
    await expect(opened.write("x")).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
  });

  test("an error before the opening is typed; an abort closes the socket and leaves no listener", async () => {
    const failing = setUp();
    failing.socket.fire("error");
    failing.socket.fire("close");
    await expect(failing.link).rejects.toMatchObject({ code: "ERR_TLS_FAILED" });
    const early = setUp(AbortSignal.abort());
    await expect(early.link).rejects.toMatchObject({ code: "ERR_CONNECT_FAILED" });
    expect([early.socket.closed, early.socket.listening]).toEqual([1, 0]);
    const controller = new AbortController();
    const aborted = setUp(controller.signal);
    controller.abort();
    await expect(aborted.link).rejects.toMatchObject({ code: "ERR_CONNECT_FAILED" });
    expect([aborted.socket.closed, aborted.socket.listening]).toEqual([1, 0]);
    expect(aborted.socket.listeners.get("error")?.size).toBe(1); // `ws` throws what nobody listens to, and what it was doing fails only now
  });

  test("once it is open the signal of the attempt means nothing, and what is closing takes no more text", async () => {
    const controller = new AbortController();
    const { socket, ends, link } = setUp(controller.signal);
    socket.fire("open");
    const opened = await link;
    controller.abort();
    await opened.write("one");
    socket.readyState = 2;
    await expect(opened.write("two")).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
    expect([socket.closed, ends, socket.sent]).toEqual([0, [], ["one"]]);
  });

  test("N19 it takes its leave as RFC 6455 wants it, and goes at once where the platform can", async () => {
    const { socket, ends, link } = setUp();
    let dropped = 0;
    socket.terminate = () => { dropped++; };
    socket.fire("open");
    const opened = await link;
    opened.end();
    expect([socket.closed, socket.code, dropped, ends]).toEqual([1, 1000, 0, []]);
    opened.destroy();
    opened.destroy();
    expect([socket.closed, dropped, ends]).toEqual([1, 2, [undefined]]);
  });
});
