/** Two accounts in one process on real servers, busy at the same time: no record of one is with the other, and nothing that one does shows at the other. */
import { describe, expect, test } from "vitest";
import type { BareJid } from "../../src/base/jid.js";
import type { SottoClient } from "../../src/client/client.js";
import type { Store, StoreKey } from "../../src/session/ports.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../src/storage/memory.js";
import { clientStage } from "../support/client-stage.js";
import { befriend } from "../support/policy-stage.js";
import { servers } from "../support/servers.js";
import { take } from "../support/take.js";

const soon = (): AbortSignal => AbortSignal.timeout(30_000);

interface Recorded {
  readonly disk: MemoryDisk;
  readonly store: Store;
  /** Everything that was ever read or written, keys and values. */
  readonly rows: Map<StoreKey, Uint8Array[]>;
}

/** A store that remembers all that went in and out, also what was deleted since. */
function recorded(): Recorded {
  const disk = memoryDisk();
  const inner = memoryStore(disk);
  const rows = new Map<StoreKey, Uint8Array[]>();
  const note = (key: StoreKey, value: Uint8Array | undefined): void => {
    rows.set(key, [...(rows.get(key) ?? []), ...(value === undefined ? [] : [value.slice()])]);
  };
  const [commit, get, getMany, list] = [inner.commit.bind(inner), inner.get.bind(inner), inner.getMany.bind(inner), inner.list.bind(inner)];
  inner.commit = async (changes, fence) => {
    for (const change of changes) note(change.key, change.kind === "put" ? change.value : undefined);
    await commit(changes, fence);
  };
  inner.get = async (key) => {
    const value = await get(key);
    note(key, value);
    return value;
  };
  inner.getMany = async (keys) => {
    const values = await getMany(keys);
    for (const [i, key] of keys.entries()) note(key, values[i]);
    return values;
  };
  inner.list = async (range) => {
    const found = await list(range);
    for (const { key, value } of found) note(key, value);
    return found;
  };
  return { disk, store: inner, rows };
}

/** Every 16 bytes of the secrets of a device, at every place. */
function pieces({ rows }: Recorded): Set<string> {
  const found = new Set<string>();
  for (const [key, values] of rows) {
    if (!/^omemo\/(own|2\/(prekey|bundle|device)|2$)|^client\/login/.test(key)) continue;
    for (const value of values) {
      for (let i = 0; i + 16 <= value.length; i++) {
        const piece = value.subarray(i, i + 16);
        // Random bytes: counters, times, zeros and names of fields are alike everywhere.
        if (new Set(piece).size > 12 && piece.some((byte) => byte < 32 || byte > 126)) found.add(piece.join());
      }
    }
  }
  return found;
}

const text = ({ rows }: Recorded): string => [...rows].map(([key, values]) => `${key} ${values.map((value) => new TextDecoder().decode(value)).join(" ")}`).join("\n");
const names = (...jids: readonly string[]): readonly string[] => jids.flatMap((jid) => [jid, jid.slice(0, jid.indexOf("@"))]);

describe.each(servers)("two accounts on $make", ({ make, start }) => {
  const stage = clientStage(() => start(make === "prosody" ? { extraModules: ["privacy_lists"] } : {}));
  /** The two whose stores are watched, the friend of each, and a stranger for each. */
  async function scene() {
    const [romeo, juliet, nurse, tybalt, paris, abram] = await Promise.all(["romeo", "juliet", "nurse", "tybalt", "paris", "abram"].map((name) => stage.account(name))) as [BareJid, BareJid, BareJid, BareJid, BareJid, BareJid];
    await befriend(stage.server, romeo, nurse, ["Ward"]);
    await befriend(stage.server, juliet, tybalt, ["Clan"]);
    const stores = [recorded(), recorded()] as const;
    const [a, b] = [await stage.login(romeo, { store: stores[0].store }), await stage.login(juliet, { store: stores[1].store })];
    const peers = [await stage.login(nurse), await stage.login(tybalt)] as const;
    const strangers = [await stage.login(paris), await stage.login(abram)] as const;
    await Promise.all([a, b, ...peers, ...strangers].map((client) => client.ready({ signal: soon() })));
    return { romeo, juliet, nurse, tybalt, paris, abram, stores, a, b, peers, strangers };
  }

  test("that talk to different people at the same time share no row, no key and no message, and one goes on when the other closes", async () => {
    const { romeo, juliet, nurse, tybalt, stores, a, b, peers } = await scene();
    const heard = [a, b, ...peers].map((client) => take(client.messages({ signal: soon() }), 5));
    for (let i = 0; i < 5; i++) {
      a.conversation(nurse).send({ text: `to the nurse ${String(i)}` });
      b.conversation(tybalt).send({ text: `to the cousin ${String(i)}` });
      peers[0].conversation(romeo).send({ text: `from the nurse ${String(i)}` });
      peers[1].conversation(juliet).send({ text: `from the cousin ${String(i)}` });
    }
    const told = (await Promise.all(heard)).map((messages) => new Set(messages.map(({ text: said }) => said.replace(/ \d$/, ""))));
    expect(told.map((texts) => [...texts])).toEqual([["from the nurse"], ["from the cousin"], ["to the nurse"], ["to the cousin"]]);

    for (const foreign of [...names(juliet, tybalt), "the cousin", "Clan"]) expect(text(stores[0]).includes(foreign)).toBe(false);
    for (const foreign of [...names(romeo, nurse), "the nurse", "Ward"]) expect(text(stores[1]).includes(foreign)).toBe(false);
    const ours = pieces(stores[0]);
    expect(ours.size).toBeGreaterThan(1_000);
    expect([...pieces(stores[1])].filter((piece) => ours.has(piece))).toEqual([]);

    const rest = take(b.messages({ signal: soon() }), 1);
    await a.close();
    await peers[1].conversation(juliet).send({ text: "still there?" }).reached("sent", { signal: soon() });
    expect((await rest)[0]?.text).toBe("still there?");
  });

  test("that have contacts, rules for presence and a box for strangers each have their own, and nothing of the other's in their stores", async () => {
    const { romeo, juliet, nurse, tybalt, paris, abram, stores, a, b, peers, strangers } = await scene();
    const contacts = (client: SottoClient): unknown => client.roster.confirmedContacts().map(({ jid, name, groups, subscription }) => [jid, name, groups, subscription]);
    await Promise.all([a.roster.rename(nurse, "Angelica"), b.roster.rename(tybalt, "Prince of Cats")]);
    expect([contacts(a), contacts(b)]).toEqual([[[nurse, "Angelica", ["Ward"], "both"]], [[tybalt, "Prince of Cats", ["Clan"], "both"]]]);

    // Rules for both groups: each holds for the account whose it is, and one change of presence shows at one account only.
    await Promise.all([a.presence.policy({ groups: { Ward: "busy" }, others: "offline" }), b.presence.policy({ groups: { Clan: "available" }, others: "offline" })]);
    await Promise.all([a.presence.set({ show: "available", statuses: { "": "in the orchard" } }), b.presence.set({ show: "available", statuses: { "": "on the balcony" } })]);
    const shown = (peer: SottoClient, jid: BareJid): unknown => peer.presence.contact(jid)?.best?.show;
    await expect.poll(() => [shown(peers[0], romeo), shown(peers[1], juliet)], { timeout: 20_000 }).toEqual(["dnd", "available"]);
    await a.presence.set({ show: "away" });
    expect([a.presence.own.getSnapshot(), b.presence.own.getSnapshot()]).toMatchObject([{ show: "away" }, { show: "available" }]);
    expect([a.presence.contact(tybalt), b.presence.contact(nurse), shown(peers[0], juliet), shown(peers[1], romeo)]).toEqual([undefined, undefined, undefined, undefined]);

    await Promise.all([a, b].map(async (client) => (await client.contactPolicy()).set({ strangers: { message: "separate" } })));
    await Promise.all([
      strangers[0].conversation(romeo).sendUnencrypted({ text: "the county writes" }).reached("sent", { signal: soon() }),
      strangers[1].conversation(juliet).sendUnencrypted({ text: "do you bite your thumb" }).reached("sent", { signal: soon() }),
    ]);
    const boxes = [await a.strangers(), await b.strangers()] as const;
    await expect.poll(() => boxes.map((box) => box.getSnapshot().map(({ jid, messages }) => [jid, messages])), { timeout: 20_000 }).toEqual([[[paris, 1]], [[abram, 1]]]);
    expect(await boxes[0].discard()).toBe(1);
    expect((await boxes[1].messages(abram)).map(({ text: said }) => said)).toEqual(["do you bite your thumb"]);

    for (const foreign of [...names(juliet, tybalt, abram), "Prince", "Clan", "balcony", "thumb"]) expect([foreign, text(stores[0]).includes(foreign)]).toEqual([foreign, false]);
    for (const foreign of [...names(romeo, nurse, paris), "Angelica", "Ward", "orchard", "county"]) expect([foreign, text(stores[1]).includes(foreign)]).toEqual([foreign, false]);
    for (const own of [nurse, paris, "Angelica", "Ward", "county"]) expect([own, text(stores[0]).includes(own)]).toEqual([own, true]); // they would be seen
    await a.close();
    await b.roster.rename(tybalt, "Rat-catcher");
    expect(b.roster.confirmed(tybalt)?.name).toBe("Rat-catcher");
  });
});
