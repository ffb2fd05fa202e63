/** The evaluator that applications hold: drafts, lists that are not in force, and what servers were measured to do (threats V02). */
import { describe, expect, test } from "vitest";
import { bareJid, parseJid, type BareJid, type Jid } from "../../../src/base/jid.js";
import type { JudgedKind } from "../../../src/client/privacy/evaluate.js";
import { privacyEvaluator, type PrivacyEvaluator } from "../../../src/client/privacy/evaluator.js";
import { measuredServers, type MeasuredServer } from "../../../src/client/privacy/measured.js";
import { nothingKnown, type PrivacySnapshot } from "../../../src/client/privacy/snapshot.js";
import { stanzaKinds, type PrivacyRule, type PrivacySubscription, type StanzaKind } from "../../../src/transport/xep/xep0016.js";

const jid = (text: string): Jid => parseJid(text) as Jid;
const me = bareJid("juliet@example.org");
const tybalt = jid("tybalt@x.example/street");
const roster = (contact: BareJid): { subscription: PrivacySubscription; groups: readonly string[] } | undefined =>
  (contact === "friend@x.example" ? { subscription: "both", groups: ["Friends"] } : undefined);
const deny = (match: PrivacyRule["match"], ...kinds: StanzaKind[]): PrivacyRule => ({ action: "deny", match, ...(kinds.length === 0 ? {} : { kinds }) });
const all = { kind: "all" } as const;
const inForce: PrivacySnapshot = { state: "current", names: ["work", "home"], active: "work", contents: new Map([["work", { rules: [deny(all, "iq")], dropped: 0 }]]) };
const evaluatorOf = (snapshot: PrivacySnapshot = nothingKnown): PrivacyEvaluator => privacyEvaluator({ getSnapshot: () => snapshot, roster, account: () => me });

describe("a draft", () => {
  const evaluate = evaluatorOf(inForce);

  test("is judged instead of the list in force, by the same roster", () => {
    expect(evaluate({ kind: "iq", peer: tybalt })).toEqual({ verdict: "deny", rule: 0 });
    const rules = [deny({ kind: "group", group: "Friends" }), deny({ kind: "jid", jid: tybalt }, "message")];
    expect(evaluate({ kind: "iq", peer: tybalt }, { rules })).toEqual({ verdict: "allow" });
    expect(evaluate({ kind: "message", peer: tybalt }, { rules })).toEqual({ verdict: "deny", rule: 1 });
    expect(evaluate({ kind: "iq", peer: jid("friend@x.example/y") }, { rules })).toEqual({ verdict: "deny", rule: 0 });
    expect(evaluate({ kind: "message", peer: jid("juliet@example.org/other") }, { rules: [deny(all)] })).toEqual({ verdict: "allow" });
  });

  test("is judged offline, too, when nothing is known of the list in force", () => {
    for (const state of ["unknown", "unsupported"] as const) {
      const offline = evaluatorOf({ ...inForce, state });
      expect(offline({ kind: "iq", peer: tybalt })).toBeUndefined();
      expect(offline({ kind: "iq", peer: tybalt }, { server: "prosody" })).toBeUndefined();
      expect(offline({ kind: "iq", peer: tybalt }, { rules: [deny(all)] }).verdict).toBe("deny");
    }
  });

  test("may be empty, and lets everything pass then", () => {
    expect(evaluate({ kind: "iq", peer: tybalt }, { rules: [] })).toEqual({ verdict: "allow" });
  });

  test("V02 is checked as if it were written: an address in another spelling is the same one, and what is no rule is refused", () => {
    const spelled = { action: "deny", match: { kind: "jid", jid: "TYBALT@X.example" } } as unknown as PrivacyRule;
    expect(evaluate({ kind: "iq", peer: tybalt }, { rules: [spelled] })).toEqual({ verdict: "deny", rule: 0 });
    const refused = (options: object, kind: string = "iq"): unknown => {
      try { return evaluate({ kind: kind as JudgedKind, peer: tybalt }, options); } catch (error) { return (error as { code?: string }).code; }
    };
    for (const rules of ["work", {}, null, [{ action: "drop", match: all }], [deny(all, "presence" as StanzaKind)]]) expect(refused({ rules })).toBe("ERR_INVALID_ARGUMENT");
    expect(refused({ rules: [deny({ kind: "jid", jid: "a@b@c" as Jid })] })).toBe("ERR_INVALID_JID");
    expect([refused({ server: "openfire" }), refused({}, "presence"), refused({}, "other")]).toEqual(["ERR_INVALID_ARGUMENT", "ERR_INVALID_ARGUMENT", "ERR_INVALID_ARGUMENT"]);
  });
});

describe("as measured", () => {
  const evaluate = evaluatorOf();
  /** By the specification, on Prosody and on ejabberd: d for deny. */
  const verdicts = (rule: PrivacyRule, kind: JudgedKind, peer: Jid = tybalt): string => [undefined, ...measuredServers]
    .map((server) => evaluate({ kind, peer }, { rules: [rule], ...(server === undefined ? {} : { server }) }).verdict[0]).join("");

  test("the list in force is judged for a server, too", () => {
    const current = evaluatorOf(inForce);
    const outgoing = (server?: MeasuredServer): unknown => current({ kind: "iq-out", peer: tybalt }, server === undefined ? {} : { server });
    expect([outgoing(), outgoing("prosody"), outgoing("ejabberd")]).toEqual([{ verdict: "allow" }, { verdict: "deny", rule: 0 }, { verdict: "allow" }]);
  });

  test("Prosody stops messages and requests that go out, by rules about those that come in", () => {
    expect([verdicts(deny(all, "message"), "message"), verdicts(deny(all, "message"), "message-out"), verdicts(deny(all, "iq"), "iq-out")]).toEqual(["ddd", "ada", "ada"]);
    expect([verdicts(deny(all, "iq"), "message-out"), verdicts(deny(all, "message"), "iq-out"), verdicts(deny(all), "message-out")]).toEqual(["aaa", "aaa", "ddd"]);
  });

  test("Prosody stops subscription stanzas by rules about presence; ejabberd none that go out", () => {
    expect([verdicts(deny(all, "presence-in"), "subscription-in"), verdicts(deny(all, "presence-out"), "subscription-out")]).toEqual(["ada", "ada"]);
    expect([verdicts(deny(all, "presence-out"), "subscription-in"), verdicts(deny(all, "presence-in"), "subscription-out")]).toEqual(["aaa", "aaa"]);
    expect([verdicts(deny(all), "subscription-in"), verdicts(deny(all), "subscription-out")]).toEqual(["ddd", "dda"]);
  });

  test("domain/resource is that resource of everybody there, on both", () => {
    const rule = deny({ kind: "jid", jid: jid("x.example/street") });
    expect([verdicts(rule, "iq"), verdicts(rule, "iq", jid("x.example/street")), verdicts(rule, "iq", jid("tybalt@x.example/home")), verdicts(rule, "iq", jid("tybalt@x.example"))])
      .toEqual(["add", "ddd", "aaa", "aaa"]);
  });

  test("Prosody takes a group that is named like an address for that address", () => {
    for (const group of ["tybalt@x.example", "x.example", "x.example/street"]) expect([group, verdicts(deny({ kind: "group", group }), "iq")]).toEqual([group, "ada"]);
    for (const group of ["tybalt@x.example/street", "y.example"]) expect([group, verdicts(deny({ kind: "group", group }), "iq")]).toEqual([group, "aaa"]);
  });

  test("ejabberd keeps the account's resources apart, and never judges what goes to its own server or comes from it", () => {
    for (const kind of stanzaKinds) {
      expect([verdicts(deny(all), kind, jid("juliet@example.org/laptop")), verdicts(deny(all), kind, me)]).toEqual(["aad", "aaa"]);
      expect([verdicts(deny(all), kind, jid("example.org")), verdicts(deny(all), kind, jid("example.org/x")), verdicts(deny(all), kind, jid("romeo@example.org"))]).toEqual(["dda", "dda", "ddd"]);
    }
  });
});
