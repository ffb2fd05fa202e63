/**
 * One element that is there as a whole: a WebSocket message, the content of an envelope, a stored stanza. Under the rules and limits of a stream.
 * Not here: streams (parser.ts).
 * @module
 */
import type { XmlElement } from "../../base/xml.js";
import type { TransportError } from "../errors.js";
import { ElementBuilder, type ElementSink, type TreeBuilder } from "./element-builder.js";
import { GuardedParser } from "./guarded-parser.js";
import { checkedText, pieceEnd, refuseLong, utf8Length } from "./pieces.js";
import { defaultXmlLimits, messageBytesFactor, sparesStream, xmlError, XmlRefusal, type XmlLimits } from "./refusal.js";
import { SparingBuilder } from "./sparing-builder.js";
import { spoiltStanza } from "./spoilt.js";

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
  return document(text, limits, (sink) => new ElementBuilder(sink, limits));
}

function sparedDocument(text: string, limits: XmlLimits): XmlElement {
  const { bytesMax } = limits;
  const large = boundedBytes(text, bytesMax * messageBytesFactor) > bytesMax;
  const bytesTo = countingOn(text);
  let builder: SparingBuilder | undefined;
  const root = document(text, limits, (sink, position) => {
    builder = new SparingBuilder(sink, limits, () => large && bytesTo(position()) > bytesMax);
    builder.activate();
    return builder;
  });
  if (large && builder?.strict === true) throw new XmlRefusal("policy-violation");
  return large || builder?.spoilt === true ? spoiltStanza(root) : root;
}

function document(text: string, { bytesMax }: XmlLimits, builderFor: (sink: ElementSink, position: () => number) => TreeBuilder): XmlElement {
  let root: XmlElement | undefined;
  const sink: ElementSink = { shape: "document", opened: () => undefined, closed: () => undefined, complete: (element) => { root = element; } };
  const parser: GuardedParser = new GuardedParser(builderFor(sink, () => parser.position));
  checkedText(text);
  for (let from = 0; from < text.length;) {
    const to = pieceEnd(text, from);
    parser.feed(text.slice(from, to));
    refuseLong(parser, bytesMax);
    from = to;
  }
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
