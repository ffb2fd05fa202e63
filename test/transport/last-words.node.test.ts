/** What the server says last is what counts, though it leaves in the same breath: threats N11, N17, N19. */
import { describe, expect, test } from "vitest";
import type { ScriptedConnection } from "../../src/testing/node/hostile-server.js";
import { hostileKit } from "../support/hostile-kit.js";
import { streamMachines } from "../support/stream-machines.js";
import { features, inlineBind, inlineFeatures, mechanisms, openTcp, sasl2Failure, startTls } from "../support/xmpp-script.js";

const failure = (condition: string): string => `<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><${condition}/></failure>`;
const streamError = (condition: string): string => `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`;
const leaving = [["an end tag", "</stream:stream>"], ["a stream error", streamError("policy-violation")]] as const;

describe.each(streamMachines)("over $machine", ({ create }) => {
  const kit = hostileKit(create);

  describe.each(leaving)("with %s behind it", (_, end) => {
    test.each([
      ["SASL", features(mechanisms("SCRAM-SHA-1")), "<auth", failure], ["SASL 2", inlineFeatures(["SCRAM-SHA-1"], inlineBind()), "</authenticate>", sasl2Failure],
    ] as const)("N17 a login refused by %s is a refused login, and not tried again as a lost connection", async (_name, offer, said, refuse) => {
      for (const [condition, code, retryable] of [["not-authorized", "ERR_AUTH_REJECTED", false], ["temporary-auth-failure", "ERR_AUTH_TEMPORARY", true]] as const) {
        const server = await kit.protectedServer(async (c) => {
          await openTcp(c, offer);
          await c.expect(said);
          await c.send(refuse(condition) + end);
        });
        expect(await kit.refusal(server, "tls")).toMatchObject({ code, retryable, details: { condition } });
      }
    });

    test("N01 TLS refused is the lack of a protected link", async () => {
      const server = await kit.serve({ kind: "tcp" }, async (c) => {
        await openTcp(c, features(startTls));
        await c.expect("<starttls");
        await c.send(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${end}`);
      });
      expect(await kit.refusal(server, "tcp")).toMatchObject({ code: "ERR_TLS_REQUIRED" });
    });
  });

  test("N19 a stream error that comes while the password is asked for is the reason", async () => {
    let connection: ScriptedConnection | undefined;
    const server = await kit.protectedServer(async (c) => {
      connection = c;
      await openTcp(c, features(mechanisms("SCRAM-SHA-1")));
      await c.closed;
    });
    const password = async (): Promise<string> => {
      await connection?.send(streamError("not-authorized"));
      return new Promise(() => undefined);
    };
    expect(await kit.refusal(server, "tls", { password })).toMatchObject({ code: "ERR_STREAM_ERROR", retryable: false, details: { condition: "not-authorized" } });
  });

  test("N19 a stream error right behind the features is the reason", async () => {
    const server = await kit.protectedServer(async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1")) + streamError("not-authorized")); });
    expect(await kit.refusal(server, "tls")).toMatchObject({ code: "ERR_STREAM_ERROR", details: { condition: "not-authorized" } });
  });
});
