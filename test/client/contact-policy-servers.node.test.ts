/**
 * The contact policy on real servers, by the clock of the client: groups, people, times of day, each as it is when the message comes. Threats V03.
 * Not here: strangers and blocks (strangers.node.test.ts); every rule by itself (test/unit/client/contact-policy.test.ts).
 */
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type Clock, systemClock } from "../../src/base/clock.js";
import type { BareJid, Jid } from "../../src/base/jid.js";
import { xml, type XmlElement } from "../../src/base/xml.js";
import type { SottoClient } from "../../src/client/client.js";
import type { ContactRules } from "../../src/client/contact-policy/types.js";
import type { ClientEvent } from "../../src/client/events.js";
import { receiptRequest } from "../../src/transport/xep/xep0184.js";
import { clientStage } from "../support/client-stage.js";
import { befriend, dial } from "../support/policy-stage.js";
import { servers } from "../support/servers.js";
import { messageTo } from "../support/wire-peer.js";

const soon = (): AbortSignal => AbortSignal.timeout(30_000);

/** The machine's time for every timeout, and a wall that the test hangs up. */
class WallClock implements Clock {
  readonly monotonic = (): number => systemClock.monotonic();
  readonly schedule = (...call: Parameters<Clock["schedule"]>): (() => void) => systemClock.schedule(...call);
  #now = 0;
  now(): number { return this.#now; }
  /** It is `time` in Rome, in winter. */
  set(time: string): void { this.#now = Date.parse(`2027-01-${time}:00+01:00`); }
}

const night = { from: "22:00", until: "07:00", timeZone: "Europe/Rome" };

describe.each(servers)("$make", ({ start }) => {
  const stage = clientStage(() => start());
  async function login(jid: BareJid, options?: { readonly clock: Clock }): Promise<SottoClient> {
    const client = await stage.login(jid, options);
    await client.ready({ signal: soon() });
    return client;
  }
  /** Juliet, whose clock is the test's, and people who see her presence, each in these groups. */
  async function scene<N extends string>(people: Readonly<Record<N, readonly string[]>>, rules: (jid: (name: N) => BareJid) => ContactRules) {
    const jid = await stage.account("juliet");
    const names = Object.keys(people) as N[];
    const jids = new Map<N, BareJid>();
    for (const name of names) {
      jids.set(name, await stage.account(name));
      await befriend(stage.server, jid, jids.get(name) as BareJid, people[name]);
    }
    const clock = new WallClock();
    clock.set("05T12:00");
    const juliet = await login(jid, { clock });
    const events: ClientEvent[] = [];
    juliet.onEvent((event) => { events.push(event); });
    const of = (name: N): BareJid => jids.get(name) as BareJid;
    const policy = await juliet.contactPolicy();
    await policy.set(rules(of));
    const others = new Map<N, SottoClient>();
    for (const name of names) others.set(name, await login(of(name)));
    const conversation = (name: N): ReturnType<SottoClient["conversation"]> => (others.get(name) as SottoClient).conversation(jid);
    /** Whoever may learn it learns that it has come; of the others it is known by what comes after it. */
    const tell = (name: N, text: string, reached: "sent" | "delivered" = "delivered"): Promise<unknown> => conversation(name).send({ text }).reached(reached, { signal: soon() });
    const heard = async (): Promise<readonly string[]> => (await juliet.history()).map(({ text, attention }) => `${text} ${String(attention)}`);
    /** How far the messages of `name` have come, as far as he knows. */
    const delivered = async (name: N): Promise<readonly (string | undefined)[]> => (await (others.get(name) as SottoClient).history()).map(({ delivery }) => delivery?.state);
    return { juliet, policy, clock, events, of, tell, heard, delivered, jid };
  }

  /** Somebody without a client, who asks for receipts. */
  async function stranger(juliet: SottoClient): Promise<{ readonly jid: BareJid; readonly ask: () => Promise<void>; readonly back: () => Promise<readonly string[]> }> {
    const status = juliet.status.getSnapshot();
    if (status.kind !== "online") throw new RangeError("not online");
    const jid = await stage.account("paris");
    const { stream, iq } = await dial(stage.server, jid, "wire");
    const back: string[] = [];
    stream.onStanza(({ name, attrs }) => { if (attrs["from"]?.startsWith(juliet.device.jid) === true) back.push(name); });
    await stream.send(xml("jabber:client", "presence"));
    const asking = (to: Jid): XmlElement => {
      const message = messageTo(to, randomUUID());
      return { ...message, children: [...message.children, receiptRequest()] };
    };
    return {
      jid,
      ask: async () => { for (const to of [juliet.device.jid, status.jid]) await stream.send(asking(to)); },
      back: async () => {
        await iq.request({ type: "get", payload: xml("http://jabber.org/protocol/disco#info", "query") });
        await stream.close();
        return back;
      },
    };
  }

  test("V03 who disturbs and when: attention follows the clock, the group, and another client's change of the group", async () => {
    const { juliet, clock, of, tell, heard, jid } = await scene({ sister: ["Family"], mercutio: ["Work"], tybalt: ["Work", "Quarrel"], benvolio: ["Work"] }, () => ({
      contacts: { message: [{ between: night, then: "quiet" }, { then: "notify" }] },
      groups: { Family: { message: "notify" }, Quarrel: { message: "quiet" } },
    }));
    const say = async (time: string, name: Parameters<typeof tell>[0], text: string): Promise<void> => {
      clock.set(time);
      await tell(name, text);
    };
    await say("05T21:59", "mercutio", "evening");
    await say("05T22:00", "mercutio", "night");
    await say("05T23:00", "sister", "a sister may");
    await say("06T06:59", "mercutio", "still night");
    await say("06T07:00", "mercutio", "morning");
    await say("06T12:00", "tybalt", "the stricter of two groups");
    expect(await heard()).toEqual(["evening notify", "night quiet", "a sister may notify", "still night quiet", "morning notify", "the stricter of two groups quiet"]);

    // Another client moves him: from the push on he is family.
    const { stream, iq } = await dial(stage.server, jid, "other");
    const item = xml("jabber:iq:roster", "item", { jid: of("mercutio") }, xml("jabber:iq:roster", "group", {}, "Family"));
    await iq.request({ type: "set", payload: xml("jabber:iq:roster", "query", {}, item) });
    await expect.poll(() => juliet.roster.getSnapshot().contacts.get(of("mercutio"))?.groups).toEqual(["Family"]);
    await say("06T23:00", "mercutio", "family at night");
    expect((await heard()).at(-1)).toBe("family at night notify");
    await stream.close();

    // What waited on the server counts from when it comes, not from when it was sent.
    clock.set("07T01:00");
    await juliet.disconnect();
    await iq.request({ type: "get", payload: xml("urn:xmpp:ping", "ping") }).catch(() => undefined);
    await tell("benvolio", "while she slept", "sent");
    clock.set("07T09:00");
    juliet.connect();
    await juliet.ready({ signal: soon() });
    await expect.poll(heard).toContain("while she slept notify");
  });

  test("V03 one whom the policy ignores, contact or not: nothing is shown, nothing comes back, and the session goes on for the day on which the rule goes", async () => {
    const { juliet, policy, events, of, tell, heard, delivered } = await scene({ benvolio: ["Family"], rosaline: ["Family"], mercutio: [] }, (name) => ({
      groups: { Family: { message: "notify", receipts: false } },
      people: { [name("benvolio")]: { message: "ignore" } },
    }));
    const { jid: paris, back, ask } = await stranger(juliet);
    await policy.set({ ...policy.getSnapshot(), people: { ...policy.getSnapshot()?.people, [paris]: { message: "ignore" } } });
    await ask();
    await Promise.all(["one", "two"].map((text) => tell("benvolio", text, "sent")));
    await tell("rosaline", "heard, and never told so", "sent");
    await tell("mercutio", "heard"); // a receipt: all that was sent before it has been there
    await expect.poll(heard).toEqual(["heard, and never told so notify", "heard notify"]);
    expect([await delivered("benvolio"), await delivered("rosaline"), await delivered("mercutio")]).toEqual([["sent", "sent"], ["sent"], ["delivered"]]);
    expect(events.flatMap((event) => (event.kind === "message" || event.kind === "stranger-message" ? event.message.from : event.kind === "unreadable" ? event.from : [])))
      .toEqual([of("rosaline"), of("mercutio")]);
    expect((await juliet.strangers()).getSnapshot()).toEqual([]);
    expect(await policy.reach(paris)).toMatchObject({ relation: "stranger", message: "ignore", receipts: false });
    expect(await back()).toEqual([]);

    await policy.set(undefined);
    await tell("benvolio", "three");
    expect(await heard()).toEqual(["heard, and never told so notify", "heard notify", "three notify"]);
    expect((await juliet.history()).at(-1)).toMatchObject({ from: of("benvolio"), text: "three", security: { level: "trusted" } });
    expect(await delivered("benvolio")).toEqual(["sent", "sent", "delivered"]);
  });
});
