/** Carbons: whose copies are opened, and which (threats F03, F04, F26). */
import { describe, expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { readCarbon, type Carbon } from "../../../src/transport/xep/xep0280.js";
import { element } from "../../support/xml.js";

const account = bareJid("romeo@example.org");
const received = `from='juliet@example.org/balcony' to='${account}/garden' type='chat'`;
const sent = `from='${account}/garden' to='juliet@example.org' type='chat'`;

/** What a test wants to be different about a copy. */
interface Copy {
  readonly kind?: "sent" | "received";
  readonly outer?: string;
  readonly inner?: string;
  /** Behind the body of the message inside. */
  readonly content?: string;
  /** Replaces what is in the wrapper. */
  readonly wrapped?: string;
  /** Stands beside the wrapper. */
  readonly beside?: string;
}
function read(o: Copy = {}): Carbon {
  const kind = o.kind ?? "received";
  const message = `<message xmlns='jabber:client' ${o.inner ?? (kind === "sent" ? sent : received)}><body>hi</body>${o.content ?? ""}</message>`;
  const wrapped = o.wrapped ?? `<forwarded xmlns='urn:xmpp:forward:0'>${message}</forwarded>`;
  return readCarbon(element(`<message xmlns='jabber:client' ${o.outer ?? `from='${account}'`} to='${account}/orchard'>`
    + `<${kind} xmlns='urn:xmpp:carbons:2'>${wrapped}</${kind}>${o.beside ?? ""}</message>`), account);
}
const kinds = ["sent", "received"] as const;

describe("carbons", () => {
  test.each(kinds)("a %s copy is the message inside it", (kind) => {
    expect(read({ kind })).toMatchObject({ kind, message: { name: "message", attrs: { type: "chat" } } });
  });

  test("a stanza without a wrapper is none, also with content that only looks like one", () => {
    const none = (content: string): Carbon => readCarbon(element(`<message xmlns='jabber:client' from='juliet@example.org/x'>${content}</message>`), account);
    for (const content of ["", "<body>hi</body>", "<private xmlns='urn:xmpp:carbons:2'/>", "<received xmlns='urn:xmpp:receipts' id='1'/>"]) expect(none(content)).toEqual({ kind: "none" });
    expect(none("<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='tybalt@example.org'><body>F04</body></message></forwarded>")).toEqual({ kind: "none" });
  });

  test.each(kinds)("F03 a %s copy counts only from our own bare address, F26 or without a sender", (kind) => {
    for (const outer of [`from='${account}'`, "from='Romeo@EXAMPLE.org'", ""]) expect(read({ kind, outer }).kind).toBe(kind);
    for (const from of ["juliet@example.org", `${account}/garden`, "example.org", "romeo@example.org.evil", "romeo@evil.example", "@", ""]) {
      expect(read({ kind, outer: `from='${from}'` })).toEqual({ kind: "forged" });
    }
  });

  test("F03 a sent copy has to be from us, a received one to us", () => {
    expect(read({ kind: "sent", inner: received })).toEqual({ kind: "forged" });
    expect(read({ kind: "received", inner: sent })).toEqual({ kind: "forged" });
    expect(read({ kind: "sent", inner: "from='@' to='juliet@example.org'" })).toEqual({ kind: "forged" });
    expect(read({ kind: "received", inner: "from='juliet@example.org' to='@'" })).toEqual({ kind: "forged" });
    // No address stands for our own (F26).
    expect(read({ kind: "sent", inner: "to='juliet@example.org'" }).kind).toBe("sent");
    expect(read({ kind: "received", inner: "from='juliet@example.org/x'" }).kind).toBe("received");
  });

  test.each<[string, Copy]>([
    ["of a group message", { inner: received.replace("chat", "groupchat") }],
    ["of a copy", { content: "<received xmlns='urn:xmpp:carbons:2'/>" }],
    ["of a sent copy", { content: "<sent xmlns='urn:xmpp:carbons:2'/>" }],
    ["of an archive result", { content: "<result xmlns='urn:xmpp:mam:2'/>" }],
    ["beside another", { beside: "<sent xmlns='urn:xmpp:carbons:2'/>" }],
    ["beside one of its kind", { beside: "<received xmlns='urn:xmpp:carbons:2'/>" }],
    ["that came back as an error", { outer: `from='${account}' type='error'` }],
    ["without <forwarded/>", { wrapped: `<message xmlns='jabber:client' ${received}/>` }],
    ["of nothing", { wrapped: "<forwarded xmlns='urn:xmpp:forward:0'/>" }],
    ["of presence", { wrapped: `<forwarded xmlns='urn:xmpp:forward:0'><presence xmlns='jabber:client' ${received}/></forwarded>` }],
    ["of two messages", { wrapped: `<forwarded xmlns='urn:xmpp:forward:0'>${`<message xmlns='jabber:client' ${received}/>`.repeat(2)}</forwarded>` }],
    ["of two forwarded ones", { wrapped: `<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' ${received}/></forwarded>`.repeat(2) }],
  ])("F04 a copy %s is not opened", (_, copy) => { expect(read(copy)).toEqual({ kind: "forged" }); });
});
