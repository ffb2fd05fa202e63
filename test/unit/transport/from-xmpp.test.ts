/** Elements of @xmpp/xml handed in by applications: threat P17, and the shape of what comes out. */
import { describe, expect, test } from "vitest";
import { serializeXml, xml } from "../../../src/base/xml.js";
import { fromXmppElement, type XmppElementLike } from "../../../src/transport/xml/from-xmpp.js";

const like = (name: string, attrs: Record<string, unknown> = {}, ...children: unknown[]): XmppElementLike => ({ name, attrs, children, parent: null });

describe("fromXmppElement", () => {
  test("takes names, namespaces, attributes and children over", () => {
    const element = like("message", { to: "a@b", id: 5, missing: undefined, gone: null }, like("body", {}, "hi"), like("x", { xmlns: "urn:x", "xml:lang": "de" }, like("y")));
    expect(fromXmppElement(element, "jabber:client")).toEqual(xml("jabber:client", "message", { to: "a@b", id: "5" },
      xml("jabber:client", "body", {}, "hi"), xml("urn:x", "x", { "xml:lang": "de" }, xml("urn:x", "y"))));
  });

  test("P08 prefixes are resolved, also when they are declared further out", () => {
    const child = like("p:item", { "q:dropped": "1", "xmlns:q": "urn:q" });
    const parent = like("list", { "xmlns:p": "urn:p" }, child);
    expect(fromXmppElement(parent, "jabber:client").children[0]).toEqual(xml("urn:p", "item"));
    expect(fromXmppElement({ ...child, parent }, "jabber:client")).toEqual(xml("urn:p", "item"));
  });

  test.each<[string, XmppElementLike]>([
    ["a control character", like("a", {}, "\u0001")], ["a lone surrogate in an attribute", like("a", { b: "\ud800" })], ["a name with markup", like("a><b")],
    ["an attribute name with markup", like("a", { "b='1' c": "2" })], ["an unknown prefix", like("p:a")], ["a prefix that is a part of every object", like("constructor:a")], ["an attribute that is an object", like("a", { b: {} })],
    ["a child that is no element", like("a", {}, { name: 1 })],
  ])("P17 %s is refused", (_, element) => {
    expect(() => fromXmppElement(element, "jabber:client")).toThrow(expect.objectContaining({ code: "ERR_INVALID_TEXT" }) as Error);
  });

  test("P09 depth is bounded, circles included", () => {
    const circle: { name: string; attrs: Record<string, unknown>; children: unknown[] } = { name: "a", attrs: {}, children: [] };
    circle.children.push(circle);
    const refused = expect.objectContaining({ code: "ERR_INVALID_TEXT" }) as Error;
    expect(() => fromXmppElement(circle, "u")).toThrow(refused);
    const parent: { name: string; attrs: Record<string, unknown>; children: unknown[]; parent?: XmppElementLike } = { name: "a", attrs: {}, children: [] };
    parent.parent = parent;
    expect(() => fromXmppElement(parent, "u")).toThrow(refused);
    const nested = (levels: number): XmppElementLike => ({ name: "a", attrs: {}, children: [levels === 1 ? "text" : nested(levels - 1)] });
    const empty = (levels: number): XmppElementLike => ({ name: "a", attrs: {}, children: levels === 1 ? [] : [empty(levels - 1)] });
    for (const make of [nested, empty]) {
      for (const levels of [99, 100]) expect(serializeXml(fromXmppElement(make(levels), "u")).split("<a").length - 1).toBe(levels);
      expect(() => fromXmppElement(make(101), "u")).toThrow(refused);
    }
  });
});
