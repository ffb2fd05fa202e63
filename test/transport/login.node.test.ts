/** Authentication, binding and stream headers against a server that lies: threats N07-N12, N14-N17. */
import { describe, expect, test, vi } from "vitest";
import type { Scenario } from "../../src/testing/node/hostile-server.js";
import { TransportError } from "../../src/transport/errors.js";
import { hostileKit, loopback } from "../support/hostile-kit.js";
import { streamMachines } from "../support/stream-machines.js";
import { account, bindFeature, features, header, login, mechanisms, openTcp, sasl, scram } from "../support/xmpp-script.js";

describe.each(streamMachines)("authentication over $machine", ({ create }) => {
  const kit = hostileKit(create);

  test.each([[["PLAIN"]], [["ANONYMOUS"]], [["PLAIN", "ANONYMOUS", "DIGEST-MD5"]], [[]]])("N07 a server that offers only %j gets no credential", async (offered) => {
    const said: string[] = [];
    const server = await kit.protectedServer(async (c) => { await openTcp(c, features(mechanisms(...offered))); await c.closed; said.push(c.received); });
    expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_AUTH_MECHANISM", retryable: false });
    expect([kit.asked, said[0]?.includes("<auth")]).toEqual([0, false]);
  });

  test("N07 the caller's floor is kept, and the caller learns what was used", async () => {
    const server = await kit.protectedServer(async (c) => { await login(c); });
    expect(await kit.refusal(server, "tls", { mechanismFloor: "SCRAM-SHA-256" })).toMatchObject({ code: "ERR_AUTH_MECHANISM" });
    const used: string[] = [];
    const stream = await kit.dial(server, "tls", { onAuthenticated: (name) => { used.push(name); } });
    expect(used).toEqual(["SCRAM-SHA-1"]);
    await stream.close();
  });

  test.each([["without a signature", ""], ["with a wrong signature", "v=AAAAAAAAAAAAAAAAAAAAAAAAAAA="]])("N08 success %s is no login", async (_, final) => {
    const server = await kit.protectedServer(async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1"))); await scram(c, { final }); });
    expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_AUTH_SERVER", retryable: false });
    expect(server.connections).toBe(1);
  });

  test.each<[string, (nonce: string) => string]>([
    ["a foreign nonce", () => "r=foreign,s=MDEyMzQ1Njc=,i=4096"], ["1 iteration", (n) => `r=${n}x,s=MDEyMzQ1Njc=,i=1`],
    ["2 billion iterations", (n) => `r=${n}x,s=MDEyMzQ1Njc=,i=2000000000`], ["an empty salt", (n) => `r=${n}x,s=,i=4096`],
  ])("N09 a challenge with %s gets no proof", async (_, challenge) => {
    const said: string[] = [];
    const server = await kit.protectedServer(async (c) => {
      await openTcp(c, features(mechanisms("SCRAM-SHA-1")));
      await scram(c, { challenge }).catch(() => undefined);
      await c.closed;
      said.push(c.received);
    });
    expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_AUTH_SERVER" });
    expect(said[0]).not.toContain("<response");
  });

  test.each<[string, () => string | Promise<string>]>([
    ["throws", () => { throw new RangeError("hunter2"); }], ["rejects", () => Promise.reject(new RangeError("hunter2"))],
    ["gives nothing", () => undefined as unknown as string], ["gives something else", () => Promise.resolve(2) as unknown as Promise<string>],
    ["gives an empty text", () => ""], ["gives the line of a file", () => Promise.resolve("hunter2\n")],
  ])("N17 H02 a password callback that %s is a permanent failure of its own, without what it threw", async (_, source) => {
    const server = await kit.protectedServer(async (c) => { await login(c); });
    const error = await kit.refusal(server, "tls", { password: source });
    expect(error).toMatchObject({ code: "ERR_AUTH_PASSWORD_SOURCE", retryable: false });
    expect(error).not.toHaveProperty("cause");
    expect(`${error.message} ${String(error.stack)} ${JSON.stringify(error)}`).not.toContain("hunter2");
  });

  test("N17 a password callback may say itself that it is only busy", async () => {
    const server = await kit.protectedServer(async (c) => { await login(c); });
    const busy = new TransportError("ERR_AUTH_TEMPORARY", "the vault is locked", { retryable: true });
    expect(await kit.refusal(server, "tls", { password: () => Promise.reject(busy) })).toBe(busy);
  });

  test("N17 a platform without WebCrypto is a permanent failure, not a lost connection", async () => {
    const server = await kit.protectedServer(async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1"))); await scram(c).catch(() => undefined); });
    const without = vi.spyOn(globalThis.crypto, "subtle", "get").mockReturnValue(undefined as unknown as SubtleCrypto);
    try {
      expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_CRYPTO_UNAVAILABLE", retryable: false, details: { hash: "SHA-1" } });
    } finally {
      without.mockRestore();
    }
  });

  test.each(["tls-exporter", "tls-server-end-point"])("N10 before SASL 2 too the login is bound to the channel by %s where both sides can", async (type) => {
    const said: string[] = [];
    const server = await kit.protectedServer(async (c) => {
      await openTcp(c, features(mechanisms("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"), `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='${type}'/></sasl-channel-binding>`));
      const [, name = "", first = ""] = await c.expect(/<auth [^>]*mechanism="([^"]+)"[^>]*>([^<]+)</);
      said.push(name, Buffer.from(first, "base64").toString());
      await c.send("</stream:stream>");
    });
    await kit.refusal(server, "tls");
    expect(said[0]).toBe("SCRAM-SHA-1-PLUS");
    expect(said[1]).toMatch(new RegExp(`^p=${type},,n=romeo,`));
  });

  test("N10 before SASL 2 a server that offers bound mechanisms and names no kind of binding is logged in to without", async () => {
    const said: string[] = [];
    const server = await kit.protectedServer(async (c) => {
      await openTcp(c, features(mechanisms("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS")));
      const [, name = "", first = ""] = await c.expect(/<auth [^>]*mechanism="([^"]+)"[^>]*>([^<]+)</);
      said.push(name, Buffer.from(first, "base64").toString().slice(0, 3));
      await c.send("</stream:stream>");
    });
    await kit.refusal(server, "tls");
    expect(said).toEqual(["SCRAM-SHA-1", "n,,"]);
  });

  test.each([["success at once", sasl("success")], ["features again", features(mechanisms("PLAIN"))], ["a challenge of another protocol", "<challenge xmlns='urn:x'/>"]])("N11 %s in place of a challenge is fatal", async (_, answer) => {
    const server = await kit.protectedServer(async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1"))); await c.expect("<auth"); await c.send(answer); });
    expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
  });

  test("N11 whatever else stands in the place of the features, before the login or behind it, is not read as such", async () => {
    const other = (content: string): string => `<features xmlns='urn:x'>${content}</features>`;
    const first = await kit.protectedServer(async (c) => { await openTcp(c, other(mechanisms("SCRAM-SHA-1"))); });
    expect(await kit.refusal(first, "tls", { phaseTimeoutMs: 3_000 })).toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "features" } });
    expect(kit.asked).toBe(0);
    const second = await kit.protectedServer(async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1"))); await scram(c); await openTcp(c, other(bindFeature)); });
    expect(await kit.refusal(second, "tls", { phaseTimeoutMs: 3_000 })).toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "features" } });
  });

  test.each<[string, Uint8Array | string]>([["an element", features(bindFeature)], ["half an element", "<features"], ["half a character", Buffer.from([0xe2])]])("N11 %s behind <success/> is fatal", async (_, injected) => {
    const server = await kit.protectedServer(async (c) => {
      await openTcp(c, features(mechanisms("PLAIN")));
      await c.expect("</auth>");
      await c.send(Buffer.concat([Buffer.from(sasl("success")), Buffer.from(injected)]));
      await login(c, { onlyLogin: true }).catch(() => undefined);
    });
    expect(await kit.refusal(server, "tls", { mechanismFloor: "PLAIN", phaseTimeoutMs: 3_000 })).toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "data-behind-success" } });
  });

  test("N12 PLAIN does not run over a clear link, whatever the options say", async () => {
    const said: string[] = [];
    const server = await kit.serve({ kind: "tcp" }, async (c) => { await openTcp(c, features(mechanisms("PLAIN"))); await c.closed; said.push(c.received); });
    expect(await kit.refusal(server, "tcp", { ...loopback, mechanismFloor: "PLAIN" })).toMatchObject({ code: "ERR_AUTH_MECHANISM" });
    expect(said[0]).not.toContain("<auth");
  });

  test("N17 a wrong password is permanent, a temporary failure is not", async () => {
    const wrong = await kit.protectedServer(async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1"))); await scram(c); });
    expect(await kit.refusal(wrong, "tls", { password: () => "wrong" })).toMatchObject({ code: "ERR_AUTH_REJECTED", retryable: false, details: { condition: "not-authorized" } });
    const busy = await kit.protectedServer(async (c) => {
      await openTcp(c, features(mechanisms("SCRAM-SHA-1")));
      await c.expect("<auth");
      await c.send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><temporary-auth-failure/><text>secret</text></failure>");
    });
    const error = await kit.refusal(busy, "tls");
    expect(error).toMatchObject({ code: "ERR_AUTH_TEMPORARY", retryable: true });
    expect(JSON.stringify([error.message, error.details])).not.toContain("secret");
  });
});

describe.each(streamMachines)("binding and headers over $machine", ({ create }) => {
  const kit = hostileKit(create);

  test.each(["juliet@verona.example/one", "romeo@evil.example/one"])("N14 being bound to %s is refused", async (jid) => {
    const server = await kit.protectedServer(async (c) => { await login(c, { jid }); });
    expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_BIND_FOREIGN" });
  });

  test.each([account, "", "@", "verona.example"])("N14 the bound address %j is none", async (jid) => {
    const server = await kit.protectedServer(async (c) => { await login(c, { jid }); });
    expect((await kit.refusal(server, "tls")).code).toMatch(/ERR_STREAM_PROTOCOL|ERR_BIND_FOREIGN/);
  });

  const stanza = "<message xmlns='jabber:client' from='juliet@verona.example'><body>x</body></message>";
  test.each<[string, Scenario]>([
    ["before the features", async (c) => { await openTcp(c, stanza); }],
    ["instead of a challenge", async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1"))); await c.expect("<auth"); await c.send(stanza); }],
    ["before binding", async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1"))); await scram(c); await openTcp(c, features(bindFeature) + stanza); }],
    ["before the answer to binding", async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1"))); await scram(c); await openTcp(c, features(bindFeature)); await c.expect("</iq>"); await c.send(stanza); }],
  ])("N15 a stanza %s ends the stream", async (_, scenario) => {
    const server = await kit.protectedServer(scenario);
    expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "early-stanza" } });
  });

  test.each<[string, string]>([
    ["another domain", header({ from: "evil.example" })], ["version 0.9", header({ version: "0.9" })], ["no version", header({ version: "" })], ["version 1", header({ version: "1" })],
    ["another stream namespace", header({ ns: "urn:x" })], ["another root", "<html xmlns='http://etherx.jabber.org/streams' version='1.0'>"],
  ])("N16 a header of %s ends the stream", async (_, text) => {
    const server = await kit.protectedServer(async (c) => { await c.expect("<stream"); await c.send(text); });
    expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
  });
});
