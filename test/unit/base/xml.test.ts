import { expect, test } from "vitest";

import { UsageError } from "../../../src/base/errors.js";
import { childElements, findChild, findChildren, isElement, isXmlText, serializeXml, textOf, xml, type XmlElement } from "../../../src/base/xml.js";
import { parseXmlDocument } from "../../../src/transport/xml/document.js";

const ns = "urn:example";

test.each([
  ["\u0000"], ["\u0008"], ["\u000b"], ["\u001f"], ["\ufffe"], ["\uffff"], ["\ud800"], ["\udc00"], ["a\udfffb"], ["\ud83d x"],
])("P17 text that XML cannot hold is refused: %j", (text) => {
  expect(isXmlText(text)).toBe(false);
  expect(() => xml(ns, "body", {}, text)).toThrow(UsageError);
  expect(() => xml(ns, "body", { id: text })).toThrow(UsageError);
  expect(() => xml(text, "body")).toThrow(UsageError);
});

test.each([["\t"], ["\n"], ["\r"], [" "], ["\u0085"], ["\ufffd"], ["\u{10000}"], ["\u{10ffff}"], ["\u{1f339}"]])(
  "P17 text that XML can hold is taken: %j", (text) => {
    expect(isXmlText(text)).toBe(true);
    expect(textOf(xml(ns, "body", {}, text))).toBe(text);
  },
);

test.each([[""], ["a b"], ["a>"], ["1a"], ["a:b"], ["a/"], ["<a"], ["\u00e4"], ["a".repeat(257)]])(
  "P17 a dynamic name that is no plain name is refused: %j", (name) => {
    expect(() => xml(ns, name)).toThrow(UsageError);
    expect(() => xml(ns, "a", { [name]: "1" })).toThrow(UsageError);
  },
);

test("P17 a namespace cannot be smuggled in as an attribute", () => {
  expect(() => xml(ns, "a", { xmlns: "urn:other" })).toThrow(UsageError);
  expect(() => xml(ns, "a", { "xmlns:x": "urn:other" })).toThrow(UsageError);
  expect(xml(ns, "a", { "xml:lang": "en" }).attrs["xml:lang"]).toBe("en");
});

test("P17 text and attributes cannot break out of their place", () => {
  const element = xml(ns, "a", { t: `"'<>&\t\n\r` }, "]]><b/>&amp;\r\n");
  expect(serializeXml(element)).toBe(
    '<a xmlns="urn:example" t="&quot;&apos;&lt;&gt;&amp;&#9;&#10;&#13;">]]&gt;&lt;b/&gt;&amp;amp;&#13;\n</a>',
  );
});

test("P17 a literal that was never built breaks out by no name, attribute or character; what a parser has read is written as it is", () => {
  const literal = (parts: object): XmlElement => ({ ns, name: "a", attrs: {}, children: [], ...parts });
  const names = ["", "a><b", "a b", "a\n", "a/", "a=", "!--", "?xml", "1a", "-a", ".a", "<a", "a&", 'a"', "a'", "a\u0000", "a:b", ":a", "xmlns:a", "a(b", "a{b", "a@b", "a;b", "a|b", "a\ud800"];
  for (const name of names) {
    expect(() => serializeXml(literal({ name })), name).toThrow(UsageError);
    expect(() => serializeXml(literal({ attrs: { [name]: "1" } })), name).toThrow(UsageError);
  }
  for (const parts of [{ ns: "\u0000" }, { attrs: { x: "\u0001" } }, { attrs: { xmlns: "urn:other" } }, { children: ["\ud800"] }, { children: [literal({ name: "b><c" })] }]) {
    expect(() => serializeXml(literal(parts))).toThrow(UsageError);
  }
  expect(serializeXml(literal({ name: "\u00e4\u{10000}", attrs: { "\u00e9t\u00e9": "1", "xml:lang": "fr" }, children: [literal({ name: "xmlns" })] }))).toBe('<\u00e4\u{10000} xmlns="urn:example" \u00e9t\u00e9="1" xml:lang="fr"><xmlns/></\u00e4\u{10000}>');
});

test("P17 of all names of one and two characters of ASCII those are written that a parser reads", () => {
  const characters = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
  const isWritten = (name: string): boolean => {
    try {
      return serializeXml({ ns, name, attrs: {}, children: [] }) !== "";
    } catch {
      return false;
    }
  };
  const names = characters.flatMap((character) => [character, `a${character}`]);
  expect(names.filter(isWritten)).toEqual(names.filter((name) => parseXmlDocument(`<${name} xmlns="${ns}"/>`)?.name === name));
});

test("H04 attributes have no prototype, and __proto__ is an ordinary name", () => {
  const element = xml(ns, "a", JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>);
  expect(Object.getPrototypeOf(element.attrs)).toBeNull();
  expect(Object.keys(element.attrs)).toEqual(["__proto__", "constructor"]);
  expect("toString" in xml(ns, "b").attrs).toBe(false);
  expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
});

test("a namespace is declared where it changes, the empty one included, and not again", () => {
  const tree = xml("jabber:client", "message", {}, xml("jabber:client", "body", {}, "hi"), xml(ns, "x", {}, xml("", "y")));
  expect(serializeXml(tree, "jabber:client")).toBe('<message><body>hi</body><x xmlns="urn:example"><y xmlns=""/></x></message>');
});

test("undefined attributes, undefined children and empty text are left out", () => {
  expect(serializeXml(xml(ns, "a", { x: undefined, n: 0 }, undefined, ""))).toBe('<a xmlns="urn:example" n="0"/>');
});

test("P08 children are found by namespace and name, in order", () => {
  const one = xml(ns, "a", { n: 1 });
  const two = xml(ns, "a", { n: 2 });
  const parent = xml(ns, "p", {}, "x", xml("urn:other", "a"), one, "y", two);
  expect(findChild(parent, ns, "a")).toBe(one);
  expect(findChildren(parent, ns, "a")).toEqual([one, two]);
  expect(findChild(parent, ns, "b")).toBeUndefined();
  expect(childElements(parent)).toHaveLength(3);
  expect(textOf(parent)).toBe("xy");
  expect(isElement("a", ns, "a")).toBe(false);
  expect(isElement(undefined, ns, "a")).toBe(false);
});

test("P08 an element that does not match is still an element to the compiler", () => {
  const names = [xml(ns, "a"), xml(ns, "b"), "text"].map((node) => {
    if (isElement(node, ns, "a")) return `matched ${node.name}`;
    return typeof node === "string" ? node : node.name; // compiles only as long as the type of a mismatch is not empty
  });
  expect(names).toEqual(["matched a", "b", "text"]);
});
