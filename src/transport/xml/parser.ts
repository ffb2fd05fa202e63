/**
 * The XML parser of everything that comes from outside: strict, bounded, linear, and it never throws.
 * Built on saxes (a conforming parser), which reports errors and would go on: here the first one ends the parse.
 * Spec: XML 1.0, Namespaces in XML 1.0, RFC 6120 section 11. Limits: base/limits.ts. Threats P01-P12, P14.
 * Not here: sockets, deadlines (connection/), meaning of elements.
 * @module
 */
import { SaxesParser } from "saxes";
import type { XmlElement } from "../../base/xml.js";
import type { TransportError } from "../errors.js";
import { ElementBuilder, type ElementSink } from "./element-builder.js";
import { MarkupGuard } from "./markup-guard.js";
import { defaultXmlLimits, xmlError, XmlRefusal, type XmlCondition, type XmlLimits } from "./refusal.js";

/** What a stream parser reports. After `error` or `closed` nothing more is called. */
export interface XmlStreamHandlers {
  /** The stream header, without children. */
  opened(header: XmlElement): void;
  /** A complete element below the header. */
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

/** One saxes parser with the guard in front of it. Throws {@link XmlRefusal}; errors of saxes become one. */
class GuardedParser {
  readonly builder: ElementBuilder;
  readonly #saxes: SaxesParser<{ xmlns: true; position: false }>;
  readonly #guard = new MarkupGuard();
  #fed = 0;
  // saxes reports an end tag before it compares its name: what it completes waits until saxes has read on.
  #deferred: { readonly action: () => void; readonly at: number } | undefined;

  constructor(sink: ElementSink, limits: XmlLimits) {
    const builder = new ElementBuilder(sink, limits);
    const saxes = new SaxesParser({ xmlns: true, position: false });
    saxes.on("error", () => {
      if (this.#deferred !== undefined && saxes.position > this.#deferred.at) this.#flush();
      throw new XmlRefusal("not-well-formed");
    });
    saxes.on("xmldecl", (declaration) => {
      if (declaration.version !== "1.0") throw new XmlRefusal("not-well-formed");
      if (declaration.encoding !== undefined && declaration.encoding.toLowerCase() !== "utf-8") throw new XmlRefusal("unsupported-encoding");
    });
    const inOrder = <E>(handle: (event: E) => void) => (event: E): void => {
      this.#flush();
      handle(event);
    };
    saxes.on("opentagstart", inOrder(() => { builder.tagStart(); }));
    saxes.on("attribute", (attribute) => { builder.attribute(attribute); });
    saxes.on("opentag", (tag) => { builder.tagOpen(tag); });
    saxes.on("text", inOrder((text: string) => { builder.text(text); }));
    saxes.on("cdata", inOrder((text: string) => { builder.cdata(text); }));
    saxes.on("closetag", inOrder(() => { builder.tagClose(); }));
    this.builder = builder;
    this.#saxes = saxes;
  }

  /** Characters consumed of the piece that is being fed; asked from within callbacks. */
  get consumed(): number {
    return this.#saxes.position - this.#fed;
  }

  /** Runs `action` as soon as the end tag that is being reported has proven right. */
  defer(action: () => void): void {
    this.#deferred = { action, at: this.#saxes.position };
  }

  feed(piece: string): void {
    const offence = this.#guard.scan(piece);
    // What stands before the offence still counts, so that the result does not depend on how the input was cut.
    this.#saxes.write(offence === undefined ? piece : piece.slice(0, offence.index));
    this.#flush();
    if (offence !== undefined) throw new XmlRefusal(offence.problem);
    this.#fed += piece.length;
  }

  end(): void {
    this.#saxes.close();
  }

  #flush(): void {
    const deferred = this.#deferred;
    this.#deferred = undefined;
    deferred?.action();
  }
}

/**
 * Parses one stream, from its header to its end tag. Bytes go through one UTF-8 decoder for the whole stream
 * (threats P04, P05), text is taken as it is. Every method is safe to call at any time, also after the end (P14).
 */
export class XmlStreamParser {
  readonly #handlers: XmlStreamHandlers;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
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
    const atBoundary = (report: () => void): void => {
      if (this.#over) return;
      this.#finishCount();
      this.#parser.defer(() => { if (!this.#over) report(); });
    };
    this.#parser = new GuardedParser({
      shape: "stream",
      opened: (header) => { atBoundary(() => { this.#handlers.opened(header); }); },
      complete: (element) => { atBoundary(() => { this.#handlers.element(element); }); },
      closed: () => {
        atBoundary(() => {
          this.#over = true;
          this.#handlers.closed();
        });
      },
    }, limits);
  }

  /** True while a header or stanza has begun and is not complete: a deadline must be running (threats P11). */
  get pending(): boolean {
    return !this.#idle && !this.#over;
  }

  /** From now on elements may have so many bytes. */
  allow(bytesMax: number): void {
    this.#bytesMax = bytesMax;
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
    const between = this.#idle && this.#parser.builder.depth === 1;
    // White space between stanzas is a keep-alive: it belongs to nothing and must not add up.
    const start = between ? text.search(notWhiteSpace) : 0;
    if (start < 0) return;
    this.#piece = start === 0 ? text : text.slice(start);
    if (between) refuseText(this.#piece);
    this.#countedTo = 0;
    this.#boundary = -1;
    this.#parser.feed(this.#piece);
    if (this.#over) return;
    const rest = this.#piece.slice(this.#countedTo);
    this.#idle = this.#boundary >= 0 && !notWhiteSpace.test(rest);
    if (this.#boundary >= 0) refuseText(rest);
    this.#stanzaBytes = this.#idle ? 0 : this.#stanzaBytes + utf8Length(rest);
    if (this.#stanzaBytes > this.#bytesMax) throw new XmlRefusal("policy-violation");
    this.#piece = "";
  }

  #finishCount(): void {
    const end = this.#parser.consumed;
    const bytes = this.#stanzaBytes + utf8Length(this.#piece.slice(this.#countedTo, end));
    if (bytes > this.#bytesMax) throw new XmlRefusal("policy-violation");
    this.#stanzaBytes = 0;
    this.#countedTo = end;
    this.#boundary = end;
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

/** Parses `text` as exactly one element, under the rules and limits of a stream. Never throws. */
export function readXmlDocument(text: string, limits: Partial<XmlLimits> = {}): XmlDocument {
  const bounds = { ...defaultXmlLimits, ...limits };
  let root: XmlElement | undefined;
  try {
    // Code units are never more than bytes: a quick refusal before any work.
    if (text.length > bounds.bytesMax || utf8Length(text) > bounds.bytesMax) throw new XmlRefusal("policy-violation");
    const parser = new GuardedParser({ shape: "document", opened: () => undefined, closed: () => undefined, complete: (element) => { root = element; } }, bounds);
    parser.feed(checkedText(text));
    parser.end();
  } catch (error) {
    if (!(error instanceof XmlRefusal)) throw error;
    return { kind: "refused", error: xmlError(error.condition) };
  }
  return root === undefined ? { kind: "refused", error: xmlError("not-well-formed") } : { kind: "element", element: root };
}

/** {@link readXmlDocument} for callers to whom all refusals are alike: the content of SCE envelopes (threats E07). */
export function parseXmlDocument(text: string, limits: Partial<XmlLimits> = {}): XmlElement | undefined {
  const document = readXmlDocument(text, limits);
  return document.kind === "element" ? document.element : undefined;
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
