/**
 * The XML parser of everything that streams in from outside: strict, bounded, linear, and it never throws.
 * Built on saxes (a conforming parser), which reports errors and would go on: here the first one ends the parse. After login a stanza
 * that breaks a limit is spoilt, and the stream goes on (docs/decisions/0015-spoilt-stanzas.md).
 * Spec: XML 1.0, Namespaces in XML 1.0, RFC 6120 section 11. Limits: base/limits.ts. Threats P01-P12, P14.
 * Not here: single elements (document.ts), sockets, deadlines (connection/), meaning of elements.
 * @module
 */
import type { XmlElement } from "../../base/xml.js";
import type { TransportError } from "../errors.js";
import { GuardedParser } from "./guarded-parser.js";
import { checkedText, pieceEnd, refuseLong, utf8Length } from "./pieces.js";
import { defaultXmlLimits, passedBytesFactor, sparesStream, xmlError, XmlRefusal, type XmlCondition, type XmlLimits } from "./refusal.js";
import { SparingBuilder } from "./sparing-builder.js";
import { spoiltStanza } from "./spoilt.js";

/** What a stream parser reports. After `error` or `closed` nothing more is called. */
export interface XmlStreamHandlers {
  /** The stream header, without children. */
  opened(header: XmlElement): void;
  /** A complete element below the header. A stanza may be spoilt (spoilt.ts). */
  element(element: XmlElement): void;
  /** The peer closed the stream. */
  closed(): void;
  /** The input cannot be read further. */
  error(error: TransportError): void;
}

const notWhiteSpace = /[^ \t\r\n]/;

/**
 * Parses one stream, from its header to its end tag. Bytes go through one UTF-8 decoder for the whole stream
 * (threats P04, P05), text is taken as it is. Every method is safe to call at any time, also after the end (P14).
 */
export class XmlStreamParser {
  readonly #handlers: XmlStreamHandlers;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #builder: SparingBuilder;
  readonly #parser: GuardedParser;
  #bytesMax: number;
  #stanzaBytes = 0; // UTF-8 bytes of the unfinished stanza that are counted already
  #piece = "";
  #countedTo = 0;
  #boundary = 0; // index in the piece behind the last finished element or header
  #idle = true;
  #over = false;
  #inside = false;
  #leftover = false;
  #partial = false; // the decoder may hold the beginning of a character

  constructor(handlers: XmlStreamHandlers, limits: XmlLimits = defaultXmlLimits) {
    this.#handlers = handlers;
    this.#bytesMax = limits.bytesMax;
    const atBoundary = (report: (large: boolean) => void): void => {
      if (this.#over) return;
      const large = this.#finishCount();
      this.#parser.defer(() => { if (!this.#over) report(large); });
    };
    this.#builder = new SparingBuilder({
      shape: "stream",
      opened: (header) => { atBoundary(() => { this.#handlers.opened(header); }); },
      complete: (element) => {
        const { spoilt } = this.#builder;
        atBoundary((large) => { this.#handlers.element(spoilt || large ? spoiltStanza(element) : element); });
      },
      closed: () => {
        atBoundary(() => {
          this.#over = true;
          this.#handlers.closed();
        });
      },
    }, limits, () => this.#count() > this.#bytesMax);
    this.#parser = new GuardedParser(this.#builder);
    this.allow(limits.bytesMax);
  }

  /** True while a header or stanza has begun and is not complete: a deadline must be running (threats P11). */
  get pending(): boolean {
    return !this.#idle && !this.#over;
  }

  /** From now on elements may have so many bytes: after the login stanzas that break a limit are spoilt. */
  allow(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    if (sparesStream({ bytesMax })) this.#builder.activate();
  }

  /** True once the stream was closed or broken: nothing is read any more. */
  get isOver(): boolean {
    return this.#over;
  }

  /** True if input came behind the element in whose handler {@link stop} was called (threats N03). */
  get leftover(): boolean {
    return this.#leftover;
  }

  /** Stops for good; later input is ignored (threats P14). May be called from within a handler. */
  stop(): void {
    if (this.#inside && !this.#over && this.#countedTo < this.#piece.length) this.#leftover = true;
    this.#over = true;
    this.#piece = "";
  }

  /** Reads on. A handler may call {@link stop}; the rest of the input is ignored then. */
  write(input: Uint8Array | string): void {
    if (this.#over) {
      if (input.length > 0) this.#leftover = true;
      return;
    }
    this.#inside = true;
    try {
      const text = typeof input === "string" ? checkedText(input) : this.#decode(input);
      let from = 0;
      // A handler may call stop() at any piece.
      while (from < text.length && !this.isOver) {
        const to = pieceEnd(text, from);
        this.#read(text.slice(from, to));
        from = to;
      }
      if (this.isOver && (from < text.length || this.#partial)) this.#leftover = true;
    } catch (error) {
      if (!(error instanceof XmlRefusal)) throw error; // a handler of ours threw: a bug, not input
      this.#fail(error.condition);
    } finally {
      this.#inside = false;
    }
  }

  #decode(input: Uint8Array): string {
    try {
      // A chunk that ends with a byte above 0x7f may end within a character.
      this.#partial = (input.at(-1) ?? 0) > 0x7f;
      return this.#decoder.decode(input, { stream: true });
    } catch {
      throw new XmlRefusal("not-well-formed"); // the fatal decoder's only error: not UTF-8
    }
  }

  #read(text: string): void {
    const between = this.#idle && this.#builder.depth === 1;
    // White space between stanzas is a keep-alive: it belongs to nothing and must not add up.
    const start = between ? text.search(notWhiteSpace) : 0;
    if (start < 0) return;
    this.#piece = start === 0 ? text : text.slice(start);
    if (between) refuseText(this.#piece);
    this.#countedTo = 0;
    this.#boundary = -1;
    this.#parser.feed(this.#piece);
    if (this.#over) return;
    refuseLong(this.#parser, this.#bytesMax);
    const rest = this.#piece.slice(Math.max(this.#boundary, 0));
    this.#idle = this.#boundary >= 0 && !notWhiteSpace.test(rest);
    if (this.#boundary >= 0) refuseText(rest);
    this.#stanzaBytes = this.#idle ? 0 : this.#stanzaBytes + utf8Length(this.#piece.slice(this.#countedTo));
    if (this.#isLarge(this.#stanzaBytes)) this.#builder.spoil();
    this.#piece = "";
  }

  /** Bytes of the stanza that is being read, up to where the parser stands. */
  #count(): number {
    const end = this.#parser.consumed;
    this.#stanzaBytes += utf8Length(this.#piece.slice(this.#countedTo, end));
    this.#countedTo = end;
    return this.#stanzaBytes;
  }

  /** True if what ends here is larger than it may be. */
  #finishCount(): boolean {
    const large = this.#isLarge(this.#count());
    this.#stanzaBytes = 0;
    this.#boundary = this.#countedTo;
    return large;
  }

  #isLarge(bytes: number): boolean {
    const { strict } = this.#builder;
    if (bytes > this.#bytesMax * (strict ? 1 : passedBytesFactor)) throw new XmlRefusal("policy-violation");
    return bytes > this.#bytesMax;
  }

  #fail(condition: XmlCondition): void {
    if (this.#over) return;
    this.stop();
    this.#handlers.error(xmlError(condition));
  }
}

// Between stanzas nothing but a tag may begin; the parser would tell at the next tag only, however late that comes.
function refuseText(text: string): void {
  const first = text.charAt(text.search(notWhiteSpace));
  if (notWhiteSpace.test(text) && first !== "<") throw new XmlRefusal("not-well-formed");
}
