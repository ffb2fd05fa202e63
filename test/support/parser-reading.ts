/** Reading XML from outside in tests: what a stream parser reports of a body behind a header, and a framed one of a single stanza. */
import { utf8 } from "../../src/base/bytes.js";
import type { XmlElement } from "../../src/base/xml.js";
import { FramedParser } from "../../src/transport/connection/framed-parser.js";
import { XmlStreamParser } from "../../src/transport/xml/parser.js";
import { defaultXmlLimits, type XmlLimits } from "../../src/transport/xml/refusal.js";

export const header: string = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='x.example' version='1.0'>";
export const next: string = "<message id='next'><body>next</body></message>";
export const tag: string = "from='mallory@x.example/a' to='me@x.example' id='1' type='chat'";

/** What came out. */
export interface Reading {
  readonly elements: XmlElement[];
  readonly errors: { code: string; condition: unknown }[];
}

/** Fills `reading`. */
export function handlersOf(reading: Reading): ConstructorParameters<typeof XmlStreamParser>[0] {
  return {
    opened: () => undefined, closed: () => undefined,
    element: (element) => { reading.elements.push(element); },
    error: (error) => { reading.errors.push({ code: error.code, condition: error.details["condition"] }); },
  };
}

/** `body` behind a header, at once or in pieces of so many bytes. */
export function read(body: string, { limits = defaultXmlLimits, pieces }: { readonly limits?: XmlLimits; readonly pieces?: number } = {}): Reading {
  const reading: Reading = { elements: [], errors: [] };
  const parser = new XmlStreamParser(handlersOf(reading), limits);
  parser.write(header);
  const bytes = utf8(body);
  const step = pieces ?? bytes.length;
  for (let from = 0; from < bytes.length; from += step) parser.write(bytes.subarray(from, from + step));
  return reading;
}

/** One stanza in a frame of its own; namespaces are written out there. */
export function frame(stanza: string, limits: XmlLimits = defaultXmlLimits): Reading {
  const reading: Reading = { elements: [], errors: [] };
  new FramedParser(handlersOf(reading), limits).write(stanza.replace(/^<(message|iq|presence)/, "<$1 xmlns='jabber:client'"));
  return reading;
}

/** So many levels. */
export const nested = (depth: number): string => "<x>".repeat(depth) + "</x>".repeat(depth);
