/** Why input was refused, and the limits that decide it. Stays inside transport/xml/ until an error is made of it. @module */
import { SottoError } from "../../base/errors.js";
import { stanzaBytesBeforeLoginMax, stanzaBytesMax, xmlAttributeLengthMax, xmlAttributesMax, xmlChildrenMax, xmlDepthMax } from "../../base/limits.js";
import { TransportError } from "../errors.js";

/** Bounds of one stanza or document. */
export interface XmlLimits {
  /** UTF-8 bytes, markup included. */
  readonly bytesMax: number;
  /** Levels of elements; the root of a stream does not count. */
  readonly depthMax: number;
  /** Attributes of one element, namespace declarations included. */
  readonly attributesMax: number;
  /** UTF-16 code units of one attribute value. */
  readonly attributeLengthMax: number;
  /** Child elements and runs of text of one element. */
  readonly childrenMax: number;
}

/** The limits after login. */
export const defaultXmlLimits: XmlLimits = {
  bytesMax: stanzaBytesMax,
  depthMax: xmlDepthMax,
  attributesMax: xmlAttributesMax,
  attributeLengthMax: xmlAttributeLengthMax,
  childrenMax: xmlChildrenMax,
};

/**
 * A stanza above `bytesMax` is read to its end, and nothing of it is kept: up to so many times as much, for an end must come (threats P10).
 * It can be that long though its sender was allowed 256 KiB: servers write the namespace of a prefix out on each element that uses it.
 */
export const passedBytesFactor = 64;
/** The same for a WebSocket message, which is in memory as a whole before we see any of it: 16 MiB of it can be spared anywhere. */
export const messageBytesFactor = 16;
/** What the parser has to hold of it all the same, the tag or text that is not complete, and the levels that are open, in characters. */
export const heldFactor = 4;
/** Characters for which a level counts, beside its name: in memory it is worth many more, and of a stanza of 1 MiB all must find room. */
export const levelCost = 16;

/** UTF-16 code units of a namespace that somebody declares: it is joined with the name of each attribute in it (threats L01). */
export const namespaceLengthMax = 1_024;

/**
 * Whether a breach spoils the stanza only. Before login nobody speaks but the server itself, and a stream that may not hold more than
 * it needs then is strict; later servers pass on what others wrote (docs/decisions/0015-spoilt-stanzas.md).
 */
export function sparesStream({ bytesMax }: Pick<XmlLimits, "bytesMax">): boolean {
  return bytesMax > stanzaBytesBeforeLoginMax;
}

/** Conditions of RFC 6120 section 4.9.3 with which a stream is closed over its XML. */
export type XmlCondition = "not-well-formed" | "restricted-xml" | "policy-violation" | "invalid-namespace" | "unsupported-encoding";

/** Thrown out of the parser's callbacks to stop it at once; caught in parser.ts and document.ts, never seen outside. */
export class XmlRefusal extends SottoError {
  readonly code = "XML_REFUSAL";
  readonly condition: XmlCondition;
  constructor(condition: XmlCondition) {
    super("XML input refused");
    this.condition = condition;
  }
}

/** The error that leaves this folder. */
export function xmlError(condition: XmlCondition): TransportError {
  return condition === "policy-violation"
    ? new TransportError("ERR_STREAM_LIMIT", "the peer sent more than the limits allow", { details: { condition } })
    : new TransportError("ERR_STREAM_MALFORMED", "the peer sent XML that a stream may not hold", { details: { condition } });
}
