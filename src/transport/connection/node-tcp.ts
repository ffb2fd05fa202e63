/**
 * TCP links for Node, with direct TLS or an upgrade in place (STARTTLS).
 * Spec: RFC 6120 section 5.4, XEP-0368. Threats N01-N04: what STARTTLS negotiates is decided in connect.ts; here the name is proven.
 * @module
 */
import * as net from "node:net";
import * as tls from "node:tls";
import type { Bytes } from "../../base/bytes.js";
import type { BindingType } from "../auth/mechanisms.js";
import { TransportError } from "../errors.js";
import { closedError } from "./closed.js";
import { channelBinding, socketError, tlsName, verifiedTls } from "./node-tls.js";
import type { Link, LinkHandlers, TcpTarget } from "./sockets.js";

/** One TCP connection through its life: clear, then perhaps TLS. */
class TcpLink implements Link {
  readonly #handlers: LinkHandlers;
  readonly #target: TcpTarget;
  #socket: net.Socket;
  #secure = false;
  #over = false;
  #open = false;

  constructor(socket: net.Socket, target: TcpTarget, handlers: LinkHandlers) {
    this.#socket = socket;
    this.#target = target;
    this.#handlers = handlers;
  }

  get secure(): boolean {
    return this.#secure;
  }

  /** From now on data and the end are reported. */
  start(): void {
    this.#open = true;
    this.#listen(this.#socket);
  }

  async startTls(domain: string): Promise<void> {
    const name = tlsName(domain); // before anything is taken from the socket: a domain without a name ends here
    const clear = this.#socket;
    // In this very turn: not one more clear byte may reach the stream (threats N03).
    clear.removeAllListeners("data");
    clear.removeAllListeners("close");
    clear.removeAllListeners("error");
    const secured = tls.connect({
      socket: clear,
      ...name,
      ...verifiedTls(this.#target.tls),
      ...(this.#target.directTls ? { ALPNProtocols: ["xmpp-client"] } : {}),
    });
    this.#socket = secured;
    await opened(secured, "secureConnect", true).catch((error: unknown) => {
      this.#finish(error instanceof TransportError ? error : undefined); // the end of the stream tells the same reason
      throw error;
    });
    // Node has refused an unproven name already; this holds should an option ever change that.
    if (!secured.authorized) {
      this.#finish(undefined);
      throw new TransportError("ERR_TLS_FAILED", "the certificate does not prove the name");
    }
    this.#secure = true;
    if (this.#open) this.#listen(secured);
  }

  write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#over || !this.#socket.writable) throw closedError();
      this.#socket.write(text, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(socketError(error, false));
      });
    });
  }

  channelBinding(type: BindingType): Bytes | undefined {
    return this.#secure && this.#socket instanceof tls.TLSSocket ? channelBinding(this.#socket, type) : undefined;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#finish(undefined);
  }

  #listen(socket: net.Socket): void {
    let broken: TransportError | undefined;
    socket.on("data", (data) => { this.#handlers.data(data); });
    socket.on("error", (error) => { broken ??= socketError(error, false); });
    socket.on("close", () => { this.#finish(broken); });
  }

  #finish(error: TransportError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.removeAllListeners();
    // A late error of a socket that nobody listens to would end the process.
    this.#socket.on("error", ignoreLateError);
    this.#socket.destroy();
    if (this.#open) this.#handlers.closed(error);
  }
}

function ignoreLateError(): void {
  // The end was reported already.
}

function opened(socket: net.Socket, event: "connect" | "secureConnect", duringTls: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (action: () => void) => (): void => {
      socket.removeListener(event, onOpen);
      socket.removeListener("error", onError);
      socket.removeListener("close", onClose);
      action();
    };
    const onOpen = settle(resolve);
    const onError = (error: unknown): void => { settle(() => { reject(socketError(error, duringTls)); })(); };
    const onClose = settle(() => { reject(new TransportError("ERR_CONNECT_FAILED", "the connection was closed", { retryable: true })); });
    socket.on(event, onOpen);
    socket.on("error", onError);
    socket.on("close", onClose);
  });
}

/** Opens a TCP link; with `directTls` it is proven and secure when the promise resolves. */
export async function openTcp(target: TcpTarget, handlers: LinkHandlers, signal: AbortSignal): Promise<Link> {
  const socket = net.connect({ host: target.host, port: target.port, noDelay: true });
  const link = new TcpLink(socket, target, handlers);
  const onAbort = (): void => { socket.destroy(); };
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await opened(socket, "connect", false);
    if (target.directTls) await link.startTls(target.domain);
    link.start();
    return link;
  } catch (error) {
    link.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
