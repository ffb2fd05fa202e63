/** The answer to binding, and tokens that come with a login, as data: threats N14, N17, N20. */
import { describe, expect, test } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { issuedToken } from "../../../src/transport/auth/fast.js";
import { boundAddress } from "../../../src/transport/stream/binding.js";
import { account, bindNs, boundJid, stanza } from "../../support/memory-channel.js";

describe("binding", () => {
  const jid = (text: string): XmlElement => xml(bindNs, "bind", {}, xml(bindNs, "jid", {}, text));
  const refusal = (type: string, condition: string): XmlElement =>
    stanza("iq", { type: "error" }, jid(boundJid), xml("jabber:client", "error", { type }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", condition)));

  test("N14 an address counts in a result only", () => {
    expect(boundAddress(stanza("iq", { type: "result" }, jid(boundJid)), account)).toBe(boundJid);
    for (const answer of [stanza("iq", { type: "set" }, jid(boundJid)), stanza("iq", {}, jid(boundJid)), stanza("iq", { type: "result" }), stanza("iq", { type: "result" }, xml(bindNs, "bind"))]) {
      expect(() => boundAddress(answer, account)).toThrow(expect.objectContaining({ code: "ERR_STREAM_PROTOCOL", details: { reason: "binding" } }) as Error);
    }
  });

  test.each([
    ["cancel", "internal-server-error", true], ["wait", "resource-constraint", true], ["cancel", "conflict", true], ["wait", "not-allowed", true], ["cancel", "not-allowed", false], ["modify", "bad-request", false],
  ])("N14 N17 refused by %s with %s: whether it is worth another attempt is %s", (type, condition, retryable) => {
    expect(() => boundAddress(refusal(type, condition), account)).toThrow(expect.objectContaining({ code: "ERR_BIND_FAILED", retryable }) as Error);
  });
});

describe("a token", () => {
  const issue = (attrs: Record<string, string>): unknown => issuedToken(xml("urn:xmpp:sasl:2", "success", {}, xml("urn:xmpp:fast:0", "token", attrs)), { name: "HT-SHA-256-NONE", binding: new Uint8Array(0) }, "id");

  test("N20 is one with a secret of up to 4,096 characters", () => {
    expect(issue({ token: "x".repeat(4_096) })).toEqual({ mechanism: "HT-SHA-256-NONE", secret: "x".repeat(4_096), clientId: "id" });
    for (const attrs of [{}, { token: "" }, { token: "x".repeat(4_097) }]) expect(issue(attrs)).toBeUndefined();
  });

  test("N20 whose end is no time has none: the server will say when it does not take it any more", () => {
    expect(issue({ token: "x", expiry: "soon" })).toStrictEqual({ mechanism: "HT-SHA-256-NONE", secret: "x", clientId: "id" });
    expect(issue({ token: "x", expiry: "2099-01-01T00:00:00Z" })).toMatchObject({ expiresAt: Date.UTC(2099, 0, 1) });
  });
});
