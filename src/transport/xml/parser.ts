/**
 * The XML parser of everything that comes from outside: strict, bounded, linear, and it never throws.
 * Built on saxes (a conforming parser), which reports errors and would go on: here the first one ends the parse. After login a stanza
 * that breaks a limit is spoilt, and the stream goes on (docs/decisions/0015-spoilt-stanzas.md).
 * Spec: XML 1.0, Namespaces in XML 1.0, RFC 6120 section 11. Limits: base/limits.ts. Threats P01-P12, P14.
 * Not here: sockets, deadlines (connection/), meaning of elements.
 * @module
 */
import type { XmlElement } from "../../base/xml.js";
import type { TransportError } from "../errors.js";
import { ElementBuilder, type ElementSink, type TreeBuilder } from "./element-builder.js";
import { GuardedParser } from "./guarded-parser.js";
import { defaultXmlLimits, skippedBytesFactor, sparesStream, xmlError, XmlRefusal, type XmlCondition, type XmlLimits } from "./refusal.js";
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

// Pieces small enough that a limit stops the work soon after it is passed.
const pieceLength = 16 * 1024;
const notWhiteSpace = /[^ \t\r\n]/;
const loneSurrogate = /\p{Surrogate}/u;

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
    if (bytes > this.#bytesMax * (strict ? 1 : skippedBytesFactor)) throw new XmlRefusal("policy-violation");
    return bytes > this.#bytesMax;
  }

  #fail(condition: XmlCondition): void {
    if (this.#over) return;
    this.stop();
    this.#handlers.error(xmlError(condition));
  }
}

/** The result of {@link readXmlDocument}. */
export type XmlDocument =
  | { readonly kind: "element"; readonly element: XmlElement }
  | { readonly kind: "refused"; readonly error: TransportError };

/** Parses `text` as exactly one element, under the rules and limits of a stream: after the login a stanza may be spoilt. Never throws. */
export function readXmlDocument(text: string, limits: Partial<XmlLimits> = {}): XmlDocument {
  const bounds = { ...defaultXmlLimits, ...limits };
  try {
    return { kind: "element", element: sparesStream(bounds) ? sparedDocument(text, bounds) : strictDocument(text, bounds) };
  } catch (error) {
    if (!(error instanceof XmlRefusal)) throw error;
    return { kind: "refused", error: xmlError(error.condition) };
  }
}

/**
 * One element of which nothing is spared, for callers to whom all refusals are alike: the content of SCE envelopes (threats E07), and
 * what we have written ourselves. Never throws.
 */
export function parseXmlDocument(text: string, limits: Partial<XmlLimits> = {}): XmlElement | undefined {
  try {
    return strictDocument(text, { ...defaultXmlLimits, ...limits });
  } catch (error) {
    if (!(error instanceof XmlRefusal)) throw error;
    return undefined;
  }
}

function strictDocument(text: string, limits: XmlLimits): XmlElement {
  boundedBytes(text, limits.bytesMax);
  return document(text, (sink) => new ElementBuilder(sink, limits));
}

function sparedDocument(text: string, limits: XmlLimits): XmlElement {
  const { bytesMax } = limits;
  const large = boundedBytes(text, bytesMax * skippedBytesFactor) > bytesMax;
  const bytesTo = countingOn(text);
  let builder: SparingBuilder | undefined;
  const root = document(text, (sink, consumed) => {
    builder = new SparingBuilder(sink, limits, () => large && bytesTo(consumed()) > bytesMax);
    builder.activate();
    return builder;
  });
  if (large && builder?.strict === true) throw new XmlRefusal("policy-violation");
  return large || builder?.spoilt === true ? spoiltStanza(root) : root;
}

function document(text: string, builderFor: (sink: ElementSink, consumed: () => number) => TreeBuilder): XmlElement {
  let root: XmlElement | undefined;
  const sink: ElementSink = { shape: "document", opened: () => undefined, closed: () => undefined, complete: (element) => { root = element; } };
  const parser: GuardedParser = new GuardedParser(builderFor(sink, () => parser.consumed));
  parser.feed(checkedText(text));
  parser.end();
  if (root === undefined) throw new XmlRefusal("not-well-formed");
  return root;
}

/** Code units are never more than bytes: a quick refusal before any work. */
function boundedBytes(text: string, bytesMax: number): number {
  const bytes = text.length > bytesMax ? text.length : utf8Length(text);
  if (bytes > bytesMax) throw new XmlRefusal("policy-violation");
  return bytes;
}

function checkedText(text: string): string {
  if (loneSurrogate.test(text)) throw new XmlRefusal("not-well-formed");
  return text;
}

// Between stanzas nothing but a tag may begin; the parser would tell at the next tag only, however late that comes.
function refuseText(text: string): void {
  const first = text.charAt(text.search(notWhiteSpace));
  if (notWhiteSpace.test(text) && first !== "<") throw new XmlRefusal("not-well-formed");
}

// A surrogate pair is not cut: its bytes are counted together.
function pieceEnd(text: string, from: number): number {
  const end = Math.min(text.length, from + pieceLength);
  const last = text.charCodeAt(end - 1);
  return end < text.length && last >= 0xd800 && last <= 0xdbff ? end + 1 : end;
}

/** Bytes up to an index that only grows: each character is counted once. */
function countingOn(text: string): (end: number) => number {
  let at = 0;
  let bytes = 0;
  return (end) => {
    bytes += utf8Length(text.slice(at, end));
    at = end;
    return bytes;
  };
}

function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // Two bytes below U+0800, three above; a pair is two units of two bytes each.
    length += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return length;
}
