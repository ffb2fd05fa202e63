/** XEP-0115: the hash must be the one that servers compute, or they ignore `+notify`. @module */
import { describe, expect, test } from "vitest";
import { answerDiscoInfo, capsElement, capsHash, capsNode, defaultOwnInfo } from "../../../src/transport/features/caps.js";
import { decodeDiscoInfo } from "../../../src/transport/xep/xep0030.js";
import { element } from "../../support/xml.js";

const info = "http://jabber.org/protocol/disco#info";

describe("entity capabilities", () => {
  test("the hash of the example in XEP-0115 section 5.2", () => {
    const features = new Set(["http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/muc", "http://jabber.org/protocol/caps"]);
    expect(capsHash({ identities: [{ category: "client", type: "pc", name: "Exodus 0.9.1" }], features })).toBe("QgayPKawpkPSDYmwT/WM94uAlu0=");
  });

  test("order of identities and features does not matter, and sorting is by bytes: beyond the BMP after U+FFFD", () => {
    const a = { category: "client", type: "pc", name: "\u{1f600}" };
    const b = { category: "client", type: "pc", name: "\ufffd" };
    expect(capsHash({ identities: [], features: new Set(["xy", "x"]) })).toBe(capsHash({ identities: [], features: new Set(["x", "xy"]) }));
    expect(capsHash({ identities: [a, b], features: new Set(["x", "y"]) })).toBe(capsHash({ identities: [b, a], features: new Set(["y", "x"]) }));
    // SHA-1 of "client/pc//\ufffd<client/pc//\u{1f600}<", computed with another implementation.
    expect(capsHash({ identities: [a, b], features: new Set() })).toBe("K46wgs/UGtlpoSuWxyE8ZnoYydI=");
  });

  test("the separator inside a value is refused: two lists would share a hash", () => {
    expect(() => capsHash({ identities: [], features: new Set(["a<b"]) })).toThrow(/separator/);
  });

  test("our presence names what our answer proves", () => {
    const caps = capsElement(defaultOwnInfo);
    expect(caps.attrs).toEqual(expect.objectContaining({ hash: "sha-1", node: capsNode, ver: capsHash(defaultOwnInfo) }));
    for (const node of ["", ` node='${capsNode}#${caps.attrs["ver"] as string}'`]) {
      const answer = decodeDiscoInfo(answerDiscoInfo(defaultOwnInfo, element(`<query xmlns='${info}'${node}/>`)));
      expect(capsHash({ identities: answer?.identities ?? [], features: answer?.features ?? new Set() })).toBe(caps.attrs["ver"]);
      expect(answer?.features.has("urn:xmpp:omemo:2:devices+notify")).toBe(true);
    }
  });

  test("F24 nodes that we do not have, and other queries, get no answer from here", () => {
    expect(answerDiscoInfo(defaultOwnInfo, element(`<query xmlns='${info}' node='x'/>`))).toBeUndefined();
    expect(answerDiscoInfo(defaultOwnInfo, element(`<query xmlns='${info}' node='${capsNode}#wrong'/>`))).toBeUndefined();
    expect(answerDiscoInfo(defaultOwnInfo, element("<query xmlns='http://jabber.org/protocol/disco#items'/>"))).toBeUndefined();
  });
});
