/** SASL 2, Bind 2, tokens and channel binding against a scripted server that behaves like the newer ones: threats N07, N10, N14, N20, Q07, Q11, Q12. */
import { createHash } from "node:crypto";
import { describe, expect, test, vi } from "vitest";
import { parseJid, type FullJid } from "../../src/base/jid.js";
import type { HostileServer, ScriptedConnection } from "../../src/testing/node/hostile-server.js";
import type { FastToken, FastTokens } from "../../src/transport/auth/fast.js";
import { StreamSession } from "../../src/transport/stream/stream-session.js";
import { goodbye, hostileKit, type HostileKit } from "../support/hostile-kit.js";
import { streamMachines } from "../support/stream-machines.js";
import {
  account, bindFeature, features, inlineBind, inlineFast, inlineFeatures, inlineSm, login, mechanisms, openTcp, sasl2Failure, sasl2Success, scram2, tokenProof,
} from "../support/xmpp-script.js";

const sm = "urn:xmpp:sm:3";
const full = `${account}/sotto~abc`;
const enabledInline = `<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='${sm}' id='inline-id' resume='1' max='600'/></bound>`;
const after = features(bindFeature, `<sm xmlns='${sm}'/>`); // one of the servers lists stream management again
const modern = (...more: readonly string[]): string => inlineFeatures(["SCRAM-SHA-1"], inlineSm + inlineBind(sm) + more.join(""));

class Tokens implements FastTokens {
  token: FastToken | undefined;
  readonly log: string[] = [];
  constructor(token?: FastToken) {
    this.token = token;
  }
  load(): Promise<FastToken | undefined> {
    return Promise.resolve(this.token);
  }
  save(token: FastToken): Promise<void> {
    this.token = token;
    this.log.push("save");
    return Promise.resolve();
  }
  drop(): Promise<void> {
    this.token = undefined;
    this.log.push("drop");
    return Promise.resolve();
  }
}

describe.each(streamMachines)("login within SASL 2 over $machine", ({ create }) => {
  const kit: HostileKit = hostileKit(create);
  const said: string[] = [];

  /** A server that logs in by SCRAM and then says `inside`. */
  function modernServer(offer: string, inside: string, behind: string, then: (c: ScriptedConnection) => Promise<void> = goodbye, address = full): Promise<HostileServer> {
    said.splice(0);
    return kit.protectedServer(async (c) => {
      await openTcp(c, offer);
      said.push(await scram2(c, (proof) => sasl2Success(proof, inside, address) + behind));
      await then(c);
    });
  }

  test("N17 a platform without WebCrypto is a permanent failure here too, not a lost connection", async () => {
    const server = await kit.protectedServer(async (c) => { await openTcp(c, modern()); });
    const without = vi.spyOn(globalThis.crypto, "subtle", "get").mockReturnValue(undefined as unknown as SubtleCrypto);
    try {
      expect(await kit.refusal(server, "tls", { resource: "mine" })).toMatchObject({ code: "ERR_CRYPTO_UNAVAILABLE", retryable: false, details: { hash: "SHA-256" } });
    } finally {
      without.mockRestore();
    }
  });

  test("Q07 bound and enabled in one exchange; what stands behind counts, and a feature listed again is not used again", async () => {
    const server = await modernServer(modern(), enabledInline, `${after}<message id='1'/><message id='2'/><r xmlns='${sm}'/>`, async (c) => { await c.expect(/<a [^>]*h="0"/); await goodbye(c); });
    const stream = await kit.dial(server, "tls", { resource: "mine" });
    expect([stream.jid, stream.start]).toEqual([full, { kind: "new", resumable: true }]);
    expect(stream.session?.state).toEqual({ id: "inline-id", jid: full, inbound: 0, acknowledged: 0, maxSeconds: 600 });
    const numbers: number[] = [];
    stream.onStanza((_, delivery) => { numbers.push(delivery.number); });
    await expect.poll(() => numbers).toEqual([1, 2]);
    await stream.close();
    expect(said[0]).toMatch(/<bind xmlns="urn:xmpp:bind:0"><tag>mine<\/tag><enable xmlns="urn:xmpp:sm:3" resume="true"\/><\/bind>/);
    expect(said[0]).toMatch(/<user-agent id="[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}">/);
    expect(server.failures).toEqual([]);
  });

  test("the installation is the same to the server as long as its resource is", async () => {
    const ids: string[] = [];
    for (const resource of ["mine", "mine", "other", undefined]) {
      const server = await modernServer(modern(), enabledInline, after);
      await (await kit.dial(server, "tls", resource === undefined ? {} : { resource })).close();
      ids.push(/user-agent id="([^"]+)"/.exec(said[0] ?? "")?.[1] ?? "");
    }
    expect([ids[0] === ids[1], new Set(ids).size]).toEqual([true, 3]);
  });

  const session = (): StreamSession => StreamSession.restore({ id: "old-id", jid: parseJid(`${account}/old`) as FullJid, inbound: 3 });

  test("a session is resumed within the login, with or without features behind it", async () => {
    for (const behind of ["", after]) {
      const server = await modernServer(modern(), `<resumed xmlns='${sm}' h='7' previd='old-id'/>`, `${behind}<message id='4'/>`, goodbye, account);
      const stream = await kit.dial(server, "tls", { resume: session() });
      expect([stream.start, stream.jid]).toEqual([{ kind: "resumed", handled: 7 }, `${account}/old`]);
      const numbers: number[] = [];
      stream.onStanza((_, delivery) => { numbers.push(delivery.number); });
      await expect.poll(() => numbers).toEqual([4]);
      await stream.close();
      expect(said[0]).toContain(`<resume xmlns="${sm}" h="3" previd="old-id"/>`);
    }
  });

  test("a session that is refused within the login is followed by a new one", async () => {
    const server = await modernServer(modern(), `<failed xmlns='${sm}' h='9'/>${enabledInline}`, after);
    const stream = await kit.dial(server, "tls", { resume: session() });
    expect(stream.start).toEqual({ kind: "new", resumable: true, former: { handled: 9 } });
    await stream.close();
  });

  test("Q17 whoever keeps numbers of a session is told before the login that asks for it, once", async () => {
    const order: string[] = [];
    const server = await kit.protectedServer(async (c) => {
      await openTcp(c, modern());
      await scram2(c, (proof, request) => {
        order.push(request.includes("<resume ") ? "asked" : "not asked");
        return sasl2Success(proof, `<resumed xmlns='${sm}' h='7' previd='old-id'/>`, account) + after;
      });
      await goodbye(c);
    });
    const beforeResume = async (): Promise<void> => {
      await new Promise((resolve) => { setTimeout(resolve, 20); });
      order.push("told");
    };
    const stream = await kit.dial(server, "tls", { resume: session(), beforeResume });
    expect(order).toEqual(["told", "asked"]);
    await stream.close();
  });

  test("a server that cannot resume inline is not asked to bind inline before the session was asked for", async () => {
    const server = await modernServer(inlineFeatures(["SCRAM-SHA-1"], inlineBind(sm)), "", after, async (c) => {
      await c.expect("<resume");
      await c.send(`<resumed xmlns='${sm}' h='0' previd='old-id'/>`);
      await goodbye(c);
    }, account);
    const stream = await kit.dial(server, "tls", { resume: session() });
    expect(stream.start).toEqual({ kind: "resumed", handled: 0 });
    expect(said[0]).not.toContain("urn:xmpp:bind:0");
    await stream.close();
  });

  test("SASL 2 without anything inline goes on with binding as ever", async () => {
    const server = await modernServer(inlineFeatures(["SCRAM-SHA-1"], ""), "", features(bindFeature), async (c) => {
      const bind = await c.expect(/<iq [^>]*id="([^"]+)"/);
      await c.send(`<iq type='result' id='${bind[1] as string}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${account}/one</jid></bind></iq>`);
      await goodbye(c);
    }, account);
    const stream = await kit.dial(server, "tls");
    expect([stream.jid, stream.start]).toEqual([`${account}/one`, { kind: "unmanaged" }]);
    await stream.close();
  });

  test.each(["juliet@verona.example/x", "romeo@evil.example/x"])("N14 being authenticated as %s is refused", async (address) => {
    const server = await modernServer(modern(), enabledInline, after, (c) => c.closed, address);
    expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_BIND_FOREIGN" });
  });

  test("N14 a resumed session does not hide another account", async () => {
    const server = await modernServer(modern(), `<resumed xmlns='${sm}' h='7' previd='old-id'/>`, "", (c) => c.closed, "juliet@verona.example");
    expect(await kit.refusal(server, "tls", { resume: session() })).toMatchObject({ code: "ERR_BIND_FOREIGN" });
  });

  test("N08 success with a wrong proof, or none, is no login and settles nothing", async () => {
    for (const proof of [undefined, Buffer.from("v=AAAA").toString("base64")]) {
      const server = await kit.protectedServer(async (c) => { await openTcp(c, modern()); await scram2(c, () => sasl2Success(proof, enabledInline, full) + after); });
      expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_AUTH_SERVER", retryable: false });
    }
  });

  test("N07 the floor holds here too: what offers less gets no credential, and the caller learns what was used", async () => {
    for (const [offered, mechanismFloor] of [[["PLAIN", "ANONYMOUS"], undefined], [["SCRAM-SHA-1", "PLAIN"], "SCRAM-SHA-256"]] as const) {
      const words: string[] = [];
      const server = await kit.protectedServer(async (c) => { await openTcp(c, inlineFeatures(offered, inlineBind(sm))); await c.closed; words.push(c.received); });
      expect(await kit.refusal(server, "tls", mechanismFloor === undefined ? {} : { mechanismFloor })).toMatchObject({ code: "ERR_AUTH_MECHANISM", retryable: false });
      expect([kit.asked, words[0]?.includes("<authenticate")]).toEqual([0, false]);
    }
    const used: string[] = [];
    await (await kit.dial(await modernServer(modern(), enabledInline, after), "tls", { onAuthenticated: (name) => { used.push(name); } })).close();
    expect(used).toEqual(["SCRAM-SHA-1"]);
  });

  test("N11 further steps, success at once and stanzas before success are refused", async () => {
    for (const [answer, code] of [["<continue xmlns='urn:xmpp:sasl:2'><tasks><task>X</task></tasks></continue>", "ERR_AUTH_MECHANISM"], [sasl2Success(undefined, enabledInline, full), "ERR_STREAM_PROTOCOL"], ["<message/>", "ERR_STREAM_PROTOCOL"]] as const) {
      const server = await kit.protectedServer(async (c) => { await openTcp(c, modern()); await c.expect("</authenticate>"); await c.send(answer); });
      expect(await kit.refusal(server, "tls")).toMatchObject({ code });
    }
  });

  test("N17 a wrong password is permanent here too", async () => {
    const server = await kit.protectedServer(async (c) => { await openTcp(c, modern()); await scram2(c, (proof) => sasl2Success(proof, enabledInline, full)); });
    expect(await kit.refusal(server, "tls", { password: () => "wrong" })).toMatchObject({ code: "ERR_AUTH_REJECTED", retryable: false, details: { condition: "not-authorized" } });
  });

  describe("tokens", () => {
    const offer = modern(inlineFast("HT-SHA-256-NONE", "HT-SHA-256-EXPR"));
    const token: FastToken = { mechanism: "HT-SHA-256-NONE", secret: "secret-token:one", clientId: "d4565fa7-4d72-4749-b3d3-740edbf87770" };
    const issue = "<token xmlns='urn:xmpp:fast:0' token='secret-token:two' expiry='2099-01-01T00:00:00Z'/>";

    test("N20 a token is asked for, kept, used without the password, and replaced when the server says so", async () => {
      const tokens = new Tokens();
      const first = await modernServer(offer, enabledInline + issue, after);
      await (await kit.dial(first, "tls", { tokens })).close();
      expect(said[0]).toContain('<request-token xmlns="urn:xmpp:fast:0" mechanism="HT-SHA-256-NONE"/>');
      expect(tokens.token).toEqual({ mechanism: "HT-SHA-256-NONE", secret: "secret-token:two", clientId: /user-agent id="([^"]+)"/.exec(said[0] ?? "")?.[1], expiresAt: Date.UTC(2099, 0, 1) });
      const second = await kit.protectedServer(async (c) => {
        await openTcp(c, offer);
        const [request = ""] = await c.expect(/<authenticate .*?<\/authenticate>/);
        said.push(request);
        const message = Buffer.from(/<initial-response>([^<]+)</.exec(request)?.[1] ?? "", "base64");
        const right = message.equals(Buffer.concat([Buffer.from("romeo\0"), tokenProof("secret-token:two", "Initiator")]));
        await c.send(right ? sasl2Success(tokenProof("secret-token:two", "Responder").toString("base64"), enabledInline + issue.replace("two", "three"), full) + after : sasl2Failure("not-authorized"));
        await goodbye(c);
      });
      const stream = await kit.dial(second, "tls", { tokens });
      expect([kit.asked, stream.start.kind, tokens.token?.secret, tokens.token?.clientId]).toEqual([0, "new", "secret-token:three", /user-agent id="([^"]+)"/.exec(said[0] ?? "")?.[1]]);
      expect(said[1]).toContain('<fast xmlns="urn:xmpp:fast:0"/>');
      expect(said[1]).toContain(`<user-agent id="${String(tokens.token?.clientId)}">`); // the installation that it was made for
      await stream.close();
    });

    test("N20 a refused token is dropped, and the password is asked for on the same stream", async () => {
      const tokens = new Tokens(token);
      const server = await kit.protectedServer(async (c) => {
        await openTcp(c, offer);
        await c.expect("</authenticate>");
        await c.send(sasl2Failure("credentials-expired"));
        await scram2(c, (proof) => sasl2Success(proof, enabledInline + issue, full) + after);
        await goodbye(c);
      });
      await (await kit.dial(server, "tls", { tokens })).close();
      expect([tokens.log, kit.asked, server.connections]).toEqual([["drop", "save"], 1, 1]);
    });

    test.each([["none", undefined], ["a wrong one", Buffer.alloc(32).toString("base64")]])("N20 the server must prove that it knows the token: %s", async (_, proof) => {
      const tokens = new Tokens(token);
      const server = await kit.protectedServer(async (c) => { await openTcp(c, offer); await c.expect("</authenticate>"); await c.send(sasl2Success(proof, enabledInline + issue, full) + after); });
      expect(await kit.refusal(server, "tls", { tokens })).toMatchObject({ code: "ERR_AUTH_SERVER", retryable: false });
      expect([tokens.log, kit.asked]).toEqual([["drop"], 0]);
    });

    test("N20 a token is not used when it has expired, for another mechanism, or where a stronger one is possible", async () => {
      const bindings = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>";
      const binding = inlineFeatures(["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"], inlineBind(sm) + inlineFast("HT-SHA-256-NONE", "HT-SHA-256-EXPR"), bindings);
      for (const [stored, what] of [[{ ...token, expiresAt: Date.now() - 1 }, offer], [{ ...token, mechanism: "HT-SHA-256-EXPR" }, offer], [token, binding]] as const) {
        const tokens = new Tokens(stored);
        const requests: string[] = [];
        const server = await kit.protectedServer(async (c) => { await openTcp(c, what); requests.push((await c.expect(/<authenticate .*?<\/authenticate>/))[0]); await c.send(sasl2Failure("temporary-auth-failure")); });
        expect(await kit.refusal(server, "tls", { tokens })).toMatchObject({ code: "ERR_AUTH_TEMPORARY", retryable: true });
        expect(requests[0]).not.toContain("<fast");
        expect(tokens.log).toEqual([]);
        if (what === binding) expect(requests[0]).toContain('mechanism="HT-SHA-256-EXPR"');
      }
    });

    test("N20 N10 a token that is bound to the channel is of no use on another: the server's proof must be of this one as well", async () => {
      const bindings = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>";
      const binding = inlineFeatures(["SCRAM-SHA-1-PLUS"], inlineBind(sm) + inlineFast("HT-SHA-256-NONE", "HT-SHA-256-EXPR"), bindings);
      const bound = { ...token, mechanism: "HT-SHA-256-EXPR" };
      const serve = (proofOf: (c: ScriptedConnection) => Buffer): Promise<HostileServer> => kit.protectedServer(async (c) => {
        await openTcp(c, binding);
        const [, said = ""] = await c.expect(/<authenticate [^>]*mechanism="HT-SHA-256-EXPR".*?<initial-response>([^<]+)<.*?<\/authenticate>/);
        const right = Buffer.from(said, "base64").equals(Buffer.concat([Buffer.from("romeo\0"), tokenProof(bound.secret, "Initiator", c.exporter())]));
        await c.send(right ? sasl2Success(proofOf(c).toString("base64"), enabledInline, full) + after : sasl2Failure("temporary-auth-failure"));
        await goodbye(c);
      });
      await (await kit.dial(await serve((c) => tokenProof(bound.secret, "Responder", c.exporter())), "tls", { tokens: new Tokens(bound) })).close();
      const tokens = new Tokens(bound);
      expect(await kit.refusal(await serve(() => tokenProof(bound.secret, "Responder")), "tls", { tokens })).toMatchObject({ code: "ERR_AUTH_SERVER" });
      expect([tokens.log, kit.asked]).toEqual([["drop"], 0]);
    });

    test("N20 a token does not leave over a link in clear, and a server that is only busy costs none", async () => {
      const tokens = new Tokens(token);
      const clear = await kit.serve({ kind: "tcp" }, async (c) => { await openTcp(c, offer); await c.closed; said.push(c.received); });
      expect(await kit.refusal(clear, "tcp", { tokens, unsafeAllowInsecureLoopback: true })).toMatchObject({ code: "ERR_AUTH_MECHANISM" });
      expect(said.at(-1)).not.toContain("<authenticate");
      const busy = await kit.protectedServer(async (c) => { await openTcp(c, offer); await c.expect("</authenticate>"); await c.send(sasl2Failure("temporary-auth-failure")); });
      expect(await kit.refusal(busy, "tls", { tokens })).toMatchObject({ code: "ERR_AUTH_TEMPORARY" });
      expect(tokens.log).toEqual([]);
    });

    test("a store for tokens that fails costs no login", async () => {
      const errors: unknown[] = [];
      const broken = new TypeError("locked");
      const tokens: FastTokens = { load: () => Promise.reject(broken), save: () => { throw broken; }, drop: () => Promise.reject(broken) };
      const server = await modernServer(offer, enabledInline + issue, after);
      await (await kit.dial(server, "tls", { tokens, onListenerError: (error) => { errors.push(error); } })).close();
      expect(errors).toEqual([broken, broken]);
    });
  });
});

describe("channel binding", () => {
  const kit: HostileKit = hostileKit((streamMachines[0] as (typeof streamMachines)[number]).create);
  const announced = (...types: readonly string[]): string => `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>${types.map((type) => `<channel-binding type='${type}'/>`).join("")}</sasl-channel-binding>`;
  const both = ["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"];

  test.each(["tls-exporter", "tls-server-end-point"] as const)("N10 the login is bound to the channel by %s, and both sides compute the same", async (type) => {
    const requests: string[] = [];
    const server = await kit.protectedServer(async (c) => {
      await openTcp(c, inlineFeatures(both, inlineBind(sm), announced(type)));
      const bound = type === "tls-exporter" ? c.exporter() : createHash("sha256").update(certificateOf(kit.good.cert)).digest();
      requests.push(await scram2(c, (proof) => sasl2Success(proof, enabledInline, full) + after, { bound }));
      await goodbye(c);
    });
    await (await kit.dial(server, "tls")).close();
    expect(requests[0]).toContain('mechanism="SCRAM-SHA-1-PLUS"');
    expect(Buffer.from(/<initial-response>([^<]+)</.exec(requests[0] ?? "")?.[1] ?? "", "base64").toString()).toMatch(new RegExp(`^p=${type},,n=romeo,`));
  });

  test("N10 an offer that was changed on the way is noticed by its hash, in SASL 2 and before", async () => {
    const hash = createHash("sha1").update(`${both.join("\u001e")}\u001ftls-exporter`).digest("base64");
    const server = await kit.protectedServer(async (c) => { await openTcp(c, inlineFeatures(["SCRAM-SHA-1"], inlineBind(sm))); await scram2(c, (proof) => sasl2Success(proof, enabledInline, full), { tail: `,h=${hash}` }); });
    expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_AUTH_SERVER", details: { reason: "offer" } });
  });

  test("N10 a server that offers binding but no kind of it is not trusted", async () => {
    const server = await kit.protectedServer(async (c) => { await openTcp(c, inlineFeatures(both, "")); await c.closed; });
    expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_AUTH_MECHANISM", details: { reason: "channel-binding" } });
  });

  test("N10 before SASL 2 the client says that it could have bound", async () => {
    const server = await kit.protectedServer(async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1"))); const auth = await c.expect(/<auth [^>]*>([^<]+)</); await c.send("</stream:stream>"); requests.push(Buffer.from(auth[1] ?? "", "base64").toString()); });
    const requests: string[] = [];
    await kit.dial(server, "tls").catch(() => undefined);
    expect(requests[0]).toMatch(/^y,,n=romeo,/);
  });

  test("N22 compression is not negotiated, and a resumption is asked for where the session's server prefers it", async () => {
    const preferred = await kit.protectedServer(async (c) => {
      await openTcp(c, features(mechanisms("SCRAM-SHA-1"), "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>"));
      await c.closed;
      requests.push(c.received);
    });
    const requests: string[] = [];
    const second = await kit.serve({ kind: "tls", certificate: kit.good }, async (c) => { await login(c); await goodbye(c); });
    const at = (location: string): StreamSession => StreamSession.restore({ id: "old-id", jid: parseJid(`${account}/old`) as FullJid, inbound: 0, location });
    // Somebody who falls silent, nobody at all, or somebody without the right certificate: the configured service as ever.
    const silent = await kit.dial(second, "tls", { resume: at(`127.0.0.1:${String(preferred.port)}`), phaseTimeoutMs: 3_000 });
    await silent.close();
    await expect.poll(() => requests.length).toBe(1);
    expect(requests[0]).not.toContain("compress");
    const impostor = await kit.serve({ kind: "tls", certificate: await kit.issue({ names: ["DNS:evil.example"] }) }, async (c) => { await c.closed; });
    for (const location of ["127.0.0.1:1", `127.0.0.1:${String(impostor.port)}`, "not a place"]) {
      const stream = await kit.dial(second, "tls", { resume: at(location) });
      expect(stream.start).toEqual({ kind: "unmanaged", former: {} });
      await stream.close();
    }
    expect(second.connections).toBe(4);
  });

  test("Q11 a preferred place that lets nobody in for now is not the only way; one that refuses the password is believed", async () => {
    const refusing = (condition: string): Promise<HostileServer> => kit.protectedServer(async (c) => {
      await openTcp(c, features(mechanisms("SCRAM-SHA-1")));
      await c.expect("<auth");
      await c.send(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><${condition}/></failure>`);
      await c.closed;
    });
    const second = await kit.serve({ kind: "tls", certificate: kit.good }, async (c) => { await login(c); await goodbye(c); });
    const at = ({ port }: HostileServer): StreamSession =>
      StreamSession.restore({ id: "old-id", jid: parseJid(`${account}/old`) as FullJid, inbound: 0, location: `127.0.0.1:${String(port)}` });
    const stream = await kit.dial(second, "tls", { resume: at(await refusing("temporary-auth-failure")) });
    await stream.close();
    expect(second.connections).toBe(1);
    await expect(kit.dial(second, "tls", { resume: at(await refusing("not-authorized")) })).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED" });
    expect(second.connections).toBe(1);
  });

  test("N11 the success of SASL 2 where nobody has asked for it changes nothing: a live stream goes on, a login does not", async () => {
    const unasked = "<success xmlns='urn:xmpp:sasl:2'/>";
    const later = await kit.protectedServer(async (c) => {
      await login(c);
      await c.send(`${unasked}<message id='1'/>`);
      await goodbye(c);
    });
    const stream = await kit.dial(later, "tls");
    const seen: unknown[] = [];
    stream.onStanza(({ attrs }) => { seen.push(attrs["id"]); });
    await expect.poll(() => seen).toEqual(["1"]);
    expect(stream.isOpen).toBe(true);
    await stream.close();
    const early = await kit.protectedServer(async (c) => {
      await openTcp(c, `${unasked}<message id='1'/>`);
      await c.closed;
    });
    await expect(kit.dial(early, "tls")).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
  });
});

function certificateOf(pem: string): Buffer {
  return Buffer.from(/-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(pem)?.[1] ?? "", "base64");
}
