/** XEP-0106: the table of the specification, and what somebody could make of escapes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bareJid, localOf, parseBareJid } from "../../../src/base/jid.js";
import { escapedJid, escapeLocal, unescapeLocal } from "../../../src/transport/xep/xep0106.js";

const gateway = bareJid("gascon.example");

describe("JID escaping", () => {
  test.each([
    ["space cadet", "space\\20cadet"], ["call me \"ishmael\"", "call\\20me\\20\\22ishmael\\22"], ["at&t guy", "at\\26t\\20guy"], ["d'artagnan", "d\\27artagnan"],
    ["/.fanboy", "\\2f.fanboy"], ["::foo::", "\\3a\\3afoo\\3a\\3a"], ["<foo>", "\\3cfoo\\3e"], ["user@host", "user\\40host"], ["c:\\net", "c\\3a\\net"],
    ["c:\\\\net", "c\\3a\\\\net"], ["c:\\cool stuff", "c\\3a\\cool\\20stuff"], ["c:\\5commas", "c\\3a\\5c5commas"],
    ["\\3and\\2is\\5cool", "\\5c3and\\2is\\5c5cool"], ["\\2plus\\2is\\4", "\\2plus\\2is\\4"], ["foob\\41r", "foob\\41r"],
    ["here's_a_wild_&_/cr%zy/_address", "here\\27s_a_wild_\\26_\\2fcr%zy\\2f_address"],
  ])("%s is written %s and read back", (shown, written) => {
    expect(escapeLocal(shown)).toBe(written);
    expect(unescapeLocal(written)).toBe(shown);
    expect(escapedJid(shown, gateway)).toBe(`${written}@${gateway}`);
  });

  test.each(["", " ", " x", "x ", "\u3000x", "x\ty", "x\u202ey", "x\u0000", "\ud800", "x".repeat(1_024)])("%j has no address", (shown) => {
    expect(escapedJid(shown, gateway)).toBeUndefined();
  });

  test("F20 F21 wide forms are mapped before they are escaped: no way around the escaping", () => {
    expect(escapedJid("a＠b＼40c", gateway)).toBe(`a\\40b\\5c40c@${gateway}`);
    expect(escapedJid("X＼2F", gateway)).toBe(`x\\5c2f@${gateway}`);
  });

  test("F20 a space at an end is not read: the name would look like another one", () => {
    expect(unescapeLocal("\\20admin\\20")).toBe("\\20admin\\20");
    expect(unescapeLocal("the\\20admin")).toBe("the admin");
  });

  test("every text is either refused, or read back as the mapped text it stands for, with nothing but the ten characters changed", () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."ab \\2053cfe7\"&'/:<>@４＠ß".split("")), maxLength: 12 }), (text) => {
      const jid = escapedJid(text, gateway);
      if (jid === undefined) return;
      expect(parseBareJid(jid)).toBe(jid);
      expect(unescapeLocal(localOf(jid) ?? "")).toBe(text.normalize("NFKC").toLowerCase().normalize("NFC"));
    }), { numRuns: 2_000 });
  });
});
