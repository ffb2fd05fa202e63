/**
 * The port `Stream`: one authenticated, bound XMPP stream. Everything above works against this and nothing else
 * (design section 6). Implementation: xmpp-chassis.ts and its neighbours.
 * @module
 */
import type { FullJid } from "../../base/jid.js";
import type { Unsubscribe } from "../../base/events.js";
import type { XmlElement } from "../../base/xml.js";
import type { TransportError } from "../errors.js";

/** Why a stream is over. `error` is absent after a clean close that we asked for. */
export interface StreamEnd {
  readonly error?: TransportError;
}

/** A live stream. All stanzas are of namespace `jabber:client`. */
export interface Stream {
  /** The address that the server bound us to. */
  readonly jid: FullJid;
  /** Features that the server announced after authentication. */
  readonly features: XmlElement;
  /** True while stanzas can be written. */
  readonly isOpen: boolean;
  /**
   * Writes one stanza; resolves when the socket took it, which says nothing about its arrival.
   * @throws TransportError `ERR_STREAM_CLOSED`, or `ERR_STANZA_TOO_LARGE` above the server's limit.
   */
  send(stanza: XmlElement): Promise<void>;
  /** Every stanza with well-formed addresses, answers to IQs included, in order, within the parser's own turn. */
  onStanza(listener: (stanza: XmlElement) => void): Unsubscribe;
  /** Called once, when the stream is over for whatever reason. */
  onEnd(listener: (end: StreamEnd) => void): Unsubscribe;
  /** Closes cleanly within `closeTimeoutMs`; idempotent, never rejects. */
  close(): Promise<void>;
}
