/** Where tokens are kept and how long that takes, and what happens between the success of SASL 2 and the first listener: threats N15, N19, N20, Q21. */
import { describe, expect, test } from "vitest";
import { systemClock, type Clock } from "../../src/base/clock.js";
import { parseJid, type FullJid } from "../../src/base/jid.js";
import { createClient } from "../../src/client/create-client.js";
import { memoryStore } from "../../src/storage/memory.js";
import type { HostileServer, ScriptedConnection } from "../../src/testing/node/hostile-server.js";
import type { FastToken, FastTokens } from "../../src/transport/auth/fast.js";
import { StreamSession } from "../../src/transport/stream/stream-session.js";
import { goodbye, hostileKit } from "../support/hostile-kit.js";
import { streamMachines } from "../support/stream-machines.js";
import { account, bindFeature, features, inlineBind, inlineFast, inlineFeatures, inlineSm, openTcp, password, sasl2Failure, sasl2Success, scram2, tokenProof } from "../support/xmpp-script.js";

const sm = "urn:xmpp:sm:3";
const issue = "<token xmlns='urn:xmpp:fast:0' token='secret-token:two' expiry='2099-01-01T00:00:00Z'/>";
const bound = `<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='${sm}' id='inline-id' resume='1' max='600'/></bound>`;
const offer = inlineFeatures(["SCRAM-SHA-1"], inlineSm + inlineBind(sm) + inlineFast("HT-SHA-256-NONE"));
const after = features(bindFeature);

/** A place for the token that is not done before the test says so. */
class SlowTokens implements FastTokens {
  saved: FastToken | undefined;
  settle: (failure?: Error) => void = () => undefined;
  load(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
  save(token: FastToken): Promise<void> {
    this.saved = token;
    return new Promise((resolve, reject) => { this.settle = (failure) => { if (failure === undefined) resolve(); else reject(failure); }; });
  }
  drop(): Promise<void> {
    return Promise.resolve();
  }
}

/** Says when to be `hasty`: the next deadline has come then as soon as it is set. */
class HastyClock implements Clock {
  hasty = false;
  now = (): number => systemClock.now();
  monotonic = (): number => systemClock.monotonic();
  schedule = (delayMs: number, task: () => void): (() => void) => {
    const cancel = systemClock.schedule(this.hasty ? 0 : delayMs, task);
    this.hasty = false;
    return cancel;
  };
}

describe.each(streamMachines)("over $machine", ({ create }) => {
  const kit = hostileKit(create);
  const serve = (inside: string, behind: string, then: (c: ScriptedConnection) => Promise<void>): Promise<HostileServer> => kit.protectedServer(async (c) => {
    await openTcp(c, offer);
    await scram2(c, (proof) => sasl2Success(proof, inside + issue, inside === bound ? `${account}/x` : account) + behind);
    await then(c);
  });

  test("N20 nobody waits for the token: it is handed over, and a store that fails later is reported and ends nothing", async () => {
    const tokens = new SlowTokens();
    const failures: unknown[] = [];
    const stream = await kit.dial(await serve(bound, after, goodbye), "tls", { tokens, onListenerError: (error) => { failures.push(error); } });
    expect(tokens.saved?.secret).toBe("secret-token:two");
    tokens.settle(new Error("the disk is full"));
    await expect.poll(() => failures).toHaveLength(1);
    expect(stream.isOpen).toBe(true);
    await stream.close();
  });

  test("N19 N20 a place for tokens that never answers costs the token, not the login, and an abort ends the wait", async () => {
    const never = (): Promise<never> => new Promise(() => undefined);
    const failures: unknown[] = [];
    const clock = new HastyClock();
    const tokens = Object.assign(new SlowTokens(), { load: () => { clock.hasty = true; return never(); } });
    const stream = await kit.dial(await serve(bound, after, goodbye), "tls", { tokens, clock, onListenerError: (error) => { failures.push(error); } });
    expect([failures, kit.asked]).toMatchObject([[{ code: "ERR_CONNECT_TIMEOUT" }], 1]);
    await stream.close();
    const controller = new AbortController();
    const aborted = kit.dial(await serve(bound, after, goodbye), "tls", { tokens: Object.assign(tokens, { load: () => { controller.abort(); return never(); } }), signal: controller.signal });
    await expect(aborted).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(kit.asked).toBe(0); // nobody types a password for a login that was given up
  });

  test("N19 N20 a refused token that cannot be dropped costs no login", async () => {
    const token: FastToken = { mechanism: "HT-SHA-256-NONE", secret: "old", clientId: "d1b9c7b0-5f5e-4c6e-9c35-0d4f6a1c2b3d" };
    const clock = new HastyClock();
    const tokens = Object.assign(new SlowTokens(), { load: () => Promise.resolve(token), drop: () => { clock.hasty = true; return new Promise<never>(() => undefined); } });
    const server = await kit.protectedServer(async (c) => {
      await openTcp(c, offer);
      await c.expect(/<authenticate [^>]*mechanism="HT-SHA-256-NONE".*?<\/authenticate>/);
      await c.send(sasl2Failure("not-authorized"));
      await scram2(c, (proof) => sasl2Success(proof, bound, `${account}/x`) + after);
      await goodbye(c);
    });
    const stream = await kit.dial(server, "tls", { tokens, clock });
    expect(kit.asked).toBe(1);
    await stream.close();
  });

  test.each([["a password", undefined], ["a token", { mechanism: "HT-SHA-256-NONE", secret: "old", clientId: "d1b9c7b0-5f5e-4c6e-9c35-0d4f6a1c2b3d" }]])("N15 a session with more stanzas waiting than may lie unread is resumed within the login by %s", async (_, token) => {
    const waiting = Array.from({ length: 1_500 }, (_each, i) => `<message from='juliet@verona.example/x' id='${String(i)}'/>`).join("");
    const resumed = `<resumed xmlns='${sm}' h='7' previd='old-id'/>`;
    const server = await (token === undefined ? serve(resumed, after + waiting, goodbye) : kit.protectedServer(async (c) => {
      await openTcp(c, offer);
      await c.expect(/<authenticate [^>]*mechanism="HT-SHA-256-NONE".*?<\/authenticate>/);
      await c.send(sasl2Success(tokenProof(token.secret, "Responder").toString("base64"), resumed) + after + waiting);
      await goodbye(c);
    }));
    const session = StreamSession.restore({ id: "old-id", jid: parseJid(`${account}/old`) as FullJid, inbound: 3 });
    const tokens = Object.assign(new SlowTokens(), { load: () => Promise.resolve(token) });
    const stream = await kit.dial(server, "tls", { resume: session, tokens });
    let count = 0;
    stream.onStanza(() => { count++; });
    await expect.poll(() => count).toBe(1_500);
    expect(kit.asked).toBe(token === undefined ? 1 : 0);
    await stream.close();
  });

  test("N19 Q21 a client whose link breaks there tries again, and can be closed", async () => {
    const server = await serve(bound, after, (c) => { c.close(); return Promise.resolve(); });
    const store = memoryStore();
    const commit = store.commit.bind(store);
    store.commit = async (...change) => {
      await new Promise((resolve) => { setTimeout(resolve, 20); });
      await commit(...change);
    };
    const client = await createClient({ account, password, service: `xmpps://127.0.0.1:${String(server.port)}`, store, tls: { ca: kit.authority.ca } });
    await expect.poll(() => server.connections, { timeout: 10_000 }).toBeGreaterThan(1);
    await client.close();
    expect(client.status.getSnapshot().kind).toBe("closed");
  });
});
