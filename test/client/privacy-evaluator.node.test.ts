/** The evaluator against real servers: what a list does to a stanza there is what it says, but for the deviations that are listed. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareJid, parseJid, type BareJid, type Jid } from "../../src/base/jid.js";
import { childElements, findChildren, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import { evaluate, type PrivacyRoster } from "../../src/client/privacy/evaluate.js";
import { stanzaKinds, type PrivacyRule, type PrivacySubscription } from "../../src/transport/xep/xep0016.js";
import { Component, stanza as componentStanza } from "../support/component.js";
import { servers, type PrivateServer } from "../support/servers.js";
import { WirePeer, presenceTo, wireAccount } from "../support/wire-peer.js";
import { asMeasured, deviations, type TriedStanza } from "./privacy-deviations.js";

const lists = 220;
const stanzasPerList = 24;
const seed = Number(process.env["SOTTO_SEED"] ?? Date.now() % 1_000_000);

const mantua = "mantua.example";
const contacts: Readonly<Record<string, { readonly subscription: PrivacySubscription; readonly groups: readonly string[] } | undefined>> = {
  [`friend@${mantua}`]: { subscription: "both", groups: ["Friends"] },
  [`fan@${mantua}`]: { subscription: "from", groups: ["Team"] },
  [`idol@${mantua}`]: { subscription: "to", groups: ["Friends", "Team"] },
  [`listed@${mantua}`]: { subscription: "none", groups: ["Team"] },
  [`stranger@${mantua}`]: undefined,
};
const jid = (text: string): Jid => parseJid(text) as Jid;
const peers: readonly Jid[] = [...Object.keys(contacts).flatMap((bare) => [bare, `${bare}/a`, `${bare}/b`]), mantua, `${mantua}/a`, `${mantua}/gate`].map(jid);
/** Addresses that rules name: those of peers, one at another domain, and the own server's. */
const named: readonly Jid[] = [...peers, jid("elsewhere.example"), jid("verona.example"), jid(`nobody@${mantua}`)];

const match = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ kind: "all" } as const) },
  { weight: 6, arbitrary: fc.constantFrom(...named).map((each) => ({ kind: "jid", jid: each }) as const) },
  { weight: 3, arbitrary: fc.constantFrom("Friends", "Team", "Nobody", mantua, `friend@${mantua}`).map((group) => ({ kind: "group", group }) as const) },
  { weight: 3, arbitrary: fc.constantFrom("none", "to", "from", "both" as const).map((subscription) => ({ kind: "subscription", subscription }) as const) },
);
const rule: fc.Arbitrary<PrivacyRule> = fc.record({
  action: fc.constantFrom("allow", "deny"), match, kinds: fc.option(fc.subarray([...stanzaKinds], { minLength: 1 }), { nil: undefined }),
}).map(({ action, match: whom, kinds }) => ({ action, match: whom, ...(kinds === undefined ? {} : { kinds }) }));

const tried: fc.Arbitrary<TriedStanza> = fc.record({
  peer: fc.constantFrom(...peers), toBare: fc.boolean(),
  form: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom("message in", "message out", "iq in", "iq out", "presence in", "presence in", "presence out", "presence out") },
    { weight: 1, arbitrary: fc.constantFrom("subscription in", "subscription out") },
  ),
}).map(({ peer, form, toBare: bare }) => {
  const [what, direction] = form.split(" ") as [TriedStanza["what"], TriedStanza["direction"]];
  const kind = what === "presence" ? `presence-${direction}` as const : direction === "in" && what !== "subscription" ? what : "other";
  return { kind, what, direction, peer, ...(bare && direction === "in" && what !== "iq" ? { toBare: true } : {}) };
});
const cases = fc.sample(fc.tuple(fc.array(rule, { minLength: 1, maxLength: 6 }), fc.array(tried, { minLength: stanzasPerList, maxLength: stanzasPerList })), { seed, numRuns: lists });

interface Tried { readonly id: string; readonly stanza: TriedStanza }

describe.each(servers)("$make", ({ make, start }) => {
  let server: PrivateServer;
  let romeo: WirePeer;
  let component: Component;
  let roster: PrivacyRoster;

  beforeAll(async () => {
    const secret = "nightingale";
    server = await start({ extraModules: ["privacy_lists"], components: [{ domain: mantua, secret }] });
    romeo = await WirePeer.connect(server, await wireAccount(server, "romeo"), { resource: "orchard" });
    component = await Component.connect({ port: server.ports.component as number, domain: mantua, secret, script: { onIq: () => undefined } });
    roster = await befriend();
  });
  afterAll(async () => {
    await component.close();
    await romeo.close();
    await server.stop();
  });

  const fromComponent = (name: "message" | "iq" | "presence", from: string, to: string, attrs: Readonly<Record<string, string>> = {}, ...children: readonly XmlElement[]): void => {
    component.send(componentStanza(name, { from, to, ...attrs }, ...children));
  };
  let barriers = 0;
  /** Waits until everything that was said before is where it belongs, or is not going to be. */
  async function settle(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      const id = `barrier-${String(barriers++)}`;
      fromComponent("iq", `barrier@${mantua}`, server.domain, { type: "get", id }, xml("http://jabber.org/protocol/disco#info", "query"));
      await component.until(({ attrs }) => attrs["id"] === id);
      await romeo.settle();
    }
  }

  /** Brings the roster about, and reads it back as the server has it. */
  async function befriend(): Promise<PrivacyRoster> {
    for (const [address, contact] of Object.entries(contacts)) {
      if (contact === undefined) continue;
      const bare = bareJid(address);
      const groups = contact.groups.map((group) => xml("jabber:iq:roster", "group", {}, group));
      await romeo.iq.request({ type: "set", payload: xml("jabber:iq:roster", "query", {}, xml("jabber:iq:roster", "item", { jid: bare }, ...groups)) });
      if (contact.subscription === "to" || contact.subscription === "both") {
        await romeo.send(presenceTo(bare, "subscribe"));
        await settle();
        fromComponent("presence", bare, romeo.account, { type: "subscribed" });
      }
      if (contact.subscription === "from" || contact.subscription === "both") {
        fromComponent("presence", bare, romeo.account, { type: "subscribe" });
        await settle();
        await romeo.send(presenceTo(bare, "subscribed"));
      }
      await settle();
    }
    const answer = await romeo.iq.request({ type: "get", payload: xml("jabber:iq:roster", "query") });
    const items = childElements(answer as XmlElement).map((item) => [item.attrs["jid"], {
      subscription: item.attrs["subscription"] as PrivacySubscription, groups: findChildren(item, "jabber:iq:roster", "group").map(textOf).sort(),
    }] as const);
    const known = new Map<string | undefined, { readonly subscription: PrivacySubscription; readonly groups: readonly string[] }>(items);
    for (const [address, contact] of Object.entries(contacts)) expect([address, known.get(address)]).toEqual([address, contact]);
    return (contact: BareJid) => known.get(contact);
  }

  async function say({ id, stanza: { what, direction, peer, toBare: bare } }: Tried): Promise<void> {
    const query = xml("jabber:iq:version", "query");
    if (direction === "out") {
      const type = { message: "chat", iq: "get", presence: undefined, subscription: "subscribe" }[what];
      const name = what === "subscription" ? "presence" : what;
      await romeo.send(xml("jabber:client", name, { id, type, to: peer }, what === "iq" ? query : undefined));
      return;
    }
    const to = bare === true || what === "subscription" ? romeo.account : romeo.jid;
    if (what === "iq") fromComponent("iq", peer, to, { id, type: "get" }, query);
    else if (what === "message") fromComponent("message", peer, to, { id, type: "chat" }, xml("jabber:component:accept", "body", {}, id));
    else fromComponent("presence", peer, to, what === "subscription" ? { id, type: "subscribe" } : { id });
  }

  test(`${String(lists)} lists, ${String(lists * stanzasPerList)} stanzas: delivered is what the evaluator allows, but for the listed deviations (seed ${String(seed)})`, async () => {
    const seen = new Map<string, number>();
    const wrong: unknown[] = [];
    let asSpecified = 0;
    let denied = 0;
    for (const [number, [rules, stanzas]] of cases.entries()) {
      const name = `list-${String(number % 2)}`;
      await romeo.lists.put(name, rules);
      await romeo.lists.activate(name);
      romeo.take();
      component.received.length = 0;
      // Subscription stanzas change what they are about: each comes from, or goes to, somebody new.
      const all: readonly Tried[] = stanzas.map((stanza, i) => ({
        id: `s-${String(number)}-${String(i)}`,
        stanza: stanza.what === "subscription" ? { ...stanza, peer: jid(`new-${String(number)}-${String(i)}@${mantua}`) } : stanza,
      }));
      for (const each of all) await say(each);
      await settle();
      const arrived = new Set([...romeo.received, ...component.received].filter(({ attrs }) => attrs["type"] !== "error").map(({ attrs }) => attrs["id"]));
      // Servers write their own subscription stanzas: known by the address that occurs only once.
      const asked = new Set<string | undefined>([...romeo.received.map(({ attrs }) => attrs["from"]), ...component.received.filter(({ attrs }) => attrs["type"] === "subscribe").map(({ attrs }) => attrs["to"])]);
      for (const { id, stanza } of all) {
        const delivered = stanza.what === "subscription" ? asked.has(stanza.peer) : arrived.has(id);
        const measured = asMeasured(make, rules, stanza, roster, romeo.account);
        const specified = evaluate(rules, stanza, roster, romeo.account);
        if ((delivered ? "allow" : "deny") !== measured.verdict) wrong.push({ rules: JSON.stringify(rules), stanza: JSON.stringify(stanza), delivered, measured, specified });
        if (measured.verdict === specified.verdict) asSpecified++;
        else for (const id of measured.because) seen.set(id, (seen.get(id) ?? 0) + 1);
        if (!delivered) denied++;
      }
    }
    await romeo.lists.activate(undefined);
    expect(wrong.slice(0, 5)).toEqual([]);
    expect([...seen.keys()].sort()).toEqual(deviations.filter((each) => each.servers.includes(make)).map(({ id }) => id).sort());
    // Neither side wins by doing nothing.
    expect(denied).toBeGreaterThan(lists * stanzasPerList * 0.15);
    expect(denied).toBeLessThan(lists * stanzasPerList * 0.85);
    expect(asSpecified).toBeGreaterThan(lists * stanzasPerList * 0.8);
  });
});
