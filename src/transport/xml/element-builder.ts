/**
 * Turns the events of the XML parser into immutable elements, with the limits on shape: a breach ends the parse.
 * Spec: Namespaces in XML 1.0 (elements are (namespace, local name)); limits: base/limits.ts (threats P09, P12).
 * Not here: bytes and characters (parser.ts, markup-guard.ts), stanzas that others wrote (sparing-builder.ts).
 * @module
 */
import type { SaxesAttributeNS, SaxesParser, SaxesStartTagNS, SaxesTagNS } from "saxes";
import type { XmlElement, XmlNode } from "../../base/xml.js";
import { namespaceLengthMax, XmlRefusal, type XmlLimits } from "./refusal.js";

/** Where finished parts go. `stream`: the root stays open and its children are the elements. */
export interface ElementSink {
  readonly shape: "stream" | "document";
  /** The root's start tag; only for streams. */
  opened(root: XmlElement): void;
  /** A complete child of the root, or the complete document. */
  complete(element: XmlElement): void;
  /** The root's end tag; only for streams. */
  closed(): void;
}

/** The parser that reports to a builder. */
export type Tokens = SaxesParser<{ xmlns: true; position: false }>;

/** What makes elements of what the parser reports. */
export interface TreeBuilder {
  /** Elements open now, the root of a stream included. */
  readonly depth: number;
  /** A start tag has begun. */
  tagStart(tag: SaxesStartTagNS): void;
  /** One attribute was read, namespace declarations included. */
  attribute(attribute: AttributeRead): void;
  /** A start tag is complete. */
  tagOpen(tag: SaxesTagNS): void;
  /** A CDATA section; between stanzas none may stand. */
  cdata(text: string): void;
  /** Text. */
  text(text: string): void;
  /** An end tag. */
  tagClose(tag: SaxesTagNS): void;
  /** Called once, ahead of everything. */
  attach?(tokens: Tokens): void;
  /** True if what the parser complains about now is no fault of the input. */
  forgives?(): boolean;
}

/** An attribute whose namespace is not looked up yet. */
export type AttributeRead = Pick<SaxesAttributeNS, "name" | "prefix" | "local" | "value">;

interface OpenElement {
  readonly name: string;
  readonly ns: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: XmlNode[];
  text: string[];
}

/** The parser trims namespace names; a name that needs it, or holds separators of other notations, is no namespace we know. */
export const namespaceOddity: RegExp = /[\s{}<>"\\^`|\u0000-\u0020\u007f]/;

export const declaresNamespace = ({ name, prefix }: AttributeRead): boolean => name === "xmlns" || prefix === "xmlns";

/** Code units that the value of an attribute may have. */
export const lengthMax = ({ attributeLengthMax }: XmlLimits, declares: boolean): number => (declares ? Math.min(namespaceLengthMax, attributeLengthMax) : attributeLengthMax);

/** One tree under construction. Throws {@link XmlRefusal} to stop the parser. */
export class ElementBuilder implements TreeBuilder {
  readonly #sink: ElementSink;
  readonly #limits: XmlLimits;
  readonly #open: OpenElement[] = [];
  #attributes = 0;
  #depth = 0;

  constructor(sink: ElementSink, limits: XmlLimits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  get depth(): number {
    return this.#depth;
  }

  tagStart(): void {
    // The root of a stream is not part of any stanza.
    const rootLevels = this.#sink.shape === "stream" ? 1 : 0;
    if (this.#depth - rootLevels >= this.#limits.depthMax) throw new XmlRefusal("policy-violation");
    this.#attributes = 0;
  }

  attribute(attribute: AttributeRead): void {
    this.#attributes++;
    if (this.#attributes > this.#limits.attributesMax) throw new XmlRefusal("policy-violation");
    const declares = declaresNamespace(attribute);
    if (attribute.value.length > lengthMax(this.#limits, declares)) throw new XmlRefusal("policy-violation");
    if (declares && namespaceOddity.test(attribute.value)) throw new XmlRefusal("invalid-namespace");
  }

  tagOpen(tag: SaxesTagNS): void {
    const attrs = Object.create(null) as Record<string, string>;
    for (const key of Object.keys(tag.attributes)) {
      const attribute = tag.attributes[key] as SaxesAttributeNS;
      if (attribute.prefix === "" && key !== "xmlns") attrs[key] = attribute.value;
      else if (key === "xml:lang") attrs[key] = attribute.value;
    }
    const element: OpenElement = { name: tag.local, ns: tag.uri, attrs: Object.freeze(attrs), children: [], text: [] };
    this.#depth++;
    if (this.#sink.shape === "stream" && this.#depth === 1) {
      this.#sink.opened(finish(element));
      return;
    }
    this.#open.push(element);
  }

  cdata(text: string): void {
    if (this.#open.length === 0) throw new XmlRefusal("not-well-formed");
    this.text(text);
  }

  text(text: string): void {
    const parent = this.#open.at(-1);
    if (parent !== undefined) {
      if (text !== "") parent.text.push(text); // joined once: pieces must not cost more than their length
      return;
    }
    if (this.#sink.shape === "stream" && /[^ \t\r\n]/.test(text)) throw new XmlRefusal("not-well-formed");
  }

  tagClose(): void {
    this.#depth--;
    const element = this.#open.pop();
    if (element === undefined) {
      this.#sink.closed();
      return;
    }
    this.#flushText(element);
    const done = finish(element);
    const parent = this.#open.at(-1);
    if (parent === undefined) {
      this.#sink.complete(done);
      return;
    }
    this.#flushText(parent);
    this.#append(parent, done);
  }

  #flushText(element: OpenElement): void {
    if (element.text.length === 0) return;
    this.#append(element, element.text.join(""));
    element.text = [];
  }

  #append(parent: OpenElement, child: XmlNode): void {
    if (parent.children.length >= this.#limits.childrenMax) throw new XmlRefusal("policy-violation");
    parent.children.push(child);
  }
}

function finish(element: OpenElement): XmlElement {
  return Object.freeze({ name: element.name, ns: element.ns, attrs: element.attrs, children: Object.freeze(element.children) });
}
