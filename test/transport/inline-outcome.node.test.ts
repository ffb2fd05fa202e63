/** What is asked for within a login of SASL 2, and what is made of the server's word about it: threats N11, N14, N20, Q11, Q12. The login itself: inline-login.node.test.ts. */
import { describe, expect, test } from "vitest";
import { parseJid, type FullJid } from "../../src/base/jid.js";
import type { HostileServer } from "../../src/testing/node/hostile-server.js";
import type { FastToken, FastTokens } from "../../src/transport/auth/fast.js";
import type { ConnectOptions } from "../../src/transport/connection/connect-options.js";
import { StreamSession } from "../../src/transport/stream/stream-session.js";
import { goodbye, hostileKit } from "../support/hostile-kit.js";
import { account, bindFeature, features, inlineBind, inlineFast, inlineFeatures, inlineSm, openTcp, sasl2, sasl2Failure, sasl2Success, scram2 } from "../support/xmpp-script.js";

const sm = "urn:xmpp:sm:3";
const offering = (inline: string): string => inlineFeatures(["SCRAM-SHA-1"], inline);
const after = features(bindFeature, `<sm xmlns='${sm}'/>`);
const session = (): StreamSession => StreamSession.restore({ id: "old-id", jid: parseJid(`${account}/old`) as FullJid, inbound: 3 });
const kit = hostileKit();

describe("what is asked for", () => {
  const token = inlineFast("HT-SHA-256-NONE");
  const other = `<bind xmlns='urn:xmpp:bind:0'><inline><other var='${sm}'/></inline></bind>`;

  test.each<[string, string, Partial<ConnectOptions>, string]>([
    ["N20 no token where nobody keeps one", offering(inlineSm + inlineBind(sm) + token), {}, "urn:xmpp:fast:0"],
    ["Q12 no session of a server that does not resume in here: its id is a secret", offering(inlineBind(sm)), { resume: session() }, "old-id"],
    ["no stream management against the application's will", offering(inlineSm + inlineBind(sm)), { stream: { enable: false } }, "<enable"],
    ["no stream management where nothing is offered with the binding", offering(inlineSm + inlineBind()), {}, "<enable"],
    ["no stream management where something else is offered with the binding", offering(inlineSm + inlineBind("urn:xmpp:carbons:2")), {}, "<enable"],
    ["no stream management where what names it is no feature", offering(inlineSm + other), {}, "<enable"],
    ["no binding where it is not offered", offering(inlineSm), {}, "urn:xmpp:bind:0"],
  ])("%s", async (_, offer, over, absent) => {
    const asked: string[] = [];
    const server = await kit.protectedServer(async (c) => {
      await openTcp(c, offer);
      asked.push((await c.expect(/<authenticate .*?<\/authenticate>/))[0]);
      await c.send(sasl2Failure("temporary-auth-failure"));
    });
    expect(await kit.refusal(server, "tls", over)).toMatchObject({ code: "ERR_AUTH_TEMPORARY" });
    expect(asked[0]).toContain("urn:xmpp:sasl:2");
    expect(asked[0]).not.toContain(absent);
  });

  test("names of mechanisms may stand between white space", async () => {
    const server = await kit.protectedServer(async (c) => {
      await openTcp(c, inlineFeatures(["\n  SCRAM-SHA-1\n"], inlineBind(sm)));
      await c.expect(/<authenticate [^>]*mechanism="SCRAM-SHA-1"/);
      await c.send(sasl2Failure("temporary-auth-failure"));
    });
    expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_AUTH_TEMPORARY" });
  });
});

describe("what the server says", () => {
  const answering = (inside: string, address: string): Promise<HostileServer> => kit.protectedServer(async (c) => {
    await openTcp(c, offering(inlineSm + inlineBind(sm)));
    await scram2(c, (proof) => sasl2Success(proof, inside, address) + after);
    await goodbye(c);
  });

  test.each([["resource-constraint", "wait", true], ["conflict", "cancel", true], ["not-allowed", "cancel", false]])(
    "N14 a binding that is refused for %s is a failed attempt, and nothing else is tried in its place", async (condition, type, retryable) => {
      const refused = `<failed xmlns='urn:xmpp:bind:0'><error xmlns='jabber:client' type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></failed>`;
      expect(await kit.refusal(await answering(refused, account), "tls")).toMatchObject({ code: "ERR_BIND_FAILED", retryable, details: { condition } });
    },
  );

  test.each(["", account, "@", "verona.example"])("N14 who is bound has a full address of the account, which %j is not", async (address) => {
    const error = await kit.refusal(await answering("<bound xmlns='urn:xmpp:bind:0'/>", address), "tls");
    expect(error.code).toMatch(/^ERR_(?:STREAM_PROTOCOL|BIND_FOREIGN)$/);
  });

  test("Q11 stream management that is refused is not asked for once more", async () => {
    const stream = await kit.dial(await answering(`<bound xmlns='urn:xmpp:bind:0'><failed xmlns='${sm}'/></bound>`, `${account}/x`), "tls");
    expect(stream.start).toEqual({ kind: "unmanaged" });
    await stream.close();
  });

  test("N20 a refused token is gone before the next one is kept, however long that takes", async () => {
    const log: string[] = [];
    const token: FastToken = { mechanism: "HT-SHA-256-NONE", secret: "secret-token:one", clientId: "d4565fa7-4d72-4749-b3d3-740edbf87770" };
    const done = (what: string, ms: number): Promise<void> => new Promise((resolve) => { setTimeout(() => { log.push(what); resolve(); }, ms); });
    const tokens: FastTokens = { load: () => Promise.resolve(token), save: () => done("save", 0), drop: () => done("drop", 300) };
    const server = await kit.protectedServer(async (c) => {
      await openTcp(c, offering(inlineBind(sm) + inlineFast("HT-SHA-256-NONE")));
      await c.expect("</authenticate>");
      await c.send(sasl2Failure("credentials-expired"));
      await scram2(c, (proof) => sasl2Success(proof, `<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='${sm}' id='x'/></bound><token xmlns='urn:xmpp:fast:0' token='secret-token:two'/>`, `${account}/x`) + after);
      await goodbye(c);
    });
    await (await kit.dial(server, "tls", { tokens })).close();
    await expect.poll(() => log).toEqual(["drop", "save"]);
  });

  test("N11 a challenge in answer to a token is out of order, and says nothing about the token", async () => {
    const dropped: string[] = [];
    const token: FastToken = { mechanism: "HT-SHA-256-NONE", secret: "secret-token:one", clientId: "d4565fa7-4d72-4749-b3d3-740edbf87770" };
    const tokens: FastTokens = { load: () => Promise.resolve(token), save: () => Promise.resolve(), drop: () => { dropped.push("drop"); return Promise.resolve(); } };
    const server = await kit.protectedServer(async (c) => {
      await openTcp(c, offering(inlineBind(sm) + inlineFast("HT-SHA-256-NONE")));
      await c.expect("</authenticate>");
      await c.send(sasl2("challenge", "x"));
    });
    expect(await kit.refusal(server, "tls", { tokens })).toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "sasl-order" } });
    expect([dropped, kit.asked]).toEqual([[], 0]);
  });
});
