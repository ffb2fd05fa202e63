/** Parts whose answers are made in the tab: a presence policy's effects, privacy lists changed by a function. */
import { expect, test } from "vitest";
import type { Jid } from "../../../src/base/jid.js";
import type { PrivacySnapshot } from "../../../src/client/privacy/snapshot.js";
import { sameRules } from "../../../src/client/privacy/replace.js";
import { ObservableValue } from "../../../src/base/events.js";
import { TransportError } from "../../../src/transport/errors.js";
import type { PrivacyRule } from "../../../src/transport/xep/xep0016.js";
import { juliet, testWorld, when } from "../../support/facade-world.js";
import { rosterItem } from "../../support/people-server.js";

test("what a policy lets contacts see is known in every tab at once; of others, once somebody has asked", async () => {
  const there = testWorld({ autoConnect: true });
  there.server.roster.set("tybalt@verona.example", rosterItem("tybalt@verona.example"));
  const [{ client, host }, { client: second }] = [await there.open(), await there.tab()];
  await client.ready();
  expect(client.presence.effective(juliet)).toBeUndefined();
  const rules = { contacts: { "tybalt@verona.example": "offline" }, others: "available" } as const;
  await client.presence.policy(rules, { withoutPrivacyLists: "degrade" });
  expect(client.presence.effective(juliet)).toEqual(host.client.presence.effective(juliet));
  expect(client.presence.effective("tybalt@verona.example")).toMatchObject({ level: "offline", why: { kind: "contact" } });
  await when(second.presence, () => second.presence.effective(juliet) !== undefined);
  expect(second.presence.effective("tybalt@verona.example")).toMatchObject({ level: "offline" });
  const stranger = "paris@verona.example";
  expect(client.presence.effective(stranger)).toBeUndefined();
  await when(client.presence, () => client.presence.effective(stranger) !== undefined);
  expect(client.presence.effective(stranger)).toEqual(host.client.presence.effective(stranger));
  await client.presence.set({ show: "dnd" });
  expect(client.presence.effective(juliet)).toEqual(host.client.presence.effective(juliet));
  await client.presence.policy(undefined);
  expect(client.presence.effective(juliet)).toBeUndefined();
});

/** The lists of an account as the client has them. */
class Lists {
  readonly snapshot = new ObservableValue<PrivacySnapshot>({ state: "current", names: ["l"], contents: new Map() });
  rules: readonly PrivacyRule[] = [{ action: "deny", match: { kind: "jid", jid: juliet as Jid } }];
  replaced = 0;
  getSnapshot = this.snapshot.getSnapshot;
  subscribe = this.snapshot.subscribe;
  get = (): Promise<{ readonly rules: readonly PrivacyRule[]; readonly dropped: number }> => Promise.resolve({ rules: this.rules, dropped: 0 });
  replace = async (name: string, change: (rules: readonly PrivacyRule[]) => readonly PrivacyRule[]): Promise<{ readonly name: string }> => {
    const rules = typeof change === "function" ? change(this.rules) : change;
    this.replaced += 1;
    this.rules = rules;
    return Promise.resolve({ name: `${name}~1` });
  };
}

test("V02 privacyLists.replace() runs its function in the tab, and what it made is taken only for the rules that it saw", async () => {
  const there = testWorld();
  const { client, host } = await there.open();
  const lists = new Lists();
  host.client.privacyLists = () => Promise.resolve(lists as never);
  const remote = await client.privacyLists();
  const allow: PrivacyRule = { action: "allow", match: { kind: "all" } };
  const seen: number[] = [];
  const result = await remote.replace("l", (rules) => {
    seen.push(rules.length);
    // Another client edits the list meanwhile, the first two times.
    if (seen.length <= 2) lists.rules = [...lists.rules, allow];
    return [...rules, { action: "deny", match: { kind: "group", group: "foes" } }];
  });
  expect(result).toEqual({ name: "l~1" });
  expect(seen).toEqual([1, 2, 3]);
  expect(lists.replaced).toBe(1);
  expect(sameRules(lists.rules.slice(0, 3), [{ action: "deny", match: { kind: "jid", jid: juliet as Jid } }, allow, allow])).toBe(true);

  const failing = remote.replace("l", (rules) => {
    lists.rules = [...lists.rules, allow];
    return rules;
  });
  await expect(failing).rejects.toMatchObject({ name: "TransportError", code: "ERR_PRIVACY_LIST_CHANGED", retryable: true });
  await expect(remote.replace("l", () => { throw new TransportError("ERR_PRIVACY_LIST_UNKNOWN", "as the application says"); })).rejects.toMatchObject({ message: "as the application says" });
  expect(lists.replaced).toBe(1);
  await remote.replace("l", [allow]);
  expect(lists.rules).toEqual([allow]);
});

test("privacyLists.replace() needs the name of a list, as without tabs: what is none is not taken for one", async () => {
  const { client, host } = await testWorld().open();
  const rules: readonly PrivacyRule[] = [{ action: "allow", match: { kind: "all" } }];
  for (const each of [client, host.client]) {
    await expect((await each.privacyLists()).replace(undefined as never, rules)).rejects.toMatchObject({ name: "UsageError", code: "ERR_INVALID_ARGUMENT" });
  }
});

test("privacyLists.evaluate() judges in the tab by the mirrored lists and roster", async () => {
  const there = testWorld();
  const { client, host } = await there.open();
  const lists = new Lists();
  host.client.privacyLists = () => Promise.resolve(lists as never);
  const remote = await client.privacyLists();
  const stanza = { kind: "message", peer: juliet } as const;
  expect(remote.evaluate(stanza)).toEqual({ verdict: "allow" });
  lists.snapshot.set({ state: "current", names: ["l"], active: "l", contents: new Map([["l", { rules: lists.rules, dropped: 0 }]]) });
  await when(remote, () => remote.getSnapshot().active === "l");
  expect(remote.evaluate(stanza)).toEqual({ verdict: "deny", rule: 0 });
  // A list that is not in force, fetched first; and a draft as a server would take it.
  expect(remote.evaluate(stanza, { rules: [{ action: "allow", match: { kind: "all" } }] })).toEqual({ verdict: "allow", rule: 0 });
  const draft: PrivacyRule[] = [{ action: "deny", match: { kind: "all" }, kinds: ["message"] }];
  const outgoing = { kind: "message-out", peer: juliet } as const;
  expect([remote.evaluate(outgoing, { rules: draft }).verdict, remote.evaluate(outgoing, { rules: draft, server: "prosody" }).verdict]).toEqual(["allow", "deny"]);
  lists.snapshot.set({ state: "unknown", names: [], contents: new Map() });
  await when(remote, () => remote.getSnapshot().state === "unknown");
  expect(remote.evaluate(stanza)).toBeUndefined();
});
