/**
 * The reader of WebSocket links: exactly one complete element per text message.
 * Spec: RFC 7395 section 3.3. Threats P13, P14.
 * @module
 */
import { isElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { readXmlDocument } from "../xml/document.js";
import { type XmlStreamHandlers } from "../xml/parser.js";
import type { XmlLimits } from "../xml/refusal.js";

/** Namespace of `<open/>` and `<close/>`. */
export const framingNamespace = "urn:ietf:params:xml:ns:xmpp-framing";

/** The same interface as XmlStreamParser, for framed input. */
export class FramedParser {
  /** A message is complete by itself: nothing is ever pending. */
  readonly pending = false;
  readonly #handlers: XmlStreamHandlers;
  #limits: XmlLimits;
  #over = false;
  #leftover = false;

  constructor(handlers: XmlStreamHandlers, limits: XmlLimits) {
    this.#handlers = handlers;
    this.#limits = limits;
  }

  /** True if input came behind a {@link stop}. */
  get leftover(): boolean {
    return this.#leftover;
  }

  /** Stops for good; later input is ignored. */
  stop(): void {
    this.#over = true;
  }

  /** From now on elements may have so many bytes. */
  allow(bytesMax: number): void {
    this.#limits = { ...this.#limits, bytesMax };
  }

  /** Reads one message. */
  write(input: Uint8Array | string): void {
    if (this.#over) {
      this.#leftover = true;
      return;
    }
    if (typeof input !== "string") {
      this.#fail(new TransportError("ERR_STREAM_PROTOCOL", "a binary message on an XMPP stream", { details: { condition: "bad-format" } }));
      return;
    }
    const document = readXmlDocument(input, this.#limits);
    if (document.kind === "refused") this.#fail(document.error);
    else if (isElement(document.element, framingNamespace, "open")) this.#handlers.opened(document.element);
    else if (isElement(document.element, framingNamespace, "close")) {
      this.#over = true;
      this.#handlers.closed();
    } else this.#handlers.element(document.element);
  }

  #fail(error: TransportError): void {
    this.#over = true;
    this.#handlers.error(error);
  }
}
