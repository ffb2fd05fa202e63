/**
 * The port to the platform's sockets. `#sockets` chooses the implementation: sockets-node.ts or sockets-browser.ts.
 * @module
 */
import type { Bytes } from "../../base/bytes.js";
import type { BindingType } from "../auth/mechanisms.js";
import type { TransportError } from "../errors.js";

/** What a link reports. `closed` comes once, and last. */
export interface LinkHandlers {
  /** Bytes of a TCP link, or one message of a WebSocket (text, or bytes that the caller refuses). */
  data(data: Uint8Array | string): void;
  /** The link is gone; `error` if it broke. */
  closed(error: TransportError | undefined): void;
}

/** A connected link. */
export interface Link {
  /** True if TLS is on and the certificate was verified. */
  readonly secure: boolean;
  /** Resolves when the platform took the text. */
  write(text: string): Promise<void>;
  /**
   * Turns a clear TCP link into TLS, proven to be `domain`. Everything that arrives from this call on belongs to TLS.
   * @throws TransportError `ERR_TLS_FAILED`, `ERR_CONNECT_FAILED`
   */
  startTls?(domain: string): Promise<void>;
  /**
   * What binds an authentication to this TLS channel (RFC 9266, RFC 5929); `undefined` if the platform cannot tell. Absent where it
   * never can.
   */
  channelBinding?(type: BindingType): Bytes | undefined;
  /** Ends politely: what was written still goes out. */
  end(): void;
  /** Ends now. */
  destroy(): void;
}

/** Trust on top of the platform's own roots. */
export interface TlsOptions {
  /** Certificates of further authorities, PEM. They are added to the default roots, never instead of the checks. */
  readonly ca?: string;
}

/** Where a TCP link goes. */
export interface TcpTarget {
  readonly host: string;
  readonly port: number;
  /** The XMPP domain: the name that the certificate must prove (threats N04). */
  readonly domain: string;
  /** TLS from the first byte (XEP-0368). */
  readonly directTls: boolean;
  readonly tls: TlsOptions;
}

/** Where a WebSocket goes; the host of a `wss:` URL is the name that the certificate must prove. */
export interface WebSocketTarget {
  readonly url: string;
  readonly tls: TlsOptions;
}

/**
 * Opens links. Each function rejects with a TransportError (`ERR_CONNECT_FAILED`, `ERR_TLS_FAILED`, `ERR_STREAM_PROTOCOL`), and ends
 * its attempt when the signal fires.
 */
export interface SocketFactories {
  /** Absent where the platform has no TCP. */
  readonly tcp?: (target: TcpTarget, handlers: LinkHandlers, signal: AbortSignal) => Promise<Link>;
  /** Opens a WebSocket with the subprotocol `xmpp` (RFC 7395). */
  readonly webSocket: (target: WebSocketTarget, handlers: LinkHandlers, signal: AbortSignal) => Promise<Link>;
}
