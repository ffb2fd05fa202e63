/**
 * WebSocket links for Node on the `ws` package: the platform's own (Node 22) takes no certificate authority.
 * Threats N04 (the host of the URL is verified, redirects are not followed), P10 (size of a message), P13.
 * @module
 */
import { stanzaBytesMax } from "../../base/limits.js";
import { TransportError } from "../errors.js";
import { messageBytesFactor } from "../xml/refusal.js";
import { socketError, verifiedTls } from "./node-tls.js";
import type { Link, LinkHandlers, WebSocketTarget } from "./sockets.js";
import { openWebSocket, type WebSocketLike } from "./websocket.js";

/** Opens a WebSocket link. `ws` is an optional dependency and loaded here only. */
export async function openNodeWebSocket(target: WebSocketTarget, handlers: LinkHandlers, signal: AbortSignal): Promise<Link> {
  const { WebSocket } = await import("ws").catch((error: unknown) => {
    throw new TransportError("ERR_SERVICE_INVALID", "WebSocket services need the optional dependency ws", { cause: error });
  });
  const secure = target.url.startsWith("wss:");
  const socket: unknown = new WebSocket(target.url, ["xmpp"], {
    ...verifiedTls(target.tls),
    followRedirects: false,
    perMessageDeflate: false,
    maxPayload: stanzaBytesMax * messageBytesFactor, // ws holds a message as a whole
  });
  return openWebSocket(socket as WebSocketLike, { secure, toError: (error, opened) => frameError(error) ?? refusedUpgrade(error) ?? socketError(error, secure && !opened) }, handlers, signal);
}

/** An HTTP server that has no WebSocket here, most often because of a wrong path. `ws` has no code for it. */
function refusedUpgrade(error: unknown): TransportError | undefined {
  const status = error instanceof Error ? /^Unexpected server response: (\d{3})$/.exec(error.message)?.[1] : undefined;
  return status === undefined ? undefined
    : new TransportError("ERR_CONNECT_FAILED", "the address answers, but not as a WebSocket", { retryable: true, details: { reason: `HTTP_${status}` } });
}

/** What `ws` reports when the peer breaks the rules of frames. */
function frameError(error: unknown): TransportError | undefined {
  const code = typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : "";
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") {
    return new TransportError("ERR_STREAM_LIMIT", "a message larger than the limits allow", { details: { condition: "policy-violation", reason: "message-length" } });
  }
  return code.startsWith("WS_ERR_")
    ? new TransportError("ERR_STREAM_MALFORMED", "frames that a WebSocket may not hold", { details: { condition: "bad-format" } })
    : undefined;
}
