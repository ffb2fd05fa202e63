/** What a spoilt stanza may cost, and where even that ends (docs/decisions/0015-spoilt-stanzas.md): threats P08-P12, L01. */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { serializeXml, type XmlElement } from "../../../src/base/xml.js";
import { readXmlDocument } from "../../../src/transport/xml/document.js";
import { ElementBuilder } from "../../../src/transport/xml/element-builder.js";
import { GuardedParser } from "../../../src/transport/xml/guarded-parser.js";
import { XmlStreamParser } from "../../../src/transport/xml/parser.js";
import { defaultXmlLimits, type XmlLimits } from "../../../src/transport/xml/refusal.js";
import { SparingBuilder } from "../../../src/transport/xml/sparing-builder.js";
import { isSpoilt } from "../../../src/transport/xml/spoilt.js";
import { frame, handlersOf, header, nested, next, read, tag, type Reading } from "../../support/parser-reading.js";

describe("bounds", () => {
  const bytesMax = 70 * 1024;
  const limits = { ...defaultXmlLimits, bytesMax };
  const sized = (bytes: number, open: string, close: string, fill = "é"): string => {
    const room = bytes - utf8(open + close).length;
    return open + "x".repeat(room % utf8(fill).length) + fill.repeat(Math.floor(room / utf8(fill).length)) + close;
  };

  const large = (bytes: number, fill: string): string => sized(bytes, `<message ${tag}><stanza-id xmlns='urn:xmpp:sid:0' id='s'/><body>`, "</body></message>", fill);

  test.each([["elements", "<yyyyyyyy></yyyyyyyy>"], ["attributes", "<y a='éééééé'/>"]])("P10 a stanza above the limit of bytes is spoilt up to 64 times as much, then the stream ends: %s", { timeout: 30_000 }, (_, fill) => {
    for (const [bytes, outcome] of [[bytesMax - 1, "whole"], [bytesMax, "whole"], [bytesMax + 1, "spoilt"], [64 * bytesMax, "spoilt"], [64 * bytesMax + 1, "over"]] as const) {
      const stanza = large(bytes, fill) + next;
      for (const reading of [read(stanza, { limits }), ...(bytes < 2 * bytesMax ? [read(stanza, { limits, pieces: 997 })] : [])]) {
        expect(reading.errors).toEqual(outcome === "over" ? [{ code: "ERR_STREAM_LIMIT", condition: "policy-violation" }] : []);
        if (outcome === "over") continue;
        expect(reading.elements.map(isSpoilt)).toEqual([outcome === "spoilt", false]);
        if (outcome === "spoilt") expect(reading.elements[0]?.children).toMatchObject([{ name: "stanza-id", attrs: { id: "s" } }]);
      }
    }
    for (const [bytes, outcome] of [[bytesMax, [false]], [bytesMax + 1, [true]], [16 * bytesMax, [true]], [16 * bytesMax + 1, []]] as const) {
      expect(frame(large(bytes - " xmlns='jabber:client'".length, fill), limits).elements.map(isSpoilt)).toEqual(outcome);
    }
  });

  test("P10 a single text above the limit of bytes is spoilt up to four times as much, and then the stream ends", () => {
    for (const [bytes, outcome] of [[bytesMax, "whole"], [bytesMax + 1, "spoilt"], [3.7 * bytesMax, "spoilt"], [4.3 * bytesMax, "over"]] as const) {
      for (const reading of [read(large(bytes, "x") + next, { limits }), read(large(bytes, "x") + next, { limits, pieces: 997 }), frame(large(bytes - " xmlns='jabber:client'".length, "x"), limits)]) {
        expect([reading.errors.length, reading.elements[0] === undefined ? "over" : isSpoilt(reading.elements[0]) ? "spoilt" : "whole"]).toEqual([outcome === "over" ? 1 : 0, outcome]);
      }
    }
  });

  test("P10 what a server makes of the namespace of one prefix spoils its stanza, however often it writes it out", () => {
    for (const namespace of ["z".repeat(1_000), "z".repeat(2_000)]) {
      const stanza = `<message ${tag}><x xmlns='u'>${`<y xmlns='urn:${namespace}'/>`.repeat(3_000)}</x></message>`;
      expect([read(stanza + next).errors, read(stanza + next).elements.map(isSpoilt), frame(stanza).elements.map(isSpoilt)]).toEqual([[], [true, false], [true]]);
    }
  });

  test("P10 beyond the limit nothing is kept: no element, be it the server's stamp, and no text", () => {
    const stamp = (id: string): string => `<stanza-id xmlns='urn:xmpp:sid:0' id='${id}'/>`;
    const stanza = `<message ${tag}>${stamp("before")}<x xmlns='u'>${`<y>${"y".repeat(990)}</y>`.repeat(75)}</x>${stamp("behind")}</message>`;
    for (const [element] of [read(stanza, { limits }).elements, read(stanza, { limits, pieces: 997 }).elements, frame(stanza, limits).elements]) {
      expect([isSpoilt(element as XmlElement), element?.children.map((child) => (child as XmlElement).attrs["id"])]).toEqual([true, ["before"]]);
    }
    const text = vi.spyOn(ElementBuilder.prototype, "text");
    const [element] = read(`<message ${tag}><body>${`${"t".repeat(990)}<![CDATA[t]]>`.repeat(200)}</body></message>`, { limits }).elements;
    const kept = text.mock.calls.reduce((length, [each]) => length + each.length, 0);
    text.mockRestore();
    // A piece of 16 KiB is read before it is measured.
    expect([isSpoilt(element as XmlElement), kept > bytesMax / 2, kept < bytesMax + 16 * 1024]).toEqual([true, true, true]);
  });

  test("P10 what is no stanza has no such room", () => {
    const body = sized(bytesMax + 1, "<features xmlns='u'>", "</features>");
    expect([read(body, { limits }).errors.length, readXmlDocument(body, limits).kind]).toEqual([1, "refused"]);
  });

  test.each<readonly [string, number, string, (i: number) => string]>([
    ["elements", 64, "", () => "<b/>".repeat(250)], ["elements with attributes", 64, "", () => `<b c='${"y".repeat(980)}'/>`],
    ["texts", 64, "", () => `${"x".repeat(990)}<b></b>`],
    ["a text", 4, "", () => "x".repeat(1_000)], ["a section", 4, "<![CDATA[", () => "x".repeat(1_000)], ["a text of references", 4, "", () => "&#x41;".repeat(160)],
    ["a name", 4, "<b", () => "b".repeat(1_000)], ["an attribute", 4, "<b c='", () => "y".repeat(1_000)], ["the name of an attribute", 4, "<b c", () => "c".repeat(1_000)],
    ["attributes", 4, "<b", (i) => ` c${String(i)}='${"y".repeat(980)}'`], ["levels", 4, "", () => "<b>".repeat(333)], ["levels with long names", 4, "", () => `<${"b".repeat(990)}>`],
  ])("P10 a stanza without end, made of %s, stops at %i times the limit", { timeout: 30_000 }, (_, factor, begin, piece) => {
    const reading: Reading = { elements: [], errors: [] };
    const parser = new XmlStreamParser(handlersOf(reading), limits);
    parser.write(`${header}<message>${begin}`);
    let written = 0;
    for (let i = 0; reading.errors.length === 0 && written < 2 * factor * bytesMax; i++) {
      parser.write(piece(i));
      written += piece(i).length;
    }
    // Beside it there are the 100 levels that are kept.
    expect([reading.errors[0]?.code, written < factor * bytesMax + 120_000]).toEqual(["ERR_STREAM_LIMIT", true]);
  });

  test("L01 P09 50,000 levels, with prefixes and attributes, cost each what one costs", { timeout: 15_000 }, () => {
    // If each name were looked up through all levels around it, this would take a minute or more.
    const reading = read(`<message xmlns:p='u' ${tag}>${"<p:x p:a=''>".repeat(50_000)}${"</p:x>".repeat(50_000)}${nested(15_000)}</message>${next}`);
    expect([reading.errors, reading.elements.map(isSpoilt)]).toEqual([[], [true, false]]);
  });

  test("L01 P10 of a level that is left out the parser holds its name and nothing else", () => {
    const builder = new SparingBuilder({ shape: "document", opened: () => undefined, complete: () => undefined, closed: () => undefined }, limits, () => false);
    builder.activate();
    const tags = vi.spyOn(builder, "tagOpen");
    new GuardedParser(builder).feed(`<message xmlns='jabber:client'><x xmlns='a b' a='1'><p:y xmlns:p='urn:${"y".repeat(900)}' p:b='${"b".repeat(9_000)}'><z c='3'>`);
    const held = tags.mock.calls.map(([{ name, attributes, ns, prefix, local, uri }]) => [name, Object.keys(attributes), Object.keys(ns), prefix + local + uri]);
    expect(held.slice(1)).toEqual([["x", [], [], ""], ["p:y", [], [], ""], ["z", [], [], ""]]);
  });

  test("L01 P12 attributes beyond the limit are not joined with their namespace, which may be long, one by one", () => {
    const many = Array.from({ length: 1_000 }, (_, i) => `p:a${String(i)}=''`).join(" ");
    const namespace = "z".repeat(1_024);
    for (const stanza of [`<message ${tag}><x xmlns:p='${namespace}' ${many}/></message>`, `<message xmlns:p='${namespace}' ${tag} ${many}/>`]) {
      const add = vi.spyOn(Set.prototype, "add");
      const reading = read(stanza + next);
      const joined = add.mock.calls.filter(([text]) => typeof text === "string" && text.includes(namespace)).length;
      add.mockRestore();
      expect([reading.elements.map(isSpoilt), joined > 0, joined <= defaultXmlLimits.attributesMax]).toEqual([[true, false], true, true]);
    }
  });

  test("P08-P12 whatever a well-formed stanza is made of, the next one is intact, wherever the input is cut", () => {
    const tight: XmlLimits = { bytesMax, depthMax: 4, attributesMax: 5, attributeLengthMax: 40, childrenMax: 3 };
    const attribute = fc.constantFrom("a='1'", "b='&lt;&#10;'", `c='${"c".repeat(41)}'`, "xmlns:p=' '", "xmlns:q='u'", "xmlns='a b'", "xmlns='jabber:client'", "xmlns=''", "from=''", "id='9'");
    const { element } = fc.letrec<{ element: string }>((tie) => ({
      element: fc.tuple(fc.constantFrom("x", "message", "forwarded", "iq"), fc.uniqueArray(attribute, { maxLength: 6, selector: (text) => text.split("=")[0] }),
        fc.array(fc.oneof({ depthSize: "small" }, fc.constantFrom("t", "<![CDATA[<x>]]>", "<y/>"), tie("element")), { maxLength: 5 }))
        .map(([name, attrs, children]) => `<${[name, ...attrs].join(" ")}>${children.join("")}</${name}>`),
    }));
    const outcome = fc.check(fc.property(fc.array(element, { maxLength: 4 }), fc.integer({ min: 1, max: 40 }), (parts, pieces) => {
      const body = `<message ${tag}>${parts.join("")}</message>${next}`;
      const [whole, cut] = [read(body, { limits: tight }), read(body, { limits: tight, pieces })];
      return whole.errors.length === 0 && whole.elements.length === 2 && serializeXml(whole.elements[1] as XmlElement).includes("<body>next</body>")
        && JSON.stringify(cut.elements) === JSON.stringify(whole.elements) && whole.elements[0]?.attrs["from"] === "mallory@x.example/a";
    }), { numRuns: 400 });
    expect(outcome.failed, `seed ${String(outcome.seed)} ${JSON.stringify(outcome.counterexample)}`).toBe(false);
  });
});
