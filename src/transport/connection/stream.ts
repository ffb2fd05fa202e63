/**
 * The port `Stream`: one authenticated XMPP session over one connection. Everything above works against this and nothing else.
 * Implementation: transport/stream/.
 * Spec: XEP-0198 for numbers and acknowledgements; docs/decisions/0003-xmpp-chassis.md, docs/decisions/0005-stream-management.md.
 * @module
 */
import type { FullJid } from "../../base/jid.js";
import type { Unsubscribe } from "../../base/events.js";
import type { XmlElement } from "../../base/xml.js";
import type { TransportError } from "../errors.js";
import type { StreamSession } from "../stream/stream-session.js";

/**
 * Why a stream is over. `error` is absent after a clean close that we asked for. Of a session that was resumed and with which the server does not go on it is
 * `ERR_STREAM_CLOSED` with what the server said, if anything, as its `cause`, and that session is not asked for again.
 */
export interface StreamEnd {
  readonly error?: TransportError;
}

/** A former session that was asked for and is gone. `handled`: the `h` of `<failed/>`, unwrapped, if the server gave a possible one. */
export interface FormerSession {
  readonly handled?: number;
}

/** How the session of XEP-0198 stands when `connect` resolves; it is settled by then. */
export type SessionStart =
  /** The server has no stream management; acknowledgements come from pings. */
  | { readonly kind: "unmanaged"; readonly former?: FormerSession }
  /** A new session. `former` is there if another one was asked for and refused. */
  | { readonly kind: "new"; readonly resumable: boolean; readonly former?: FormerSession }
  /** The former session goes on. `handled`: stanzas of ours that the server has handled in all, unwrapped beyond 2^32. */
  | { readonly kind: "resumed"; readonly handled: number };

/** One received stanza and whether it may be acknowledged. */
export interface Delivery {
  /** Its number among the stanzas received in this session (1, 2, ...): what `h` must reach to acknowledge it. 0: it came before the session and is never acknowledged. */
  readonly number: number;
  /**
   * To be called in the listener's own turn: `h` stays below `number` until the returned function is called (idempotent).
   * @throws UsageError `ERR_INVALID_ARGUMENT` in a later turn: the stanza may be acknowledged already
   */
  hold(): () => void;
}

/** One stanza on its way. */
export interface TrackedSend {
  /** Its number among the stanzas sent in this session. */
  readonly sequence: number;
  /** Resolves when the socket took it, which says nothing about its arrival. */
  readonly written: Promise<void>;
}

/** A live stream. All stanzas are of namespace `jabber:client`. */
export interface Stream {
  /** The address that the server bound us to. */
  readonly jid: FullJid;
  /** Features that the server announced after authentication. */
  readonly features: XmlElement;
  /** True while stanzas can be written. */
  readonly isOpen: boolean;
  /** How the session began. */
  readonly start: SessionStart;
  /** What a later connection can resume; `undefined` where the server offers no resumption. */
  readonly session: StreamSession | undefined;
  /**
   * Writes one stanza, or an element of a stream feature, which counts nowhere; resolves when the socket took it, which says nothing about its
   * arrival. `options` as in {@link sendTracked}.
   * @throws TransportError `ERR_STREAM_CLOSED`, or `ERR_STANZA_TOO_LARGE` above the server's limit.
   */
  send(stanza: XmlElement, options?: { readonly resend?: boolean }): Promise<void>;
  /**
   * As {@link send}; the sequence is assigned at once. With `resend: false` the stream does not send it again when the session goes on over another
   * connection and the server has not handled it: then the sequence is void, and whoever sent it finds out what became of it.
   * @throws TransportError synchronously: `ERR_STREAM_CLOSED`, `ERR_STANZA_TOO_LARGE`; then nothing was counted
   */
  sendTracked(stanza: XmlElement, options?: { readonly resend?: boolean }): TrackedSend;
  /**
   * Every stanza with a sequence <= `upTo` is with the server (XEP-0198 `h`; on unmanaged streams the answer to a ping). Calls come in the
   * parser's turn and only when `upTo` has grown.
   */
  onAcknowledged(listener: (upTo: number) => void): Unsubscribe;
  /** Every stanza with well-formed addresses, answers to IQs included, in order, within the parser's own turn. */
  onStanza(listener: (stanza: XmlElement, delivery: Delivery) => void): Unsubscribe;
  /** Called once, when the stream is over for whatever reason. */
  onEnd(listener: (end: StreamEnd) => void): Unsubscribe;
  /** Closes cleanly within `closeTimeoutMs`; idempotent, never rejects. */
  close(): Promise<void>;
}
