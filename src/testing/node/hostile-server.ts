/**
 * A scriptable XMPP server on loopback that says whatever a test wants, byte for byte: TCP, direct TLS and WebSocket.
 * A scenario is a function over one accepted connection. It holds no protocol knowledge that would correct the test.
 * @module
 */
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import * as net from "node:net";
import * as tls from "node:tls";
import { WebSocketServer, type WebSocket } from "ws";
import { InternalError } from "../../base/errors.js";
import type { TestCertificate } from "./certificates.js";

/** One accepted connection under the control of a scenario. */
export interface ScriptedConnection {
  /** Everything that the client has said so far, messages of a WebSocket joined. */
  readonly received: string;
  /** Waits until the client's words behind the last match hold `pattern`; returns the match. Rejects if the client leaves before. */
  expect(pattern: RegExp | string): Promise<RegExpExecArray>;
  /** Sends exactly this: bytes as they are, text as UTF-8; over a WebSocket one message, bytes as a binary one. */
  send(data: string | Uint8Array): Promise<void>;
  /** Sends the bytes of `data` in pieces that arrive one by one. */
  sendSplit(data: string | Uint8Array, cuts: readonly number[]): Promise<void>;
  /** Continues as a TLS server on the same TCP connection. */
  startTls(certificate: TestCertificate): Promise<void>;
  /** What binds to this TLS channel (RFC 9266); empty in clear. */
  exporter(): Buffer;
  /** Ends the connection; `true` drops it without a goodbye. */
  close(abruptly?: boolean): void;
  /** Resolves when the client has left. */
  readonly closed: Promise<void>;
}

/** What happens on each connection. Rejections are collected in {@link HostileServer.failures}. */
export type Scenario = (connection: ScriptedConnection) => Promise<void>;

/** A running server. */
export interface HostileServer {
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Connections that are open now. */
  readonly openConnections: number;
  /** What scenarios threw. */
  readonly failures: readonly unknown[];
  /** Ends all connections and stops listening. */
  close(): Promise<void>;
}

/** How the server listens. */
export interface HostileServerOptions {
  readonly kind: "tcp" | "tls" | "websocket";
  /** Needed for `tls`; makes a WebSocket `wss:`. */
  readonly certificate?: TestCertificate;
  /** Subprotocol that the WebSocket server answers with. Default `xmpp`; `undefined` cannot be given, an empty text means none. */
  readonly subprotocol?: string;
  /** Protocol names of ALPN that a TLS server insists on. */
  readonly alpnProtocols?: readonly string[];
}

/** Starts a server on a free loopback port. */
export async function hostileServer(options: HostileServerOptions, scenario: Scenario): Promise<HostileServer> {
  const open = new Set<Script>();
  const failures: unknown[] = [];
  let connections = 0;
  const accept = (script: Script): void => {
    connections++;
    open.add(script);
    void script.closed.then(() => { open.delete(script); });
    scenario(script).catch((error: unknown) => { failures.push(error); });
  };
  const server = listenerFor(options, accept);
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  const address = server.address();
  if (address === null || typeof address === "string") throw new InternalError("the server has no port");
  return {
    port: address.port,
    get connections() { return connections; },
    get openConnections() { return open.size; },
    failures,
    async close() {
      for (const script of open) script.close(true);
      await new Promise<void>((resolve) => { server.close(() => { resolve(); }); });
    },
  };
}

function listenerFor(options: HostileServerOptions, accept: (script: Script) => void): net.Server {
  const { certificate } = options;
  if (options.kind === "tcp") return net.createServer({ noDelay: true }, (socket) => { accept(new Script(socketPipe(socket))); });
  if (options.kind === "tls") {
    const alpn = options.alpnProtocols === undefined ? {} : { ALPNProtocols: [...options.alpnProtocols] };
    const server = tls.createServer({ ...certificate, ...alpn }, (socket) => { accept(new Script(socketPipe(socket))); });
    server.on("tlsClientError", () => undefined); // clients that refuse our certificate are what we want to see
    return server;
  }
  const http = certificate === undefined ? createHttpServer() : createHttpsServer({ ...certificate });
  const subprotocol = options.subprotocol ?? "xmpp";
  const webSockets = new WebSocketServer({ server: http, handleProtocols: () => (subprotocol === "" ? false : subprotocol) });
  webSockets.on("connection", (socket) => { accept(new Script(webSocketPipe(socket))); });
  http.on("tlsClientError", () => undefined);
  return http;
}

/** The least that a script needs of a connection. */
interface Pipe {
  write(data: string | Uint8Array): Promise<void>;
  end(abruptly: boolean): void;
  onText(listener: (text: string) => void): void;
  onClose(listener: () => void): void;
  upgrade(certificate: TestCertificate): Promise<Pipe>;
  exporter(): Buffer;
}

function socketPipe(socket: net.Socket): Pipe {
  socket.on("error", () => undefined); // broken links are part of every scenario
  return {
    write: (data) => new Promise((resolve) => {
      // A client that has left is no failure of the server: the scenario sees it in `closed`.
      if (socket.writable) socket.write(data, () => { resolve(); });
      else resolve();
    }),
    end: (abruptly) => { if (abruptly) socket.destroy(); else socket.end(); },
    onText: (listener) => { socket.on("data", (data) => { listener(data.toString("utf8")); }); },
    onClose: (listener) => { socket.on("close", listener); },
    exporter: () => (socket instanceof tls.TLSSocket ? socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0)) : Buffer.alloc(0)),
    async upgrade(certificate) {
      socket.removeAllListeners("data");
      const secured = new tls.TLSSocket(socket, { isServer: true, ...certificate });
      const pipe = socketPipe(secured);
      await new Promise<void>((resolve) => {
        secured.once("secure", resolve);
        socket.once("close", () => { resolve(); });
      });
      return pipe;
    },
  };
}

function webSocketPipe(socket: WebSocket): Pipe {
  socket.on("error", () => undefined);
  return {
    write: (data) => new Promise((resolve) => { socket.send(data, () => { resolve(); }); }),
    end: (abruptly) => { if (abruptly) socket.terminate(); else socket.close(); },
    onText: (listener) => { socket.on("message", (data: Buffer) => { listener(data.toString("utf8")); }); },
    onClose: (listener) => { socket.on("close", listener); },
    exporter: () => Buffer.alloc(0),
    upgrade: () => Promise.reject(new InternalError("a WebSocket has no STARTTLS")),
  };
}

class Script implements ScriptedConnection {
  readonly closed: Promise<void>;
  #pipe: Pipe;
  #received = "";
  #matchedTo = 0;
  #isClosed = false;
  #waiting: (() => void) | undefined;

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
    this.closed = new Promise((resolve) => {
      pipe.onClose(() => {
        this.#isClosed = true;
        this.#waiting?.();
        resolve();
      });
    });
    this.#listen(pipe);
  }

  get received(): string {
    return this.#received;
  }

  async expect(pattern: RegExp | string): Promise<RegExpExecArray> {
    const form = typeof pattern === "string" ? new RegExp(pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")) : pattern;
    for (;;) {
      const match = form.exec(this.#received.slice(this.#matchedTo));
      if (match !== null) {
        this.#matchedTo += match.index + match[0].length;
        return match;
      }
      if (this.#isClosed) throw new InternalError("the client left before it said what the scenario expects");
      await new Promise<void>((resolve) => { this.#waiting = resolve; });
    }
  }

  send(data: string | Uint8Array): Promise<void> {
    return this.#pipe.write(data);
  }

  async sendSplit(data: string | Uint8Array, cuts: readonly number[]): Promise<void> {
    const bytes = Buffer.from(data);
    const ends = [...cuts, bytes.length];
    let from = 0;
    for (const to of ends) {
      await this.#pipe.write(bytes.subarray(from, to));
      // A turn of the event loop each, so that the client reads them one by one.
      await new Promise((resolve) => { setTimeout(resolve, 2); });
      from = to;
    }
  }

  async startTls(certificate: TestCertificate): Promise<void> {
    this.#pipe = await this.#pipe.upgrade(certificate);
    this.#listen(this.#pipe);
  }

  exporter(): Buffer {
    return this.#pipe.exporter();
  }

  close(abruptly = false): void {
    this.#pipe.end(abruptly);
  }

  #listen(pipe: Pipe): void {
    pipe.onText((text) => {
      this.#received += text;
      this.#waiting?.();
    });
  }
}
