/** XEP-0420 envelopes as bytes: read, written, round-tripped. Who may say what inside is tested with session/. @module */
import { describe, expect, test } from "vitest";
import { utf8, utf8Decode } from "../../../src/base/bytes.js";
import { textOf, xml } from "../../../src/base/xml.js";
import type { SceEnvelope } from "../../../src/session/ports.js";
import { sceEnvelopeCodec as codec } from "../../../src/transport/xep/xep0420.js";
import vectors from "../../vectors/stanzas.json" with { type: "json" };

// Refused for their form; the other refusals of the vectors need to know the sender, the room or the time.
const malformed = /from without jid|content missing|two content|old namespace|another root|not well-formed|^empty$|plain text|document type|processing instruction|second root|unbound prefix/;

describe("XEP-0420 envelopes", () => {
  test.each(vectors.envelopes)("E07 $what", ({ what, xml: text, ...vector }) => {
    const decoded = codec.decode(utf8(text));
    expect(decoded === undefined).toBe(malformed.test(what));
    if (decoded === undefined) {
      expect(vector.expect).toBe("reject");
      return;
    }
    const content = "content" in vector ? vector.content : [];
    for (const expected of content as readonly { name: string; ns: string; text?: string }[]) {
      const found = decoded.content.find((element) => element.name === expected.name && element.ns === expected.ns);
      expect(found).toBeDefined();
      if (expected.text !== undefined && found !== undefined) expect(textOf(found)).toBe(expected.text);
    }
    expect(codec.decode(codec.encode(decoded))).toEqual(decoded);
  });

  const full: SceEnvelope = {
    content: [xml("jabber:client", "body", {}, "Hi <&>\"' \u{1f600}"), xml("urn:example:y", "x", { a: "1\n2" })],
    rpad: "abc", from: "a@example.org", to: "b@example.org", time: "2026-01-02T03:04:05Z",
  };

  test("the plaintext names every namespace and is exactly what other clients write", () => {
    expect(utf8Decode(codec.encode({ ...full, content: [xml("jabber:client", "body", {}, "Hi")] }))).toBe(
      '<envelope xmlns="urn:xmpp:sce:1"><content><body xmlns="jabber:client">Hi</body></content><rpad>abc</rpad>'
      + '<from jid="a@example.org"/><to jid="b@example.org"/><time stamp="2026-01-02T03:04:05Z"/></envelope>');
  });

  test("all affixes survive a round trip, absent ones stay absent", () => {
    expect(codec.decode(codec.encode(full))).toEqual(full);
    expect(codec.decode(codec.encode({ content: [] }))).toEqual({ content: [] });
  });

  test.each(["from", "to", "time"])("E01 an envelope with two <%s/> is refused: two readers could see two values", (name) => {
    const affix = name === "time" ? "<time stamp='2026-01-02T03:04:05Z'/>" : `<${name} jid='a@example.org'/>`;
    const text = (count: number): string => `<envelope xmlns='urn:xmpp:sce:1'><content/>${affix.repeat(count)}</envelope>`;
    expect(codec.decode(utf8(text(1)))).toBeDefined();
    expect(codec.decode(utf8(text(2)))).toBeUndefined();
  });

  test("E07 an element around the right content that is no envelope is refused", () => {
    const around = (name: string, ns: string): Uint8Array => utf8(`<${name} xmlns='${ns}'><content xmlns='urn:xmpp:sce:1'/></${name}>`);
    expect(codec.decode(around("envelope", "urn:xmpp:sce:1"))).toEqual({ content: [] });
    expect(codec.decode(around("envelope", "urn:xmpp:sce:0"))).toBeUndefined();
    expect(codec.decode(around("letter", "urn:xmpp:sce:1"))).toBeUndefined();
  });

  test("E07 P05 bytes that are not UTF-8 are refused, not repaired", () => {
    const bytes = utf8("<envelope xmlns='urn:xmpp:sce:1'><content><body xmlns='jabber:client'>x</body></content></envelope>");
    expect(codec.decode(bytes)).toBeDefined();
    bytes[bytes.indexOf("x".charCodeAt(0), 60)] = 0xff;
    expect(codec.decode(bytes)).toBeUndefined();
  });

  test("E07 P09 nesting inside the encryption is limited like a stanza's", () => {
    const nested = (depth: number): Uint8Array =>
      utf8(`<envelope xmlns='urn:xmpp:sce:1'><content>${"<a>".repeat(depth)}${"</a>".repeat(depth)}</content></envelope>`);
    expect(codec.decode(nested(50))).toBeDefined();
    expect(codec.decode(nested(200))).toBeUndefined();
  });
});
