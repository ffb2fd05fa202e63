/** Which token may be used with what, and who an installation is to the server: threat N20, XEP-0388 section 2.3. */
import { expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { systemRng } from "../../../src/base/rng.js";
import { utf8 } from "../../../src/base/bytes.js";
import { clientIdFor } from "../../../src/transport/auth/client-id.js";
import { chooseFastMechanism, usableToken, type FastToken } from "../../../src/transport/auth/fast.js";
import { ManualClock } from "../../support/memory-channel.js";

test("N20 a token is used until the moment in which it expires, with the mechanism that it was made for only", () => {
  const clock = new ManualClock();
  clock.advance(1_000);
  const token: FastToken = { mechanism: "HT-SHA-256-EXPR", secret: "s", clientId: "c" };
  const mechanism = { name: "HT-SHA-256-EXPR", binding: utf8("x") };
  expect([999, 1_000, 1_001].map((expiresAt) => usableToken({ ...token, expiresAt }, mechanism, clock))).toEqual([false, false, true]);
  expect([usableToken(token, mechanism, clock), usableToken({ ...token, mechanism: "HT-SHA-256-NONE" }, mechanism, clock), usableToken(token, undefined, clock)]).toEqual([true, false, false]);
});

test("N20 a token is bound to the channel as strongly as both sides can", () => {
  const offered = ["HT-SHA-256-NONE", "HT-SHA-256-ENDP", "HT-SHA-256-EXPR"];
  const choose = (bindings: readonly string[] | undefined, able = true): unknown =>
    chooseFastMechanism(offered, { mechanisms: [], bindings, strict: true }, { floor: "SCRAM-SHA-1", secure: true, binding: (type) => (able ? utf8(type) : undefined) })?.name;
  expect([choose(["tls-server-end-point", "tls-exporter"]), choose(["tls-server-end-point"]), choose(undefined), choose(["tls-exporter"], false)])
    .toEqual(["HT-SHA-256-EXPR", "HT-SHA-256-ENDP", "HT-SHA-256-NONE", "HT-SHA-256-NONE"]);
});

test("an installation is somebody else to the server of each of its accounts, and with each resource; without one it is new each time", async () => {
  const [romeo, juliet] = [bareJid("romeo@verona.example"), bareJid("juliet@capulet.example")];
  const id = (account: typeof romeo, resource?: string): Promise<string> => clientIdFor(account, resource, systemRng());
  const ids = await Promise.all([id(romeo, "r"), id(juliet, "r"), id(romeo, "s"), id(romeo), id(romeo)]);
  expect(new Set(ids).size).toBe(5);
  expect(await id(romeo, "r")).toBe(ids[0]);
  for (const each of ids) expect(each).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
