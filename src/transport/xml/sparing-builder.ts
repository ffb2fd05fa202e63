/**
 * The builder of streams after the login: a stanza there may hold whatever others could write and servers pass on. A part that breaks a
 * limit is read to its end and left out, and the stanza says that it is spoilt. What no stanza is, the server has written itself: it
 * goes to the strict builder as it came, and so does all that is kept.
 * Spec: docs/decisions/0015-spoilt-stanzas.md. Threats P08, P09, P12, L01.
 * Not here: what is left of a spoilt stanza (spoilt.ts), its bytes (parser.ts).
 * @module
 */
import type { SaxesAttributeNS, SaxesStartTagNS, SaxesTagNS } from "saxes";
import { utf8, utf8Decode } from "../../base/bytes.js";
import { clientNamespace } from "../xep/namespaces.js";
import { declaresNamespace, ElementBuilder, lengthMax, namespaceOddity, type AttributeRead, type ElementSink, type Tokens, type TreeBuilder } from "./element-builder.js";
import { heldFactor, levelCost, XmlRefusal, type XmlCondition, type XmlLimits } from "./refusal.js";

const stanzaName = /^(?:iq|message|presence)$/;
// What is left of the tag of a stanza that breaks a limit itself: whose it is, and to which request it belongs.
const stanzaAttribute = /^(?:from|to|id|type|xml:lang)$/;
// Levels that are left out have no limit to their number: each must cost little (threats L01).
const nothing: Readonly<Record<string, never>> = Object.freeze(Object.create(null) as Record<string, never>);
// Stands for a namespace that is not read. None has a space in its name; each prefix has one of its own, or attributes would meet.
const unread = (prefix: string): string => ` ${prefix}`;

const xmlNamespace = "http://www.w3.org/XML/1998/namespace";
const xmlnsNamespace = "http://www.w3.org/2000/xmlns/";
/** Declarations that no document may hold, and that servers make of a prefix of their own for `xml:`, or pass on. */
function isReserved({ local, prefix, value }: AttributeRead): boolean {
  if (prefix === "xmlns" && local === "xml") return value !== xmlNamespace;
  return value === xmlNamespace || value === xmlnsNamespace || (prefix === "xmlns" && (value === "" || local === "xmlns"));
}

/** The text itself, not a part of the piece that it came in: engines would keep all of that with it. */
const detached = (text: string): string => (text.length > 12 ? utf8Decode(utf8(text)) ?? text : text);
const heldBy = ({ name }: SaxesTagNS): number => levelCost + name.length;

/** See the module. */
export class SparingBuilder implements TreeBuilder {
  readonly #inner: ElementBuilder;
  readonly #limits: XmlLimits;
  readonly #isStream: boolean;
  readonly #isFull: () => boolean;
  #tokens: Tokens | undefined;
  #active = false;
  #strict = true;
  #spoilt = false;
  #depth = 0;
  /** Elements of the stanza that are open and kept: how many children they have, and whether text is the last of them. */
  readonly #kept: { children: number; text: boolean }[] = [];
  /** Open levels of a part that is left out, and what the parser holds of them. */
  #skipped = 0;
  #held = 0;
  #scope: Record<string, string> = {};
  #attributes = 0;
  /** What is wrong with the start tag that is being read. */
  #breach: XmlCondition | undefined;
  #replacedAt = -1;

  /** `isFull`: whether the stanza has more bytes already than it may. */
  constructor(sink: ElementSink, limits: XmlLimits, isFull: () => boolean) {
    this.#inner = new ElementBuilder(sink, limits);
    this.#limits = limits;
    this.#isStream = sink.shape === "stream";
    this.#isFull = isFull;
  }

  get depth(): number {
    return this.#depth;
  }

  /** True if a breach in what is being read, or was read last, ends the parse. */
  get strict(): boolean {
    return this.#strict;
  }

  /** True if a part of what is being read, or was read last, is left out. */
  get spoilt(): boolean {
    return this.#spoilt;
  }

  /** The login is over: from the next element on stanzas are spared. */
  activate(): void {
    this.#active = true;
  }

  /** Nothing of the text that is still to come is kept. */
  spoil(): void {
    this.#spoilt = true;
  }

  attach(tokens: Tokens): void {
    this.#tokens = tokens;
    // Each name walks up all the levels around it.
    const resolve = tokens.resolve.bind(tokens);
    tokens.resolve = (prefix) => (this.#skipped > 0 ? unread(prefix) : resolve(prefix) ?? this.#unbound(prefix));
  }

  /** Servers pass on prefixes that were declared where only they could see it: in the tag of the stanza or of the sender's stream. */
  #unbound(prefix: string): string | undefined {
    if (this.#strict || prefix === "") return undefined;
    this.#breach ??= "not-well-formed";
    return unread(prefix);
  }

  /** What is said of a namespace declaration at once is about the name that the parser has made of it; that one does not count. */
  forgives(): boolean {
    return this.#tokens?.position === this.#replacedAt;
  }

  tagStart(tag: SaxesStartTagNS): void {
    if (this.#depth === (this.#isStream ? 1 : 0)) {
      this.#strict = !this.#active;
      this.#spoilt = false;
    }
    this.#scope = tag.ns;
    this.#attributes = 0;
    this.#breach = undefined;
    if (this.#strict) this.#inner.tagStart();
  }

  attribute(attribute: AttributeRead): void {
    if (this.#strict) {
      this.#inner.attribute(attribute);
      return;
    }
    const declares = declaresNamespace(attribute);
    const isLong = attribute.value.length > lengthMax(this.#limits, declares);
    const isOdd = declares && (namespaceOddity.test(attribute.value) || isReserved(attribute));
    const isOneMore = ++this.#attributes > this.#limits.attributesMax;
    if (isLong || isOneMore) this.#breach = "policy-violation";
    else if (isOdd) this.#breach ??= "invalid-namespace";
    // Each would be joined with its namespace, however long that is.
    if (isOneMore) attribute.prefix = "";
    if (declares && (isLong || isOdd)) this.#replace(attribute.name === "xmlns" ? "" : attribute.local);
  }

  tagOpen(tag: SaxesTagNS): void {
    this.#depth++;
    if (this.#strict) {
      this.#inner.tagOpen(tag);
      return;
    }
    if (this.#skipped > 0) {
      this.#skip(tag);
      tag.ns = nothing;
      return;
    }
    const parent = this.#kept.at(-1);
    const isStanza = tag.uri === clientNamespace && stanzaName.test(tag.local);
    if (parent === undefined && !isStanza) {
      if (this.#breach !== undefined) throw new XmlRefusal(this.#breach);
      this.#strict = true;
    } else if (this.#keeps(tag, parent, isStanza)) {
      this.#kept.push({ children: 0, text: false });
    } else {
      this.#skip(tag);
      return;
    }
    this.#inner.tagStart();
    this.#inner.tagOpen(tag);
  }

  #keeps(tag: SaxesTagNS, parent: { children: number; text: boolean } | undefined, isStanza: boolean): boolean {
    const broken = this.#breach !== undefined;
    const room = parent === undefined || this.#hasRoom(parent);
    if (broken || !room) this.#spoilt = true;
    // Without its tag nobody would know whose a stanza was.
    if (!room || (broken && !isStanza)) return false;
    if (broken) tag.attributes = this.#address(tag);
    if (parent !== undefined) {
      parent.children++;
      parent.text = false;
    }
    return true;
  }

  cdata(text: string): void {
    if (this.#keepsText()) this.#inner.cdata(text);
  }

  text(text: string): void {
    if (text !== "" && this.#keepsText()) this.#inner.text(text);
  }

  tagClose(tag: SaxesTagNS): void {
    this.#depth--;
    if (this.#skipped > 0) {
      this.#skipped--;
      this.#held -= heldBy(tag);
      return;
    }
    this.#kept.pop();
    this.#inner.tagClose();
  }

  #skip(tag: SaxesTagNS): void {
    this.#skipped++;
    this.#held += heldBy(tag);
    if (this.#held > this.#limits.bytesMax * heldFactor) throw new XmlRefusal("policy-violation");
    tag.name = detached(tag.name);
    tag.prefix = tag.local = tag.uri = "";
    tag.attributes = nothing;
  }

  #hasRoom({ children }: { readonly children: number }): boolean {
    return this.#kept.length < this.#limits.depthMax && children < this.#limits.childrenMax && !this.#isFull();
  }

  #keepsText(): boolean {
    const parent = this.#kept.at(-1);
    if (parent === undefined) return true; // between stanzas, or in what the server says: the strict builder knows
    if (!parent.text && parent.children >= this.#limits.childrenMax) this.#spoilt = true;
    if (this.#spoilt) return false; // so it is whenever a part is left out
    if (!parent.text) parent.children++;
    parent.text = true;
    return true;
  }

  /** The parser is about to write the trimmed name into the scope: it must not become one that we know. */
  #replace(prefix: string): void {
    Object.defineProperty(this.#scope, prefix, { configurable: true, get: () => unread(prefix), set: () => undefined });
    this.#replacedAt = this.#tokens?.position ?? -1;
  }

  /** Too long is not the same as absent: a message from nobody would be our own (threats F26). */
  #address(tag: SaxesTagNS): Record<string, SaxesAttributeNS> {
    const kept = Object.values(tag.attributes).filter(({ name }) => stanzaAttribute.test(name));
    return Object.fromEntries(kept.map((attribute) => [
      attribute.name, attribute.value.length > this.#limits.attributeLengthMax ? { ...attribute, value: "" } : attribute,
    ]));
  }
}
