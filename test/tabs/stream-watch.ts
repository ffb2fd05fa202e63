/**
 * A WebSocket between the pages and their server that takes down what all streams of an account do, and which ciphertexts leave (Node only).
 * Not here: what is wrong about it (verdict.ts).
 * @module
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { type Departure, judgeStreams, type StreamRecord } from "./verdict.js";

type WatchedStream = { -readonly [K in keyof StreamRecord]: StreamRecord[K] extends readonly string[] ? string[] : StreamRecord[K] };

/** Ciphertexts of the ratchet stand at the end of their protobuf message: 64 bytes, or 48 in messages without content. */
const tails = [64, 48] as const;

/** Truncated SHA-256, as the pages report it. */
export const hash = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex").slice(0, 32);

export class StreamWatch {
  readonly #server: WebSocketServer;
  readonly #streams: WatchedStream[] = [];
  /** What left, by hash of the whole. */
  readonly #left = new Map<string, Departure>();
  resumed = 0;
  bound = 0;

  private constructor(server: WebSocketServer, target: string) {
    this.#server = server;
    server.on("connection", (page) => { this.#carry(page, target); });
  }

  /** @param target address of the server's own WebSocket */
  static async open(target: string): Promise<StreamWatch> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: () => "xmpp" });
    await once(server, "listening");
    return new StreamWatch(server, target);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port.toString()}/xmpp-websocket`;
  }

  get streams(): readonly StreamRecord[] {
    return this.#streams;
  }

  get departures(): readonly Departure[] {
    return [...this.#left.values()];
  }

  /** What is wrong about the streams so far. */
  get complaints(): readonly string[] {
    return judgeStreams(this.#streams, Date.now());
  }

  async close(): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    await new Promise<void>((resolve) => { this.#server.close(() => { resolve(); }); });
  }

  #carry(page: WebSocket, target: string): void {
    const stream: WatchedStream = {
      number: this.#streams.length + 1, boundAt: undefined, replacedAt: undefined, endedAt: undefined, unbound: [], usurped: [],
    };
    this.#streams.push(stream);
    const server = new WebSocket(target, ["xmpp"]);
    const early: string[] = [];
    page.on("message", (data: Buffer) => {
      const text = data.toString();
      this.#fromPage(stream, text);
      if (server.readyState === WebSocket.OPEN) server.send(text);
      else early.push(text);
    });
    server.on("open", () => { for (const text of early.splice(0)) server.send(text); });
    server.on("message", (data: Buffer) => {
      const text = data.toString();
      this.#fromServer(stream, text);
      if (page.readyState === WebSocket.OPEN) page.send(text);
    });
    const end = (): void => {
      stream.endedAt ??= Date.now();
      page.close();
      server.close();
    };
    for (const socket of [page, server]) {
      socket.on("close", end);
      socket.on("error", end);
    }
  }

  #fromServer(stream: WatchedStream, text: string): void {
    const isResumed = /<resumed\b/.test(text);
    if (!isResumed && !/<bind\b[^>]*><jid>/.test(text)) return;
    if (isResumed) this.resumed += 1;
    else this.bound += 1;
    const now = Date.now();
    stream.boundAt ??= now;
    for (const other of this.#streams) if (other !== stream && other.boundAt !== undefined) other.replacedAt ??= now;
  }

  #fromPage(stream: WatchedStream, text: string): void {
    if (stream.boundAt === undefined && /^<(message|presence)\b/.test(text)) stream.unbound.push(text.slice(0, 80));
    // The server has closed a stream that it replaced: what its page says into the closing socket reaches nobody.
    if (stream.replacedAt !== undefined && stream.endedAt === undefined && /^<(message|presence|iq)\b/.test(text)) stream.usurped.push(text.slice(0, 80));
    for (const [, name, content] of text.matchAll(/<(key|payload)\b[^>]*>([A-Za-z0-9+/=]+)</g)) {
      const bytes = Buffer.from(content as string, "base64");
      const whole = hash(bytes);
      if (this.#left.has(whole)) continue;
      const candidates = name === "payload" ? [whole] : tails.filter((length) => bytes.length >= length).map((length) => hash(bytes.subarray(-length)));
      this.#left.set(whole, { at: Date.now(), kind: name as Departure["kind"], candidates });
    }
  }
}
