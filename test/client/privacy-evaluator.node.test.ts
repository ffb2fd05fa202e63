/**
 * The evaluator against real servers: what a list does to a stanza there is what it says when it is asked for that server, and each deviation
 * that it knows is needed for that.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareJid, parseJid, type BareJid, type Jid } from "../../src/base/jid.js";
import { childElements, findChildren, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import type { JudgedKind, JudgedStanza, PrivacyRoster, PrivacyVerdict } from "../../src/client/privacy/evaluate.js";
import { privacyEvaluator, type PrivacyEvaluator } from "../../src/client/privacy/evaluator.js";
import { deviations, evaluateMeasured } from "../../src/client/privacy/measured.js";
import { nothingKnown } from "../../src/client/privacy/snapshot.js";
import { stanzaError } from "../../src/transport/stream/stanza-error.js";
import { stanzaKinds, type PrivacyRule, type PrivacySubscription } from "../../src/transport/xep/xep0016.js";
import { Component, stanza as componentStanza } from "../support/component.js";
import { servers, type PrivateServer } from "../support/servers.js";
import { settleAll, WirePeer, presenceTo, wireAccount } from "../support/wire-peer.js";

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
  { weight: 3, arbitrary: fc.constantFrom("Friends", "Team", "Nobody", mantua, `${mantua}/a`, `friend@${mantua}`, `friend@${mantua}/a`).map((group) => ({ kind: "group", group }) as const) },
  { weight: 3, arbitrary: fc.constantFrom("none", "to", "from", "both" as const).map((subscription) => ({ kind: "subscription", subscription }) as const) },
);
const rule: fc.Arbitrary<PrivacyRule> = fc.record({
  action: fc.constantFrom("allow", "deny"), match, kinds: fc.option(fc.subarray([...stanzaKinds], { minLength: 1 }), { nil: undefined }),
}).map(({ action, match: whom, kinds }) => ({ action, match: whom, ...(kinds === undefined ? {} : { kinds }) }));

/** A stanza of the test. `toBare`: to our bare address, not to our full one. */
interface TriedStanza extends JudgedStanza {
  readonly toBare: boolean;
}
const tried: fc.Arbitrary<TriedStanza> = fc.record({
  peer: fc.constantFrom(...peers), toBare: fc.boolean(),
  kind: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom<JudgedKind[]>("message", "message-out", "iq", "iq-out", "presence-in", "presence-in", "presence-out", "presence-out") },
    { weight: 1, arbitrary: fc.constantFrom<JudgedKind[]>("subscription-in", "subscription-out") },
  ),
});
const cases = fc.sample(fc.tuple(fc.array(rule, { minLength: 1, maxLength: 6 }), fc.array(tried, { minLength: stanzasPerList, maxLength: stanzasPerList })), { seed, numRuns: lists });

interface Tried { readonly id: string; readonly stanza: TriedStanza }

/** Peers that only a real account has: seen in a test of their own. */
const aboutOwn = ["own-resources", "own-server"];

const isSubscription = ({ kind }: JudgedStanza): boolean => kind === "subscription-in" || kind === "subscription-out";

describe.each(servers)("$make", ({ make, start }) => {
  let server: PrivateServer;
  let romeo: WirePeer;
  let component: Component;
  let roster: PrivacyRoster;
  let evaluate: PrivacyEvaluator;

  beforeAll(async () => {
    const secret = "nightingale";
    server = await start({ extraModules: ["privacy_lists"], components: [{ domain: mantua, secret }] });
    romeo = await WirePeer.connect(server, await wireAccount(server, "romeo"), { resource: "orchard" });
    component = await Component.connect({ port: server.ports.component as number, domain: mantua, secret, script: { onIq: () => undefined } });
    roster = await befriend();
    evaluate = privacyEvaluator({ getSnapshot: () => nothingKnown, roster, account: () => romeo.account });
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

  async function say({ id, stanza: { kind, peer, toBare } }: Tried): Promise<void> {
    const query = xml("jabber:iq:version", "query");
    const chat = xml("jabber:component:accept", "body", {}, id);
    const to = toBare ? romeo.account : romeo.jid;
    switch (kind) {
      case "message-out": await romeo.send(xml("jabber:client", "message", { id, type: "chat", to: peer })); break;
      case "iq-out": await romeo.send(xml("jabber:client", "iq", { id, type: "get", to: peer }, query)); break;
      case "presence-out": await romeo.send(xml("jabber:client", "presence", { id, to: peer })); break;
      case "subscription-out": await romeo.send(xml("jabber:client", "presence", { id, type: "subscribe", to: peer })); break;
      case "message": fromComponent("message", peer, to, { id, type: "chat" }, chat); break;
      case "iq": fromComponent("iq", peer, romeo.jid, { id, type: "get" }, query); break;
      case "presence-in": fromComponent("presence", peer, to, { id }); break;
      case "subscription-in": fromComponent("presence", peer, romeo.account, { id, type: "subscribe" }); break;
    }
  }

  /** The deviations without which the verdict would be another one. */
  const needed = (rules: readonly PrivacyRule[], stanza: JudgedStanza, { verdict }: PrivacyVerdict): readonly string[] => deviations
    .filter((each) => evaluateMeasured(rules, stanza, { server: make, roster, account: romeo.account }, deviations.filter((other) => other !== each)).verdict !== verdict)
    .map(({ id }) => id);
  const ofThisServer = deviations.filter((each) => each.servers.includes(make)).map(({ id }) => id);

  test(`${String(lists)} lists, ${String(lists * stanzasPerList)} stanzas: delivered is what the evaluator allows for this server (seed ${String(seed)})`, async () => {
    const seen = new Set<string>();
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
        stanza: isSubscription(stanza) ? { ...stanza, peer: jid(`new-${String(number)}-${String(i)}@${mantua}`) } : stanza,
      }));
      for (const each of all) await say(each);
      await settle();
      const arrived = new Set([...romeo.received, ...component.received].filter(({ attrs }) => attrs["type"] !== "error").map(({ attrs }) => attrs["id"]));
      // Servers write their own subscription stanzas: known by the address that occurs only once.
      const asked = new Set<string | undefined>([...romeo.received.map(({ attrs }) => attrs["from"]), ...component.received.filter(({ attrs }) => attrs["type"] === "subscribe").map(({ attrs }) => attrs["to"])]);
      for (const { id, stanza } of all) {
        const delivered = isSubscription(stanza) ? asked.has(stanza.peer) : arrived.has(id);
        const measured = evaluate(stanza, { rules, server: make });
        const specified = evaluate(stanza, { rules });
        if ((delivered ? "allow" : "deny") !== measured.verdict) wrong.push({ rules: JSON.stringify(rules), stanza: JSON.stringify(stanza), delivered, measured, specified });
        if (measured.verdict === specified.verdict) asSpecified++;
        for (const each of needed(rules, stanza, measured)) seen.add(each);
        if (!delivered) denied++;
      }
    }
    await romeo.lists.activate(undefined);
    expect(wrong.slice(0, 5)).toEqual([]);
    expect([...seen].sort()).toEqual(ofThisServer.filter((id) => !aboutOwn.includes(id)).sort());
    // Neither side wins by doing nothing.
    expect(denied).toBeGreaterThan(lists * stanzasPerList * 0.15);
    expect(denied).toBeLessThan(lists * stanzasPerList * 0.85);
    expect(asSpecified).toBeGreaterThan(lists * stanzasPerList * 0.8);
  });

  type Attempt = readonly [JudgedStanza, (id: string) => Promise<boolean>];
  /** Stanzas among the resources of the account, and to and from its server. */
  function amongOurselves(laptop: WirePeer): readonly Attempt[] {
    const said = (from: WirePeer, to: Jid, name: "message" | "iq" | "presence", by: WirePeer, counts: (stanza: XmlElement) => boolean = ({ attrs }) => attrs["type"] !== "error") => async (id: string): Promise<boolean> => {
      const type = { message: "chat", iq: "get", presence: undefined }[name];
      await from.send(xml("jabber:client", name, { id, to, type }, name === "iq" ? xml("jabber:iq:version", "query") : undefined));
      await settleAll(romeo, laptop);
      return by.received.some((stanza) => stanza.attrs["id"] === id && counts(stanza));
    };
    // The server's word for an address that does not exist comes if the list has stopped neither the message nor the answer. Prosody has the same word for both.
    const unknown = (stanza: XmlElement): boolean => stanzaError(stanza).details["condition"] === "item-not-found";
    const nowhere = jid(`${server.domain}/nowhere`);
    const domain = jid(server.domain);
    return [
      ...(["message", "iq", "presence"] as const).flatMap((name): readonly Attempt[] => [
        [{ kind: name === "presence" ? "presence-in" : name, peer: laptop.jid }, said(laptop, romeo.jid, name, romeo)],
        [{ kind: `${name}-out`, peer: laptop.jid }, said(romeo, laptop.jid, name, laptop)],
      ]),
      [{ kind: "message-out", peer: romeo.account }, said(romeo, romeo.account, "message", laptop)],
      [{ kind: "iq-out", peer: domain }, () => romeo.iq.request({ type: "get", to: domain, payload: xml("http://jabber.org/protocol/disco#info", "query") }).then(() => true, () => false)],
      ...(make === "ejabberd" ? ["message-out", "message"] as const : []).map((kind): Attempt => [{ kind, peer: nowhere }, said(romeo, nowhere, "message", romeo, unknown)]),
    ];
  }

  test("the own account and the own server are kept apart, or not, as the evaluator says for this server", async () => {
    const laptop = await WirePeer.connect(server, romeo.account, { resource: "laptop" });
    await settleAll(romeo, laptop);
    const seen = new Set<string>();
    const wrong: unknown[] = [];
    for (const [number, kinds] of [undefined, ...stanzaKinds.map((kind) => [kind])].entries()) {
      const rules: PrivacyRule[] = [{ action: "deny", match: { kind: "all" }, ...(kinds === undefined ? {} : { kinds }) }];
      await romeo.lists.put(`own-${String(number)}`, rules);
      await romeo.lists.activate(`own-${String(number)}`);
      for (const [i, [stanza, attempt]] of amongOurselves(laptop).entries()) {
        const delivered = await attempt(`own-${String(number)}-${String(i)}`);
        const measured = evaluate(stanza, { rules, server: make });
        if ((delivered ? "allow" : "deny") !== measured.verdict) wrong.push({ kinds, stanza, delivered });
        for (const each of needed(rules, stanza, measured)) seen.add(each);
      }
    }
    await romeo.lists.activate(undefined);
    await laptop.close();
    expect(wrong).toEqual([]);
    expect([...seen].filter((id) => aboutOwn.includes(id)).sort()).toEqual(ofThisServer.filter((id) => aboutOwn.includes(id)).sort());
  });
});
