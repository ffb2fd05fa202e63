/**
 * A link over any object with the WebSocket interface: the browser's own, or that of the `ws` package.
 * Spec: RFC 7395 section 3.1 (subprotocol `xmpp`), RFC 6455. Of a binary message no more is handed on than that it is one: it is refused above (threats P13).
 * @module
 */
import { TransportError } from "../errors.js";
import { closedError } from "./closed.js";
import type { Link, LinkHandlers } from "./sockets.js";

/** The part of the WebSocket interface that is used. */
export interface WebSocketLike {
  readonly protocol: string;
  readonly readyState: number;
  send(text: string): void;
  close(code?: number): void;
  /** Only `ws` has it: drops the connection at once. */
  terminate?(): void;
  addEventListener(type: "open" | "message" | "close" | "error", listener: (event: WebSocketEvent) => void): void;
  removeEventListener(type: "open" | "message" | "close" | "error", listener: (event: WebSocketEvent) => void): void;
}

/** The part of its events that is used. */
export interface WebSocketEvent {
  readonly data?: unknown;
  /** Only `ws` tells. */
  readonly error?: unknown;
}

const openState = 1;

/** Waits until `socket` is open with the right subprotocol. `toError` reads the platform's error, before or after the opening. */
export function openWebSocket(
  socket: WebSocketLike, options: { readonly secure: boolean; readonly toError: (error: unknown, opened: boolean) => TransportError }, handlers: LinkHandlers, signal: AbortSignal,
): Promise<Link> {
  return new Promise((resolve, reject) => {
    let opened = false;
    let broken: TransportError | undefined;
    let over = false;
    const finish = (error: TransportError | undefined): void => {
      if (over) return;
      over = true;
      signal.removeEventListener("abort", onAbort);
      for (const [type, listener] of listeners) if (type !== "error") socket.removeEventListener(type, listener);
      if (opened) handlers.closed(error);
      else reject(error ?? new TransportError("ERR_CONNECT_FAILED", "the WebSocket did not open", { retryable: true }));
    };
    const drop = (error: TransportError | undefined): void => {
      if (socket.terminate === undefined) socket.close();
      else socket.terminate();
      finish(error);
    };
    const onAbort = (): void => { drop(undefined); };
    const onOpen = (): void => {
      if (socket.protocol !== "xmpp") {
        drop(new TransportError("ERR_STREAM_PROTOCOL", "the WebSocket does not speak XMPP", { details: { reason: "subprotocol" } }));
        return;
      }
      opened = true;
      signal.removeEventListener("abort", onAbort);
      resolve(link);
    };
    const onMessage = (event: WebSocketEvent): void => {
      handlers.data(typeof event.data === "string" ? event.data : new Uint8Array(0));
    };
    const onError = (event: WebSocketEvent): void => { broken ??= options.toError(event.error, opened); };
    const onClose = (): void => { finish(broken); };
    const link: Link = {
      secure: options.secure,
      write(text) {
        if (over || socket.readyState !== openState) return Promise.reject(closedError());
        socket.send(text);
        return Promise.resolve();
      },
      end: () => { socket.close(1000); },
      destroy: () => { drop(undefined); },
    };
    // The error listener stays to the end: `ws` throws errors that nobody listens to.
    const listeners = [["open", onOpen], ["message", onMessage], ["error", onError], ["close", onClose]] as const;
    for (const [type, listener] of listeners) socket.addEventListener(type, listener);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
