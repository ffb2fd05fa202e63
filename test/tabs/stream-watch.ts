/**
 * A WebSocket between the pages and their server that watches all streams of an account (Node only): at any time at most one of them is bound and
 * speaks; what leaves is noted for the check of keys.
 * @module
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

interface WatchedStream {
  readonly number: number;
  bound: boolean;
  /** A later stream was bound while this one was. */
  replaced: boolean;
  ended: boolean;
}

/** Ciphertexts of the ratchet stand at the end of their protobuf message: 64 bytes, or 48 in messages without content. */
const tails = [64, 48] as const;

/** Truncated SHA-256, as the pages report it. */
export const hash = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex").slice(0, 32);

export class StreamWatch {
  readonly #server: WebSocketServer;
  readonly #streams: WatchedStream[] = [];
  /** What left, by hash. */
  readonly left = new Set<string>();
  /** What must not happen. */
  readonly complaints: string[] = [];
  resumed = 0;
  bound = 0;
  /** Called when a stream was bound or resumed. */
  onBound: () => void = () => undefined;

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

  /** Streams that are bound now. */
  get open(): number {
    return this.#streams.filter(({ bound, replaced, ended }) => bound && !replaced && !ended).length;
  }

  async close(): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    await new Promise<void>((resolve) => { this.#server.close(() => { resolve(); }); });
  }

  #carry(page: WebSocket, target: string): void {
    const stream: WatchedStream = { number: this.#streams.length + 1, bound: false, replaced: false, ended: false };
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
      stream.ended = true;
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
    stream.bound = true;
    for (const other of this.#streams) if (other !== stream && other.bound) other.replaced = true;
    this.onBound();
  }

  #fromPage(stream: WatchedStream, text: string): void {
    // The server has closed a stream that it replaced: what its page says into the closing socket reaches nobody.
    if (stream.replaced && !stream.ended && /^<(message|presence|iq)\b/.test(text)) this.complaints.push(`stream ${stream.number.toString()} speaks though it was replaced: ${text.slice(0, 80)}`);
    for (const [, name, content] of text.matchAll(/<(key|payload)\b[^>]*>([A-Za-z0-9+/=]+)</g)) {
      const bytes = Buffer.from(content as string, "base64");
      if (name === "payload") this.left.add(hash(bytes));
      else for (const length of tails) if (bytes.length >= length) this.left.add(hash(bytes.subarray(-length)));
    }
  }
}
