/**
 * What a session is established over: an authenticated connection that carries elements. connection/negotiation.ts makes one of a socket; a
 * simulated server in memory can be another.
 * @module
 */
import type { Unsubscribe } from "../../base/events.js";
import type { XmlElement } from "../../base/xml.js";
import type { StreamEnd } from "../connection/stream.js";
import type { TransportError } from "../errors.js";

/** Elements in both directions, in order. */
export interface ElementChannel {
  /** Stream features announced after authentication; without children where the server has sent none. */
  readonly features: XmlElement;
  /** True while elements can be written. */
  readonly isOpen: boolean;
  /**
   * When a piece of an element came that is not complete yet, on the clock that only grows; `undefined` while there is none. How long such an
   * element may take is the channel's to say.
   */
  readonly progressAt?: number | undefined;
  /** Resolves when the platform took the element. Calls keep their order. */
  write(element: XmlElement): Promise<void>;
  /** Every element from here on, in the parser's own turn; what has come before the first listener is handed to it now. */
  onElement(listener: (element: XmlElement) => void): Unsubscribe;
  /** Called once, when the connection is over or has been. */
  onEnd(listener: (end: StreamEnd) => void): Unsubscribe;
  /** Closes cleanly; never rejects. */
  close(): Promise<void>;
  /** Ends the connection for `error`; the server is told of its own breach of the rules. */
  fail(error: TransportError): void;
}
