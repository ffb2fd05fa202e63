/** What stands ahead of an offence counts, and nothing hides it: threats P02, P03, P07. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { utf8Length } from "../../../src/transport/xml/pieces.js";
import { read } from "../../support/parser-reading.js";

test.each(["</wrong>", "<1", "<b c=d/>", "<:b/>", "<b c='&x;'/>"])("P07 an element that is complete counts, also if %s is right behind it, wherever the input is cut", (offence) => {
  for (const pieces of [undefined, 1, 5]) {
    const { elements, errors } = read(`<a></a>${offence}`, pieces === undefined ? {} : { pieces });
    expect([elements.map(({ name }) => name), errors]).toEqual([["a"], [{ code: "ERR_STREAM_MALFORMED", condition: "not-well-formed" }]]);
  }
});

test.each(["]]>", "]]]>", "]]]]]>", "x]]>", "]x]]>"])("P02 P03 a CDATA section that ends with %s is over, and hides no comment behind it", (end) => {
  for (const pieces of [undefined, 1]) {
    const { elements, errors } = read(`<a><![CDATA[<!--${end}<!--x--></a>`, pieces === undefined ? {} : { pieces });
    expect([elements, errors]).toEqual([[], [{ code: "ERR_STREAM_MALFORMED", condition: "restricted-xml" }]]);
  }
});

test("P10 text is measured as UTF-8 has it, at each border between one length and the next", () => {
  const borders = ["\u007f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"];
  expect(borders.map(utf8Length)).toEqual(borders.map((text) => utf8(text).length));
});
