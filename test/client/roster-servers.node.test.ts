/** The roster against real servers: subscriptions of two accounts through all nine states, versions, several resources, forged pushes. Threats V05, F07, F22. */
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { bareJid, type BareJid } from "../../src/base/jid.js";
import { randomId, systemRng } from "../../src/base/rng.js";
import { findChild, xml, type XmlElement } from "../../src/base/xml.js";
import type { ClientEvent } from "../../src/client/events.js";
import type { Connection } from "../../src/client/link.js";
import type { RosterChange } from "../../src/client/roster/contact.js";
import { Roster } from "../../src/client/roster/roster.js";
import { Ledger } from "../../src/session/ledger.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../src/storage/memory.js";
import { connect } from "../../src/transport/connection/connect.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import { PrivacyListsService } from "../../src/transport/features/privacy-lists.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { offline } from "../support/no-stream.js";
import { servers, services, type PrivateServer } from "../support/servers.js";

/** A roster on a stream of its own. */
interface Person {
  readonly jid: BareJid;
  readonly full: string;
  readonly roster: Roster;
  readonly connection: Connection;
  readonly events: ClientEvent[];
  readonly changes: RosterChange[];
  readonly arrived: XmlElement[];
  readonly errors: unknown[];
  available(): Promise<void>;
  leave(): Promise<void>;
}

const rosterQuery = (stanza: XmlElement): XmlElement | undefined => findChild(stanza, "jabber:iq:roster", "query");

describe.each(servers)("a real $make", ({ make, start }) => {
  let server: PrivateServer;
  const present: Person[] = [];
  /** Every state that was seen on the way, from both sides. */
  const visited = new Set<string>();

  beforeAll(async () => { server = await start({ extraModules: ["privacy_lists"] }); }, 60_000);
  afterAll(async () => { await server.stop(); });
  afterEach(async () => { await Promise.all(present.splice(0).map((person) => person.leave())); });

  async function account(name: string): Promise<BareJid> {
    const user = `${name}-${randomUUID().slice(0, 8)}`;
    await server.register(user, "pencil");
    return bareJid(`${user}@${server.domain}`);
  }

  async function arrive(jid: BareJid, options: { readonly disk?: MemoryDisk; readonly presence?: boolean } = {}): Promise<Person> {
    const stream = await connect({ account: jid, service: services(server).directTls, password: () => "pencil", tls: { ca: server.caPem }, clock: systemClock, rng: systemRng() }, sockets);
    const over = new AbortController();
    const connection: Connection = { stream, iq: new IqClient(stream, { rng: systemRng(), clock: systemClock }), archive: undefined as never, signal: over.signal, epoch: 1, continued: false };
    const store = memoryStore(options.disk ?? memoryDisk());
    const ledger = new Ledger(store, await store.acquire());
    const lists = { events: [] as ClientEvent[], changes: [] as RosterChange[], arrived: [] as XmlElement[], errors: [] as unknown[] };
    const roster = await Roster.load({
      account: jid, store, ledger, clock: systemClock, newId: () => randomId(systemRng()),
      emit: (event) => { lists.events.push(event); }, onError: (error) => { lists.errors.push(error); }, offline, mayAsk: () => true,
    });
    roster.onChange((change) => { lists.changes.push(change); });
    roster.attach(connection);
    stream.onStanza((stanza) => { lists.arrived.push(stanza); });
    await roster.prepare(connection);
    const person: Person = {
      jid, full: stream.jid, roster, connection, ...lists,
      available: () => stream.send(xml("jabber:client", "presence")),
      async leave() {
        over.abort();
        await stream.close();
        roster.detach();
        await ledger.run(() => undefined);
      },
    };
    present.push(person);
    if (options.presence !== false) await person.available();
    return person;
  }

  function state(person: Person, other: Person): string {
    const contact = person.roster.confirmed(other.jid);
    const asking = person.roster.getSnapshot().requests.some(({ jid }) => jid === other.jid);
    const name = [contact?.subscription ?? "none", contact?.pendingOut === true ? "out" : "", asking ? "in" : ""].filter((part) => part !== "").join("+");
    visited.add(name);
    return name;
  }

  /** Both sides come to these states. */
  async function reach(a: Person, b: Person, expected: readonly [string, string]): Promise<void> {
    await expect.poll(() => [state(a, b), state(b, a)], { timeout: 10_000, interval: 10 }).toEqual(expected);
  }

  async function pair(): Promise<readonly [Person, Person]> {
    const jids = [await account("romeo"), await account("juliet")] as const;
    return [await arrive(jids[0]), await arrive(jids[1])];
  }

  test("F22 V05 two accounts go through all nine states, each step as the state machine has it, and nothing is ever granted by itself", async () => {
    const [romeo, juliet] = await pair();
    // ejabberd 23.01 tells nobody of a request that is taken back, unless the two are contacts already.
    const nothing = make === "ejabberd" ? "none+in" : "none";
    // Each line: who does what, and what both have then. The caller's own side holds when the call resolves, with what the server says.
    const steps: readonly (readonly [Person, "subscribeTo" | "cancel" | "approve" | "deny" | "revoke" | "remove", string, string])[] = [
      [romeo, "subscribeTo", "none+out", "none+in"], [romeo, "cancel", "none", nothing],
      [romeo, "subscribeTo", "none+out", "none+in"], [juliet, "deny", "none", "none"],
      [romeo, "subscribeTo", "none+out", "none+in"], [juliet, "subscribeTo", "none+out+in", "none+out+in"], [romeo, "deny", "none+out", "none+in"],
      [juliet, "approve", "to", "from"], [juliet, "revoke", "none", "none"],
      [juliet, "subscribeTo", "none+in", "none+out"], [romeo, "subscribeTo", "none+out+in", "none+out+in"], [romeo, "approve", "from+out", "to+in"],
      [juliet, "deny", "from", "to"], [romeo, "subscribeTo", "from+out", "to+in"], [juliet, "approve", "both", "both"],
      [romeo, "cancel", "from", "to"], [romeo, "subscribeTo", "from+out", "to+in"], [romeo, "cancel", "from", "to"],
      [romeo, "subscribeTo", "from+out", "to+in"], [juliet, "approve", "both", "both"], [romeo, "revoke", "to", "from"],
      [juliet, "subscribeTo", "to+in", "from+out"], [romeo, "approve", "both", "both"], [romeo, "remove", "none", "none"],
    ];
    for (const [person, step, ...expected] of steps) {
      const other = person === romeo ? juliet : romeo;
      await person.roster[step](other.jid);
      expect.soft([step, state(person, other)], "the caller's own side").toEqual([step, person === romeo ? expected[0] : expected[1]]);
      await reach(romeo, juliet, expected);
      expect(person.roster.get(other.jid)?.unconfirmed ?? false).toBe(false);
    }
    expect(romeo.roster.get(juliet.jid)).toBeUndefined();
    expect([...visited].sort()).toEqual(["both", "from", "from+out", "none", "none+in", "none+out", "none+out+in", "to", "to+in"]);
    expect([...romeo.errors, ...juliet.errors, ...[...romeo.events, ...juliet.events].filter(({ kind }) => kind === "malformed")]).toEqual([]);
  });

  test("names and groups go to the server and to the other resources of the account, which see every push", async () => {
    const jid = await account("romeo");
    const [one, two] = [await arrive(jid), await arrive(jid)];
    const juliet = await account("juliet");
    await one.roster.set(juliet, { name: "Juliet \u2014 <\"&'> \u{1f339}", groups: ["Friends", "B & C"] });
    expect(one.roster.get(juliet)).toMatchObject({ name: "Juliet \u2014 <\"&'> \u{1f339}", groups: ["B & C", "Friends"], unconfirmed: false });
    await expect.poll(() => two.roster.get(juliet)).toMatchObject({ name: "Juliet \u2014 <\"&'> \u{1f339}", groups: ["B & C", "Friends"] });
    await Promise.all([one.roster.rename(juliet, "One"), two.roster.setGroups(juliet, ["Two"]), two.roster.rename(juliet, "Two"), one.roster.setGroups(juliet, [])]);
    await expect.poll(() => JSON.stringify(one.roster.get(juliet)) === JSON.stringify(two.roster.get(juliet)) && two.roster.get(juliet)?.unconfirmed === false).toBe(true);
    expect(one.changes[0]).toMatchObject({ jid: juliet, by: "here" });
    expect(two.changes[0]).toMatchObject({ jid: juliet, by: "server" });
    await two.roster.remove(juliet);
    await two.roster.remove(juliet); // there is none any more
    await expect.poll(() => one.roster.get(juliet)).toBeUndefined();
  });

  test("V05 a version is asked for, an empty answer keeps the cache, and what changed meanwhile comes", async () => {
    const [jid, juliet, nurse] = [await account("romeo"), await account("juliet"), await account("nurse")];
    const disk = memoryDisk();
    const empty = await arrive(jid, { disk });
    const versions = (person: Person): (string | undefined)[] => person.arrived.flatMap((stanza) => rosterQuery(stanza) ?? []).map((query) => query.attrs["ver"]);
    await empty.leave();
    const elsewhere = await arrive(jid);
    await elsewhere.roster.set(juliet, { name: "Juliet", groups: ["A"] }); // the first change of an account is one that a cache may not miss
    await elsewhere.leave();
    const first = await arrive(jid, { disk });
    expect(first.roster.export().contacts).toEqual([{ jid: juliet, name: "Juliet", groups: ["A"] }]);
    await first.roster.setGroups(juliet, ["B"]);
    await first.roster.setGroups(juliet, ["A"]);
    await first.roster.set(nurse, { name: "Nurse" });
    await expect.poll(() => versions(first).filter((version) => version !== undefined).length).toBeGreaterThanOrEqual(2);
    await first.leave();
    const second = await arrive(jid, { disk });
    expect(second.arrived.flatMap((stanza) => rosterQuery(stanza) ?? [])).toEqual([]);
    expect(second.roster.getSnapshot()).toMatchObject({ freshness: "synchronized", contacts: { size: 2 } });
    expect(second.changes).toEqual([]);
    await second.leave();
    const other = await arrive(jid);
    await other.roster.remove(nurse);
    await other.roster.rename(juliet, "Sun");
    const third = await arrive(jid, { disk });
    await expect.poll(() => third.roster.export().contacts).toEqual([{ jid: juliet, name: "Sun", groups: ["A"] }]);
    await third.leave();
    const fourth = await arrive(jid, { disk });
    expect(fourth.arrived.flatMap((stanza) => rosterQuery(stanza) ?? [])).toEqual([]);
    expect(fourth.roster.export()).toEqual(third.roster.export());
  });

  test("F22 a request to somebody who is away waits for them, is repeated until it is answered, and what another resource answers is gone", async () => {
    const [romeo, jid] = [await arrive(await account("romeo")), await account("juliet")];
    await romeo.roster.subscribeTo(jid, { text: "it is me" });
    const disk = memoryDisk();
    const asking = (person: Person): readonly BareJid[] => person.roster.getSnapshot().requests.map((request) => request.jid);
    const first = await arrive(jid, { disk });
    await expect.poll(() => asking(first)).toEqual([romeo.jid]);
    expect(first.events.filter(({ kind }) => kind === "subscription-request")).toMatchObject([{ jid: romeo.jid, text: "it is me" }]);
    await first.leave();
    const second = await arrive(jid, { disk });
    await second.roster.set(await account("paris"), {}); // the server has dealt with the presence before this
    expect(asking(second)).toEqual([romeo.jid]);
    expect(second.events.filter(({ kind }) => kind === "subscription-request")).toEqual([]);
    const elsewhere = await arrive(jid);
    await expect.poll(() => asking(elsewhere)).toEqual([romeo.jid]);
    await second.leave();
    await elsewhere.roster.deny(romeo.jid);
    await expect.poll(() => romeo.roster.confirmed(romeo.jid === jid ? "" : jid)?.pendingOut ?? false).toBe(false);
    const third = await arrive(jid, { disk, presence: false });
    expect(asking(third)).toEqual([romeo.jid]); // as it was when this store was last used
    await third.available();
    await expect.poll(() => asking(third)).toEqual([]);
  });

  test("approval ahead of the request, where the server takes it: the contact sees us without anybody being asked", async () => {
    const [romeo, juliet] = await pair();
    const offered = findChild(romeo.connection.stream.features, "urn:xmpp:features:pre-approval", "sub") !== undefined;
    expect({ make, offered }).toEqual({ make, offered: make === "prosody" });
    if (!offered) {
      await expect(romeo.roster.preApprove(juliet.jid)).rejects.toMatchObject({ code: "ERR_NOT_SUPPORTED" });
      return;
    }
    await romeo.roster.preApprove(juliet.jid);
    // Prosody 0.12 notes it and does not show it: its items have no `approved`.
    expect(romeo.roster.confirmed(juliet.jid)).toMatchObject({ subscription: "none", approved: false, unconfirmed: false });
    await juliet.roster.subscribeTo(romeo.jid);
    await reach(romeo, juliet, ["from", "to"]);
    expect(romeo.events.filter(({ kind }) => kind === "subscription-request")).toEqual([]);
    await romeo.roster.revoke(juliet.jid);
    await reach(romeo, juliet, ["none", "none"]);
  });

  test("V01 under a list that hides us from a subscriber a revocation is done, or said not to be", async () => {
    const [romeo, juliet] = await pair();
    await romeo.roster.subscribeTo(juliet.jid);
    await expect.poll(() => juliet.roster.getSnapshot().requests.length).toBe(1);
    await juliet.roster.approve(romeo.jid);
    await reach(juliet, romeo, ["from", "to"]);
    const lists = new PrivacyListsService({ iq: juliet.connection.iq });
    await lists.put("hidden", [{ action: "deny", match: { kind: "all" }, kinds: ["presence-out"] }]);
    await lists.activate("hidden");
    const revoked = await juliet.roster.revoke(romeo.jid).then(() => "done", (error: unknown) => (error as { code: string }).code);
    expect(revoked).toBe(make === "prosody" ? "ERR_SUBSCRIPTION_IGNORED" : "done");
    await juliet.roster.remove(romeo.jid);
    await expect.poll(() => [juliet.roster.get(romeo.jid), romeo.roster.get(juliet.jid)?.subscription], { timeout: 10_000 }).toEqual([undefined, "none"]);
  });

  test("V01 F22 under a list that hides us from everybody a grant is done, or said not to be, and the request waits on", async () => {
    const [romeo, juliet] = await pair();
    const lists = new PrivacyListsService({ iq: juliet.connection.iq });
    await lists.put("hidden", [{ action: "deny", match: { kind: "all" }, kinds: ["presence-out"] }]);
    await lists.activate("hidden");
    await romeo.roster.subscribeTo(juliet.jid);
    await expect.poll(() => juliet.roster.getSnapshot().requests.length).toBe(1);
    const granted = await juliet.roster.approve(romeo.jid).then(() => "done", (error: unknown) => (error as { code: string }).code);
    expect([granted, juliet.roster.getSnapshot().requests.length]).toEqual(make === "prosody" ? ["ERR_SUBSCRIPTION_IGNORED", 1] : ["done", 0]);
    await lists.activate(undefined);
    await juliet.roster.approve(romeo.jid);
    await reach(juliet, romeo, ["from", "to"]);
  });

  test("F07 pushes that others send through the server change nothing: strangers, contacts, another resource of ours", async () => {
    const [romeo, mallory] = await pair();
    const accomplice = await arrive(romeo.jid);
    const forged = xml("jabber:iq:roster", "query", { ver: "forged" }, xml("jabber:iq:roster", "item", { jid: mallory.jid, subscription: "both" }));
    for (const person of [mallory, accomplice]) {
      await expect(person.connection.iq.request({ type: "set", to: romeo.full as never, payload: forged })).rejects.toMatchObject({ code: "ERR_STANZA_ERROR", details: { condition: "service-unavailable" } });
    }
    expect(romeo.roster.getSnapshot().contacts.size).toBe(0);
    expect(romeo.changes).toEqual([]);
  });

  test("an import adds contacts with their names and groups, and asks them only if it is told to", async () => {
    const [romeo, juliet] = await pair();
    const contacts = Array.from({ length: 60 }, (_, i) => ({ jid: `c${String(i)}@${server.domain}`, name: `C ${String(i)}`, groups: [`G${String(i % 7)}`] }));
    expect(await romeo.roster.import({ version: 1, contacts })).toEqual({ added: 60, changed: 0, unchanged: 0, malformed: 0, refused: [] });
    expect(await romeo.roster.import({ version: 1, contacts: [...contacts, { jid: juliet.jid }] }, { subscribe: false })).toMatchObject({ added: 1, unchanged: 60 });
    expect(await romeo.roster.import({ version: 1, contacts: [{ jid: juliet.jid }] }, { subscribe: true })).toMatchObject({ unchanged: 1 });
    await reach(romeo, juliet, ["none+out", "none+in"]);
    const again = await arrive(romeo.jid);
    const sorted = (person: Person): readonly string[] => person.roster.export().contacts.map((contact) => JSON.stringify(contact)).sort();
    expect(sorted(again)).toEqual(sorted(romeo));
    expect(again.roster.getSnapshot().contacts.size).toBe(61);
  });
});
