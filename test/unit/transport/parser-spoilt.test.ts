/** After the login a stanza that breaks a limit is spoilt, and the stream goes on (docs/decisions/0015-spoilt-stanzas.md): threats P08, P09, P12, F26. */
import { describe, expect, test } from "vitest";
import { findChild, serializeXml, textOf, type XmlElement } from "../../../src/base/xml.js";
import { parseXmlDocument } from "../../../src/transport/xml/document.js";
import { XmlStreamParser } from "../../../src/transport/xml/parser.js";
import { defaultXmlLimits } from "../../../src/transport/xml/refusal.js";
import { isSpoilt } from "../../../src/transport/xml/spoilt.js";
import { frame, handlersOf, header, nested, next, read, tag, type Reading } from "../../support/parser-reading.js";

const attributes = (count: number, more = ""): string => `<x xmlns='u' ${more} ${Array.from({ length: count }, (_, i) => `a${String(i)}='1'`).join(" ")}/>`;

/** What honest servers relay, as a part of a stanza. */
const shapes: readonly (readonly [string, string])[] = [
  ["P12 64 attributes and a namespace", attributes(64)],
  ["P12 a long attribute", `<x a='${"z".repeat(16 * 1024 + 1)}'/>`],
  ["P12 a long namespace", `<p:x xmlns:p='${"z".repeat(1_025)}' p:a='1'/>`],
  ["P12 10,001 children", `<x>${"<y/>".repeat(10_001)}</x>`],
  ["P12 10,001 children, runs of text among them", `<x>${"<y/>t".repeat(5_000)}<y/></x>`],
  ["P12 a run of text behind 10,000 children", `<x>${"<y/>".repeat(10_000)}t</x>`],
  ["P09 depth", nested(100)],
  ["P08 a space in a namespace", "<x xmlns='a b'/>"],
  ["P08 a namespace of nothing but a space", "<p:x xmlns:p=' ' p:a='1'/>"],
  ["P08 a namespace that trimmed is a reserved one", "<p:x xmlns:p=' http://www.w3.org/XML/1998/namespace'/>"],
  ["P08 two namespaces that trimmed are one", "<x xmlns:p='u' xmlns:q=' u' p:a='1' q:a='1'/>"],
  ["P08 a separator in a namespace", "<x xmlns='urn:x}y'/>"],
  ["P08 an element in the namespace of xml:", "<x xmlns='http://www.w3.org/XML/1998/namespace'><y/></x>"],
  ["P08 attributes in the namespace of xml: by two other prefixes", "<x xmlns:p='http://www.w3.org/XML/1998/namespace' p:xmlns='urn:q' xmlns:q='http://www.w3.org/XML/1998/namespace' q:a='1' xmlns='u'/>"],
  ["P08 the namespace of xmlns:", "<x xmlns='http://www.w3.org/2000/xmlns/'/>"],
  ["P08 the namespace of xmlns: by a prefix", "<p:x xmlns:p='http://www.w3.org/2000/xmlns/'/>"],
  ["P08 xml: as another namespace", "<x xmlns:xml='urn:q' xml:a='1'/>"],
  ["P08 xmlns: as another namespace", "<x xmlns:xmlns='urn:q'/>"],
  ["P08 a prefix for no namespace", "<p:x xmlns:p='' p:a='1'/>"],
  ["P08 an unbound prefix", "<p:x/>"],
  ["P08 unbound prefixes of attributes", "<x xmlns='u' p:a='1' q:a='2'><q:y/></x>"],
  ["P08 odd namespaces below an odd one", "<x xmlns='a b'><p:y xmlns:p=' ' p:a='1'/><z xmlns='c d'/></x>"],
];

describe("a part that breaks a limit", () => {
  test.each(shapes)("%s spoils the stanza: it has no content, counts as one, and the next is intact", (_, part) => {
    const stanza = `<message ${tag}><body>hi</body>${part}<event xmlns='u'/></message>`;
    for (const reading of [read(stanza + next), read(stanza + next, { pieces: 7 })]) {
      expect(reading.errors).toEqual([]);
      const [spoilt, whole] = reading.elements as [XmlElement, XmlElement];
      expect({ ...spoilt, attrs: { ...spoilt.attrs } }).toEqual({ name: "message", ns: "jabber:client", attrs: { from: "mallory@x.example/a", to: "me@x.example", id: "1", type: "chat" }, children: [] });
      expect([reading.elements.length, isSpoilt(spoilt), isSpoilt(whole), textOf(whole.children[0] as XmlElement)]).toEqual([2, true, false, "next"]);
    }
    const framed = frame(stanza);
    expect([framed.errors, framed.elements.map((element) => [element.attrs["id"], element.children.length, isSpoilt(element)])]).toEqual([[], [["1", 0, true]]]);
  });

  test.each(["iq", "presence"])("P12 so it is with <%s/>", (name) => {
    const [spoilt] = read(`<${name} ${tag}><show>dnd</show>${attributes(65)}</${name}>`).elements as [XmlElement];
    expect([spoilt.name, spoilt.attrs["id"], spoilt.children, isSpoilt(spoilt)]).toEqual([name, "1", [], true]);
  });

  test("P09 P12 n-1 and n are within the limits", () => {
    for (const part of [attributes(63), `<x a='${"z".repeat(16 * 1024)}'/>`, `<x xmlns:p='${"z".repeat(1_024)}' p:a='' xml:a='' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>`, `<x>${"<y/>".repeat(10_000)}</x>`, `<x>${"t<![CDATA[t]]>".repeat(10_000)}</x>`, nested(99)]) {
      const [element] = read(`<message ${tag}>${part}</message>`).elements as [XmlElement];
      expect([isSpoilt(element), findChild(element, part.includes("'u'") ? "u" : "jabber:client", "x") === undefined]).toEqual([false, false]);
    }
  });

  test("P12 before the login too attributes count per element, and so they do in a spoilt stanza", () => {
    const many = attributes(40).repeat(3);
    expect(read(`<features>${many}</features>`, { limits: { ...defaultXmlLimits, bytesMax: 64 * 1024 } })).toMatchObject({ errors: [], elements: [{ name: "features" }] });
    expect(read(`<message ${tag}>${many}</message>`).elements.map(isSpoilt)).toEqual([false]);
  });

  test("P12 where attributes have to be shorter than namespaces may be, namespaces have to be too", () => {
    const limits = { ...defaultXmlLimits, attributeLengthMax: 40 };
    expect([40, 41].map((length) => read(`<message ${tag}><x xmlns='${"u".repeat(length)}'/></message>`, { limits }).elements.map(isSpoilt))).toEqual([[false], [true]]);
  });

  test("P08 what is in no namespace has no prefix that could be unbound", () => {
    expect(frame("<x><y/></x>")).toMatchObject({ errors: [], elements: [{ name: "x", ns: "", children: [{ name: "y", ns: "" }] }] });
  });

  test.each(shapes)("%s ends the stream before the login", (_, part) => {
    const limits = { ...defaultXmlLimits, bytesMax: 64 * 1024 };
    for (const reading of [read(`<message ${tag}>${part}</message>${next}`, { limits }), frame(`<message ${tag}>${part}</message>`, limits)]) {
      expect([reading.elements, reading.errors.length]).toEqual([[], 1]);
    }
    expect(parseXmlDocument(`<message xmlns='jabber:client'>${part}</message>`)).toBeUndefined(); // and E07 it is refused inside the encryption
  });

  test("P10 P12 allow() tells the parser that the login is over", () => {
    const reading: Reading = { elements: [], errors: [] };
    const parser = new XmlStreamParser(handlersOf(reading), { ...defaultXmlLimits, bytesMax: 64 * 1024 });
    parser.write(`${header}<success/>`);
    parser.allow(1024 * 1024);
    parser.write(`<message ${tag}>${attributes(65)}</message><message><body>${"x".repeat(65 * 1024)}</body></message>`);
    expect([reading.errors, reading.elements.map(isSpoilt)]).toEqual([[], [false, true, false]]);
  });

  test.each(shapes)("%s ends the stream in what only the server can have written", (_, part) => {
    const inner = `<message xmlns='jabber:client'>${part}</message>`; // no stanza there
    for (const body of [`<features xmlns='http://etherx.jabber.org/streams'>${part}</features>`, `<features xmlns='u'>${inner}</features>`, `<message xmlns='jabber:server'>${part}</message>`]) {
      expect([read(body).errors.length, read(body).elements.length, frame(body).errors.length]).toEqual([1, 0, 1]);
    }
  });

  test.each(["&foo;", "<!-- -->", "<?pi?>", "<!DOCTYPE x>", "<y></z>", "<y a='1' a='2'/>", "<y b/>", "]]>", "\u0001"])("P01-P07 %s is as fatal within a part that is left out as elsewhere", (markup) => {
    for (const odd of ["a b", "u"]) {
      const reading = read(`<message ${tag}><x xmlns='${odd}'>${markup}</x></message>${next}`);
      expect([reading.elements, reading.errors.map(({ code }) => code)]).toEqual([[], ["ERR_STREAM_MALFORMED"]]);
    }
    expect(read(`<message ${tag}><x xmlns:p=' '\u0001/></message>`).errors).toHaveLength(1);
  });
});

describe("what stays", () => {
  const stanzaId = (id: string): string => `<stanza-id xmlns='urn:xmpp:sid:0' by='me@x.example' id='${id}'/>`;
  const ids = (element: XmlElement | undefined): unknown[] => (element?.children ?? []).map((child) => (child as XmlElement).attrs["id"]);

  test.each([["a b", ""], ["u", nested(101)], ["u", attributes(65)]])("P09 F10 the server's stamps, and none that was hidden beside them: %#", (namespace, part) => {
    // The part that is left out is as deep as it likes: what follows it is at its own level.
    const hidden = `<x xmlns='${namespace}'>${part}<x xmlns='a b'>${stanzaId("hidden")}<y>${stanzaId("hidden")}</y></x>${stanzaId("below")}</x>`;
    const [element] = read(`<message ${tag}>${hidden}${stanzaId("real")}<delay xmlns='urn:xmpp:delay' stamp='x'>text<y/></delay></message>`).elements as [XmlElement];
    expect(ids(element)).toEqual(["real", undefined]);
    expect(element.children[1]).toMatchObject({ name: "delay", attrs: { stamp: "x" }, children: [] });
  });

  test("F03 F05 the frames of the archive and of copies, with a message in them that is spoilt too", () => {
    const inner = `<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='s'/><message xmlns='jabber:client' ${tag}><body>hi</body><x xmlns='a b'/></message></forwarded>`;
    for (const [name, namespace] of [["result", "urn:xmpp:mam:2"], ["received", "urn:xmpp:carbons:2"]] as const) {
      const [element] = read(`<message><${name} xmlns='${namespace}' queryid='q' id='a1'>${inner}</${name}></message>`).elements as [XmlElement];
      const wrapper = findChild(element, namespace, name) as XmlElement;
      const forwarded = findChild(wrapper, "urn:xmpp:forward:0", "forwarded") as XmlElement;
      const message = findChild(forwarded, "jabber:client", "message") as XmlElement;
      expect({ ...wrapper.attrs }).toEqual({ queryid: "q", id: "a1" });
      expect([findChild(forwarded, "urn:xmpp:delay", "delay")?.attrs["stamp"], message.attrs["from"], message.children, isSpoilt(message)]).toEqual(["s", "mallory@x.example/a", [], true]);
    }
  });

  test.each([["P12", Array.from({ length: 65 }, (_, i) => `a${String(i)}='1'`).join(" ")], ["P08", "xmlns:p='a b' p:b='1' c='2'"]])("%s a stanza whose own tag breaks a limit keeps its address and its stamps", (_, more) => {
    for (const stanza of [`<message ${more} ${tag}>${stanzaId("real")}</message>`, `<message ${tag} ${more} xml:lang='en'>${stanzaId("real")}</message>`]) {
      const [element, whole] = read(stanza + next).elements as [XmlElement, XmlElement];
      expect([element.attrs["from"], element.attrs["id"], element.attrs["type"], ids(element), isSpoilt(element), isSpoilt(whole)]).toEqual(["mallory@x.example/a", "1", "chat", ["real"], true, false]);
      expect(Object.keys(element.attrs).every((name) => ["from", "to", "id", "type", "xml:lang"].includes(name))).toBe(true);
      const forwarded = `<message><forwarded xmlns='urn:xmpp:forward:0'>${stanza.replace("<message", "<message xmlns='jabber:client'")}</forwarded></message>`;
      expect(serializeXml(read(forwarded).elements[0] as XmlElement)).toContain("mallory@x.example/a");
    }
  });

  test("P12 F10 a stamp or a frame that breaks a limit itself is left out, with all that is in it", () => {
    const many = Array.from({ length: 65 }, (_, i) => `a${String(i)}='1'`).join(" ");
    for (const part of [`<stanza-id xmlns='urn:xmpp:sid:0' id='odd' ${many}/>`, `<forwarded xmlns='urn:xmpp:forward:0' ${many}><message from='x@y'/></forwarded>`]) {
      expect(ids(read(`<message ${tag}>${part}${stanzaId("real")}</message>`).elements[0])).toEqual(["real"]);
    }
  });

  test("F26 an address that is too long is not the same as none, which would be our own account", () => {
    const [element] = read(`<message from='${"a".repeat(17_000)}' id='${"b".repeat(17_000)}'/>`).elements as [XmlElement];
    expect({ ...element.attrs }).toEqual({ from: "", id: "" });
  });

  test("P08 an odd namespace never becomes the one that it would be if it were trimmed", () => {
    const received = "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'/></forwarded>";
    const [element] = read(`<message xmlns:p=' urn:xmpp:carbons:2'><p:received>${received}</p:received></message>`).elements as [XmlElement];
    expect([element.children, isSpoilt(element)]).toEqual([[], true]);
    for (const stanza of ["<message xmlns=' jabber:client'/>", "<p:message xmlns:p='jabber:client '/>"]) {
      expect([read(stanza).elements, read(stanza).errors]).toEqual([[], [{ code: "ERR_STREAM_MALFORMED", condition: "invalid-namespace" }]]);
    }
  });
});
