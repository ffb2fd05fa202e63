/** The strict, bounded parser: threats P01-P14. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { childElements, serializeXml, textOf, xml, type XmlElement } from "../../../src/base/xml.js";
import { FramedParser } from "../../../src/transport/connection/framed-parser.js";
import { parseXmlDocument, readXmlDocument } from "../../../src/transport/xml/document.js";
import { XmlStreamParser } from "../../../src/transport/xml/parser.js";
import { defaultXmlLimits, type XmlLimits } from "../../../src/transport/xml/refusal.js";

const header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='x.example' version='1.0'>";

interface Reading {
  readonly headers: XmlElement[];
  readonly elements: XmlElement[];
  readonly errors: { code: string; condition: unknown }[];
  closed: number;
  readonly parser: XmlStreamParser;
}

function reading(limits: Partial<XmlLimits> = {}): Reading {
  const result: Omit<Reading, "parser"> = { headers: [], elements: [], errors: [], closed: 0 };
  const parser = new XmlStreamParser({
    opened: (element) => { result.headers.push(element); },
    element: (element) => { result.elements.push(element); },
    closed: () => { result.closed++; },
    error: (error) => { result.errors.push({ code: error.code, condition: error.details["condition"] }); },
  }, { ...defaultXmlLimits, ...limits });
  return Object.assign(result, { parser });
}

/** Reads a stream body in one go and byte by byte; both must agree. */
function read(body: string | Uint8Array, limits: Partial<XmlLimits> = {}): Reading {
  const bytes = typeof body === "string" ? utf8(body) : body;
  const whole = reading(limits);
  whole.parser.write(header);
  whole.parser.write(bytes);
  const dripped = reading(limits);
  dripped.parser.write(header);
  for (const byte of bytes) dripped.parser.write(Uint8Array.of(byte));
  expect(dripped.elements).toEqual(whole.elements);
  expect(dripped.errors).toEqual(whole.errors);
  expect(dripped.closed).toBe(whole.closed);
  return whole;
}

const malformed = (condition: string): unknown => [{ code: "ERR_STREAM_MALFORMED", condition }];
const overLimit = [{ code: "ERR_STREAM_LIMIT", condition: "policy-violation" }];

describe("what is refused", () => {
  test.each(["&foo;", "&#0;", "&#xD800;", "&#x110000;", "&#xFFFE;", "&__proto__;", "&;", "&#;", "&amp"])("P01 the reference %s ends the stream with one typed error", (reference) => {
    const result = read(`<message><body>a${reference}b</body></message>`);
    expect(result.errors).toEqual(malformed("not-well-formed"));
    expect(result.elements).toEqual([]);
  });

  test("P01 a reference that goes on and on is refused before its end comes", () => {
    expect(read(`<message><body>&${"a".repeat(24)}`).errors).toEqual([]);
    expect(read(`<message><body>&${"a".repeat(25)}`).errors).toEqual(malformed("not-well-formed"));
  });

  test("P01 predefined and character references are read", () => {
    expect(textOf(read("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;&#0000065;</a>").elements[0] as XmlElement)).toBe("<>&\"'A\u{1f600}A");
  });

  test.each([
    "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<!DOCTYPE", "<!d", "<a><!ELEMENT b ANY></a>", "<a><!", "<a><![IGNORE[x]]></a>",
  ])("P02 %s is refused at its beginning", (body) => {
    const complete = body === "<a><!" ? `${body}-` : body;
    expect(read(complete).errors).toEqual(malformed("restricted-xml"));
  });

  test("P02 a DOCTYPE before the header is refused before its end has come", () => {
    const result = reading();
    result.parser.write("<?xml version='1.0'?><!D");
    expect(result.errors).toEqual(malformed("restricted-xml"));
  });

  test.each(["<?php x?>", "<a><?xml version='1.0'?></a>", "<?xml version='1.0'?>", "<!-- x -->", "<a><!-- x --></a>", "<?xml-stylesheet a?>"])("P03 %s within the stream is refused", (body) => {
    expect(read(body).errors).toEqual(malformed("restricted-xml"));
  });

  test.each(["<?xml-model x?><a/>", "<?XML version='1.0'?><a/>"])("P03 %s is no XML declaration, also not at the beginning", (text) => {
    const result = reading();
    result.parser.write(text);
    expect(result.errors).toEqual(malformed("restricted-xml"));
  });

  test("P03 the XML declaration must say version 1.0 and, if anything, UTF-8", () => {
    for (const [text, condition] of [["<?xml version='1.1'?>", "not-well-formed"], ["<?xml version='1.0' encoding='latin1'?>", "unsupported-encoding"]] as const) {
      const result = reading();
      result.parser.write(text);
      expect(result.errors).toEqual(malformed(condition));
    }
  });

  test("P02 CDATA is text, whatever stands in it", () => {
    const [element] = read("<a>x<![CDATA[<!DOCTYPE ]] ]> &foo; <?pi?> ]]]]><![CDATA[>]]>y</a>").elements;
    expect(textOf(element as XmlElement)).toBe("x<!DOCTYPE ]] ]> &foo; <?pi?> ]]>y");
    expect((element as XmlElement).children).toHaveLength(1);
  });

  test.each<[string, number[]]>([
    ["an overlong form", [0xc0, 0xaf]], ["a lone surrogate", [0xed, 0xa0, 0x80]], ["above U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["a truncated character", [0xe2, 0x82]], ["NUL", [0]], ["a control character", [1]], ["U+FFFE", [0xef, 0xbf, 0xbe]], ["a stray continuation", [0x80]],
  ])("P05 %s is fatal and never replaced", (_, bytes) => {
    const body = new Uint8Array([...utf8("<a>"), ...bytes, ...utf8("</a>")]);
    const result = read(body);
    expect(result.errors).toEqual(malformed("not-well-formed"));
    expect(result.elements).toEqual([]);
  });

  test("P05 a lone surrogate in text that a WebSocket hands us is fatal", () => {
    for (const text of ["\ud800", "\ud800x", "\udc00", "x\udc00\ud800x"]) {
      expect(parseXmlDocument(`<a>${text}</a>`)).toBeUndefined();
      const result = reading();
      result.parser.write(`${header}<a>${text}</a>`);
      expect([result.elements, result.errors]).toEqual([[], malformed("not-well-formed")]);
    }
    expect(parseXmlDocument("<a>\ud83d\ude00</a>")).toBeDefined();
  });

  test.each(["<a from='x' from='y'/>", "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>"])("P06 %s has an attribute twice", (body) => {
    expect(read(body).errors).toEqual(malformed("not-well-formed"));
  });

  test.each([
    "<a b=c/>", "<a b/>", "<a <b/>", "<a b='<'/>", "<a></b>", "<a><b></a>", "<a>x & y</a>", "</a></b>", "<a b='1'c='2'/>", "< a/>", "<a/ >", "text", "<a/>text", "<a>]]></a>", "<a:b:c/>", "<1/>",
    "<a/>text<b/>", "<a/>&#65;<b/>", "<a/><![CDATA[x]]><b/>", "<a/><![CDATA[ ]]>",
  ])("P07 %s is not repaired", (body) => {
    expect(read(body).errors).toEqual(malformed("not-well-formed"));
  });

  test("P08 elements are matched by namespace and local name, prefixes do not matter", () => {
    const [plain, prefixed, foreign, redeclared] = read(
      "<message/><c:message xmlns:c='jabber:client'/><message xmlns='jabber:server'/><stream:error xmlns:stream='urn:x'/>").elements as [XmlElement, XmlElement, XmlElement, XmlElement];
    expect(prefixed).toEqual(plain);
    expect(plain).toMatchObject({ ns: "jabber:client", name: "message" });
    expect(foreign.ns).toBe("jabber:server");
    expect(redeclared.ns).toBe("urn:x");
  });

  test.each(["<p:a/>", "<a p:b='1'/>", "<a xmlns:xml='urn:x'/>", "<a xmlns='http://www.w3.org/2000/xmlns/'/>", "<a xmlns:p=''/>"])("P08 %s is not namespace-well-formed", (body) => {
    expect(read(body).errors[0]).toMatchObject({ code: "ERR_STREAM_MALFORMED" });
  });

  test.each([
    "jabber:client ", " jabber:client", "jabber:client\u00a0", "\ufeffjabber:client", "\u2003jabber:client", "jabber:client}x", "a&#10;b", "a&#9;b", "a\u007fb",
    "a{b", "a&lt;b", "a>b", "a&quot;b", "a\\b", "a^b", "a`b", "a|b",
  ])("P08 the namespace name %j is refused rather than trimmed or misread", (name) => {
    expect(read(`<a xmlns='${name}'/>`).errors).toEqual(malformed("invalid-namespace"));
  });
});

describe("limits", () => {
  const nested = (depth: number): string => "<a>".repeat(depth) + "</a>".repeat(depth);

  test("P09 depth: 100 pass, 101 do not, 100,000 stop at the limit", () => {
    expect(read(nested(99)).elements).toHaveLength(1);
    expect(read(nested(100)).elements).toHaveLength(1);
    expect(read(nested(101)).errors).toEqual(overLimit);
    const deep = reading();
    deep.parser.write(header + nested(100_000));
    expect(deep.errors).toEqual(overLimit);
  });

  test.each([["text of one byte", "x"], ["two bytes", "é"], ["three bytes", "日"], ["four bytes", "\u{1f600}"]])("P10 the limit of a stanza counts bytes exactly: %s", (_, character) => {
    const stanza = `<a>${character.repeat(50)}</a>`;
    const size = utf8(stanza).length;
    for (const [bytesMax, passes] of [[size + 1, true], [size, true], [size - 1, false]] as const) {
      const result = reading({ bytesMax: Math.max(bytesMax, 0) });
      // The header has a limit too, and is shorter here.
      result.parser.write("<s:s xmlns:s='u' xmlns='v'>");
      result.parser.write(utf8(stanza + stanza));
      expect(result.elements).toHaveLength(passes ? 2 : 0);
      expect(result.errors).toEqual(passes ? [] : overLimit);
    }
  });

  test("P10 a stanza without end stops at the limit although nothing in it is ever complete", () => {
    for (const piece of ["x", "<b/>", "<b c='"]) {
      const result = reading({ bytesMax: 64 * 1024 });
      result.parser.write(`${header}<a>`);
      let written = 0;
      while (result.errors.length === 0 && written < 1_000_000) {
        const chunk = piece === "<b c='" ? "y".repeat(1_000) : piece.repeat(1_000);
        result.parser.write(chunk);
        written += chunk.length;
      }
      expect(result.errors).toEqual(overLimit);
      expect(written).toBeLessThan(64 * 1024 + 5_000);
    }
  });

  test("P10 white space between stanzas is nobody's: it neither adds up nor starts a stanza", () => {
    const result = reading({ bytesMax: 1_000 });
    result.parser.write(header);
    for (let i = 0; i < 5_000; i++) result.parser.write(" \n");
    expect(result.parser.pending).toBe(false);
    result.parser.write("<a/>");
    expect(result.elements).toHaveLength(1);
    expect(result.errors).toEqual([]);
  });

  test("P11 an unfinished stanza is pending, a finished one is not", () => {
    const result = reading();
    const pending = (text: string): boolean => {
      result.parser.write(text);
      return result.parser.pending;
    };
    expect([pending(header.slice(0, 30)), pending(header.slice(30)), pending(" "), pending("<"), pending("a>"), pending("x"), pending("</a>"), pending("\n"), pending("<b/><c"), pending("/>")])
      .toEqual([true, false, false, true, true, true, false, false, true, false]);
    const stopped: XmlStreamParser = new XmlStreamParser({
      opened: () => undefined, closed: () => undefined, error: () => undefined, element: () => { stopped.stop(); },
    });
    for (const piece of [header, "<a>", "</a>"]) stopped.write(piece);
    expect(stopped.pending).toBe(false);
  });

  test("P11 the work on dripped input is linear: every character is looked at a bounded number of times", () => {
    // Counted, not timed: a text that arrives in n pieces is joined once.
    const result = reading();
    result.parser.write(`${header}<a b='`);
    for (let i = 0; i < 10_000; i++) result.parser.write("x");
    result.parser.write("'>");
    for (let i = 0; i < 100_000; i++) result.parser.write("y");
    result.parser.write("</a>");
    expect(textOf(result.elements[0] as XmlElement)).toHaveLength(100_000);
  });

  test("P12 attributes, their length and children: n-1, n, n+1", () => {
    const attributes = (n: number): string => `<a ${Array.from({ length: n }, (_, i) => `x${String(i)}='1'`).join(" ")}/>`;
    const long = (n: number): string => `<a b='${"x".repeat(n)}'/>`;
    const children = (n: number): string => `<a>${"<b/>".repeat(n)}</a>`;
    for (const [make, n] of [[attributes, 64], [long, 16 * 1024], [children, 10_000]] as const) {
      for (const [count, passes] of [[n - 1, true], [n, true], [n + 1, false]] as const) {
        const result = reading();
        result.parser.write(header + make(count));
        expect(result.elements).toHaveLength(passes ? 1 : 0);
        expect(result.errors).toEqual(passes ? [] : overLimit);
      }
    }
  });

  test("P12 runs of text between children count as children", () => {
    const result = reading({ childrenMax: 4 });
    result.parser.write(`${header}<a>x<b/>x<b/></a><a>x<b/>x<b/>x</a>`);
    expect(result.elements).toHaveLength(1);
    expect(result.errors).toEqual(overLimit);
  });
});

describe("streams", () => {
  test("P04 a stream of many scripts reads the same for every place at which it is cut", () => {
    const bytes = utf8(`${header}<m a='é日\u{1f600}'>é日\u{1f600}&#233;\r\n<![CDATA[日]]></m>\r\n<n/></stream:stream>`);
    const all = reading();
    all.parser.write(bytes);
    expect(all.closed).toBe(1);
    expect(textOf(all.elements[0] as XmlElement)).toBe("é日\u{1f600}é\n日");
    for (let cut = 0; cut <= bytes.length; cut++) {
      const parts = reading();
      parts.parser.write(bytes.subarray(0, cut));
      parts.parser.write(bytes.subarray(cut));
      expect(parts.elements).toEqual(all.elements);
      expect(parts.closed).toBe(1);
    }
  });

  test("P14 what comes after the end, after an error or after stop() is ignored", () => {
    const ended = read("<a/></stream:stream><b/>&!");
    expect([ended.elements.length, ended.closed, ended.errors.length]).toEqual([1, 1, 0]);
    const broken = read("<a></b><c/>");
    broken.parser.write("<c/>");
    expect([broken.elements.length, broken.errors.length]).toEqual([0, 1]);
    const stopped = reading();
    stopped.parser.write(header);
    stopped.parser.stop();
    stopped.parser.write("<a/>&");
    expect([stopped.elements.length, stopped.errors.length]).toEqual([0, 0]);
  });

  test("N03 stop() in the handler of an element tells whether anything stood behind it", () => {
    const piece = `<a>${"x".repeat(16 * 1024 - "<a></a>".length)}</a>`; // what is parsed at a time
    const character = new Uint8Array([...utf8("<a/>"), 0xc3]); // its first byte
    for (const [input, leftover] of [["<a/>", false], ["<a/> ", true], ["<a/><b/>", true], [piece, false], [`${piece}<b/>`, true], [character, true]] as const) {
      const seen: string[] = [];
      const parser: XmlStreamParser = new XmlStreamParser({
        opened: () => undefined, closed: () => undefined, error: () => undefined,
        element: (element) => { seen.push(element.name); parser.stop(); },
      });
      parser.write(header);
      parser.write(input);
      expect([seen, parser.leftover]).toEqual([["a"], leftover]);
      parser.write("x");
      expect(parser.leftover).toBe(true);
    }
  });

  test("H04 attribute names of Object.prototype are ordinary, and trees are frozen", () => {
    const [element] = read("<a __proto__='1' constructor='2' x='3'><b/></a>").elements as [XmlElement];
    expect(Object.getPrototypeOf(element.attrs) as unknown).toBeNull();
    expect(element.attrs["__proto__"]).toBe("1");
    expect(element.attrs["constructor"]).toBe("2");
    expect("toString" in element.attrs).toBe(false);
    for (const part of [element, element.attrs, element.children, childElements(element)[0]]) expect(Object.isFrozen(part)).toBe(true);
  });

  test("nothing throws, whatever bytes arrive in whatever pieces", () => {
    const markup = fc.constantFrom("<", ">", "/", "a", "'", "=", "&", ";", "#", "x", "!", "[CDATA[", "]]>", "?", " ", "é", "xmlns:p=", "stream:", header);
    const outcome = fc.check(fc.property(fc.array(fc.oneof(markup.map((text) => utf8(text)), fc.uint8Array({ maxLength: 4 })), { maxLength: 60 }), (pieces) => {
      const result = reading();
      result.parser.write(header);
      for (const piece of pieces) result.parser.write(piece);
      return result.errors.length <= 1;
    }), { numRuns: 500 });
    expect(outcome.failed, `seed ${String(outcome.seed)} ${JSON.stringify(outcome.counterexample)}`).toBe(false);
  });

  test("what is written is read back as it was", () => {
    const text = fc.string({ unit: "binary" }).filter((value) => !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u.test(value));
    const outcome = fc.check(fc.property(text, text, (value, body) => {
      const element = xml("urn:x", "a", { v: value }, body, xml("urn:y", "b"));
      return JSON.stringify(parseXmlDocument(serializeXml(element))) === JSON.stringify(element);
    }), { numRuns: 300 });
    expect(outcome.failed, `seed ${String(outcome.seed)} ${JSON.stringify(outcome.counterexample)}`).toBe(false);
  });
});

describe("documents and frames", () => {
  test("P13 E07 a document is exactly one element", () => {
    for (const text of ["", "  ", "<a/><b/>", "<a>", "</a>", "<a/>x", "x", "<a/></a>", "<!DOCTYPE a><a/>", "<a/><", "<a/><b", "<a/><![CDATA[", "<a/>&amp"]) expect(parseXmlDocument(text)).toBeUndefined();
    expect(parseXmlDocument("<a xmlns='u'><b/></a>")).toMatchObject({ name: "a", ns: "u" });
    expect(readXmlDocument("<a>xx</a>", { bytesMax: 8 })).toMatchObject({ kind: "refused", error: { code: "ERR_STREAM_LIMIT" } });
    expect(readXmlDocument("<a>xx</a>", { bytesMax: 9 })).toMatchObject({ kind: "element" });
    expect(parseXmlDocument(nestedDocument(101))).toBeUndefined();
    expect(parseXmlDocument(nestedDocument(100))).toBeDefined();
  });

  test.each<[string, string | Uint8Array]>([
    ["two stanzas in one frame", "<a/><b/>"], ["half a stanza", "<a>"], ["a lone closing tag", "</a>"], ["white space", " "], ["nothing", ""], ["a binary frame", utf8("<a/>")],
  ])("P13 %s closes the stream", (_, frame) => {
    const seen: string[] = [];
    const parser = new FramedParser({
      opened: () => { seen.push("opened"); }, element: () => { seen.push("element"); }, closed: () => { seen.push("closed"); }, error: (error) => { seen.push(error.code); },
    }, defaultXmlLimits);
    parser.write(frame);
    parser.write("<a/>"); // P14
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatch(/^ERR_STREAM_(MALFORMED|PROTOCOL)$/);
  });
});

test("P14 N11 a message behind a stop is not read, whatever it holds, and it is known that one came", () => {
  for (const frame of ["<a/>", "</a>", utf8("<a/>")]) {
    const seen: string[] = [];
    const told = (): void => { seen.push("told"); };
    const parser = new FramedParser({ opened: told, element: told, closed: told, error: told }, defaultXmlLimits);
    parser.stop();
    expect(parser.leftover).toBe(false);
    parser.write(frame);
    expect([seen, parser.leftover]).toEqual([[], true]);
  }
});

test("P14 behind the frame that closes a stream nothing is read; the same name elsewhere closes nothing", () => {
  const seen: string[] = [];
  const parser = new FramedParser({
    opened: () => { seen.push("opened"); }, element: ({ name }) => { seen.push(name); }, closed: () => { seen.push("closed"); }, error: (error) => { seen.push(error.code); },
  }, defaultXmlLimits);
  for (const name of ["close", "open"]) parser.write(`<${name} xmlns='urn:x'/>`);
  parser.write("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
  parser.write("<a/>");
  parser.write("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
  expect(seen).toEqual(["close", "open", "closed"]);
});

function nestedDocument(depth: number): string {
  return "<a>".repeat(depth) + "</a>".repeat(depth);
}
