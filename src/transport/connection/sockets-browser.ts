/** Sockets of browsers: the platform's WebSocket and nothing else. Certificates are the browser's business. @module */
import { TransportError } from "../errors.js";
import type { SocketFactories } from "./sockets.js";
import { openWebSocket, type WebSocketLike } from "./websocket.js";

/** Chosen by the import condition `#sockets`. */
export const sockets: SocketFactories = {
  async webSocket(target, handlers, signal) {
    if (target.tls.ca !== undefined) throw new TransportError("ERR_SERVICE_INVALID", "a browser takes no certificate authority from us");
    const socket = new WebSocket(target.url, ["xmpp"]) as unknown as WebSocketLike;
    const toError = (): TransportError => new TransportError("ERR_CONNECT_FAILED", "the WebSocket broke", { retryable: true });
    return openWebSocket(socket, { secure: target.url.startsWith("wss:"), toError }, handlers, signal);
  },
};
