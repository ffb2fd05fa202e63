/** Sockets of Node: TCP with TLS, and WebSocket through `ws`. @module */
import { openTcp } from "./node-tcp.js";
import { openNodeWebSocket } from "./node-websocket.js";
import type { SocketFactories } from "./sockets.js";

/** Chosen by the import condition `#sockets`. */
export const sockets: SocketFactories = { tcp: openTcp, webSocket: openNodeWebSocket };
