/** Changes of our own: shown at once, confirmed or taken back, in any order of pushes and answers (threats V05). */
import { describe, expect, test } from "vitest";
import { iqTimeoutMs } from "../../../src/base/limits.js";
import { checkedValues } from "../../../src/client/roster/values.js";
import { account, item, juliet, nurse, push, query, refusal, result, RosterWorld, settle } from "../../support/roster-world.js";

const old = item(juliet, { name: "Juliet", subscription: "both" }, "Old");

describe("V05 changes of ours", () => {
  async function ready(): Promise<RosterWorld> {
    const world = await RosterWorld.open();
    await world.online(query("v1", old));
    world.changes.length = 0;
    return world;
  }

  test("a change is shown at once, marked, and stands when the push and the answer have come", async () => {
    const world = await ready();
    const done = world.roster.rename(juliet, "Sun");
    expect(world.view).toEqual(["juliet Sun [Old] both ?"]);
    expect(world.roster.confirmed(juliet)?.name).toBe("Juliet");
    await settle();
    expect(world.sent.at(-1)).toBe('<iq type="set"><query xmlns="jabber:iq:roster"><item jid="juliet@capulet.example" name="Sun"><group>Old</group></item></query></iq>');
    const asked = world.stream.asked();
    world.stream.arrive(push("v2", item(juliet, { name: "Sun", subscription: "both" }, "Old")));
    expect(world.view).toEqual(["juliet Sun [Old] both"]);
    world.stream.arrive(result(asked));
    await done;
    await settle();
    expect(world.view).toEqual(["juliet Sun [Old] both"]);
    expect(world.changes).toMatchObject([{ jid: juliet, before: { name: "Juliet" }, after: { name: "Sun" }, by: "here" }]);
  });

  test("the push comes behind the answer: no going back and forth", async () => {
    const world = await ready();
    const seen: string[] = [];
    world.roster.subscribe(() => { seen.push(...world.view); });
    const done = world.roster.rename(juliet, "Sun");
    await settle();
    world.stream.arrive(result(world.stream.asked()));
    await done;
    world.stream.arrive(push("v2", item(juliet, { name: "Sun", subscription: "both" }, "Old")));
    await settle();
    expect(new Set(seen)).toEqual(new Set(["juliet Sun [Old] both ?", "juliet Sun [Old] both"]));
    expect(world.changes).toHaveLength(1);
  });

  test("an older answer behind a newer push of another client: the push stays", async () => {
    const world = await ready();
    const done = world.roster.rename(juliet, "Sun");
    await settle();
    world.stream.arrive(push("v2", item(juliet, { name: "Sun", subscription: "both" }, "Old")), push("v3", item(juliet, { name: "Moon", subscription: "both" }, "Old")));
    expect(world.view).toEqual(["juliet Moon [Old] both"]);
    world.stream.arrive(result(world.stream.asked()));
    await done;
    expect(world.view).toEqual(["juliet Moon [Old] both"]);
    await settle();
    expect(world.changes.map(({ by, after }) => `${by} ${after?.name ?? ""}`)).toEqual(["here Sun", "server Moon"]);
  });

  test("the push of a change comes behind its answer, when the next change is under way: both stand, and a third builds on them", async () => {
    const world = await ready();
    const first = world.roster.rename(juliet, "Sun");
    await settle();
    world.stream.arrive(result(world.stream.asked()));
    await first;
    const second = world.roster.setGroups(juliet, ["New"]);
    await settle();
    world.stream.arrive(push("v2", item(juliet, { name: "Sun", subscription: "both" }, "Old")), result(world.stream.asked()));
    await second;
    expect(world.view).toEqual(["juliet Sun [New] both"]);
    void world.roster.rename(juliet, "Moon");
    await settle();
    expect(world.sent.at(-1)).toBe('<iq type="set"><query xmlns="jabber:iq:roster"><item jid="juliet@capulet.example" name="Moon"><group>New</group></item></query></iq>');
  });

  test("answer and newer push in one turn: the push stays", async () => {
    const world = await ready();
    const done = world.roster.rename(juliet, "Sun");
    await settle();
    world.stream.arrive(result(world.stream.asked()), push("v2", item(juliet, { subscription: "remove" })));
    await done;
    expect(world.view).toEqual([]);
  });

  test.each([
    ["an error", async (world: RosterWorld) => { world.stream.arrive(refusal(world.stream.asked(), "not-acceptable")); }, "ERR_STANZA_ERROR"],
    ["no answer in time", async (world: RosterWorld) => { world.clock.advance(iqTimeoutMs + 1); }, "ERR_IQ_TIMEOUT"],
    ["the end of the stream", (world: RosterWorld) => world.cut(), "ERR_STREAM_CLOSED"],
  ] as const)("%s takes each kind of change back", async (_title, fail, code) => {
    for (const change of [
      (world: RosterWorld) => world.roster.rename(juliet, "Sun"),
      (world: RosterWorld) => world.roster.setGroups(juliet, ["New"]),
      (world: RosterWorld) => world.roster.remove(juliet),
      (world: RosterWorld) => world.roster.set(nurse, { name: "Nurse" }),
    ]) {
      const world = await ready();
      const done = change(world);
      const outcome = expect(done).rejects.toMatchObject({ code });
      await settle();
      expect(world.view).not.toEqual(["juliet Juliet [Old] both"]);
      await fail(world);
      await outcome;
      expect(world.view).toEqual(["juliet Juliet [Old] both"]);
      expect(world.changes).toEqual([]);
    }
  });

  test("a push that shows that a change without an answer was made after all is the truth", async () => {
    const world = await ready();
    const done = expect(world.roster.rename(juliet, "Sun")).rejects.toMatchObject({ code: "ERR_IQ_TIMEOUT" });
    await settle();
    const asked = world.stream.asked();
    world.clock.advance(iqTimeoutMs + 1);
    await done;
    world.stream.arrive(push("v2", item(juliet, { name: "Sun", subscription: "both" }, "Old")), result(asked));
    expect(world.view).toEqual(["juliet Sun [Old] both"]);
  });

  test("changes of one contact go one after the other, and a refused one leaves nothing in those behind it", async () => {
    const world = await ready();
    const renamed = expect(world.roster.rename(juliet, "Sun")).rejects.toMatchObject({ code: "ERR_STANZA_ERROR" });
    const grouped = world.roster.setGroups(juliet, ["B", "A", "B"]);
    await settle();
    expect(world.view).toEqual(["juliet Sun [A,B] both ?"]);
    expect(world.stream.sent.filter(({ attrs }) => attrs["type"] === "set")).toHaveLength(1);
    world.stream.arrive(refusal(world.stream.asked(), "not-acceptable"));
    await renamed;
    await settle();
    expect(world.sent.at(-1)).toContain('name="Juliet"><group>A</group><group>B</group></item>');
    world.stream.arrive(result(world.stream.asked()));
    await grouped;
    expect(world.view).toEqual(["juliet Juliet [A,B] both"]);
  });

  test("a push that comes while a change still waits for the one ahead of it says nothing about it", async () => {
    const world = await ready();
    const renamed = world.roster.rename(juliet, "Sun");
    const grouped = world.roster.setGroups(juliet, ["A"]);
    await settle();
    world.stream.arrive(push("v2", item(juliet, { name: "Sun", subscription: "both" }, "Old")), result(world.stream.asked()));
    await renamed;
    expect(world.view).toEqual(["juliet Sun [A] both ?"]);
    await settle();
    world.stream.arrive(result(world.stream.asked()));
    await grouped;
    expect(world.view).toEqual(["juliet Sun [A] both"]);
  });

  test("one that waits behind another one when the stream ends is taken back as well", async () => {
    const world = await ready();
    const both = [world.roster.rename(juliet, "Sun"), world.roster.setGroups(juliet, ["A"])].map((done) => expect(done).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" }));
    await settle();
    await world.cut();
    await Promise.all(both);
    expect(world.view).toEqual(["juliet Juliet [Old] both"]);
  });

  test("the caller can give up", async () => {
    const world = await ready();
    const giveUp = new AbortController();
    const done = expect(world.roster.rename(juliet, "Sun", { signal: giveUp.signal })).rejects.toMatchObject({ code: "ERR_ABORTED" });
    await settle();
    giveUp.abort();
    await done;
    expect(world.view).toEqual(["juliet Juliet [Old] both"]);
  });

  test("removing what another client has removed already is done", async () => {
    const world = await ready();
    const done = world.roster.remove(juliet);
    await settle();
    expect(world.sent.at(-1)).toBe('<iq type="set"><query xmlns="jabber:iq:roster"><item jid="juliet@capulet.example" subscription="remove"/></query></iq>');
    world.stream.arrive(refusal(world.stream.asked(), "item-not-found"));
    await done;
    expect(world.view).toEqual([]);
  });

  test("without a roster that is up to date nothing is changed", async () => {
    const world = await ready();
    await world.cut();
    const attempts = [
      world.roster.rename(juliet, "Sun"), world.roster.remove(juliet), world.roster.subscribeTo(nurse), world.roster.cancel(juliet), world.roster.approve(nurse),
      world.roster.deny(nurse), world.roster.revoke(juliet), world.roster.preApprove(nurse), world.roster.import({ version: 1, contacts: [] }),
    ];
    for (const attempt of attempts) await expect(attempt).rejects.toMatchObject({ code: "ERR_OFFLINE", retryable: true });
    expect(world.view).toEqual(["juliet Juliet [Old] both"]);
    world.attach(); // there is a stream, but what the server has is not known yet
    await expect(world.roster.rename(juliet, "Sun")).rejects.toMatchObject({ code: "ERR_OFFLINE" });
  });

  test("what cannot be meant is refused before anything is sent", async () => {
    const world = await ready();
    const count = world.stream.sent.length;
    const wrong: readonly (readonly [Promise<void>, string])[] = [
      [world.roster.rename("a@b@c", "x"), "ERR_INVALID_JID"], [world.roster.remove(`${juliet}/balcony`), "ERR_INVALID_JID"], [world.roster.set(account, {}), "ERR_INVALID_ARGUMENT"],
      [world.roster.rename(nurse, "x"), "ERR_NOT_A_CONTACT"], [world.roster.setGroups(nurse, []), "ERR_NOT_A_CONTACT"], [world.roster.setGroups(juliet, [""]), "ERR_INVALID_ARGUMENT"],
      [world.roster.setGroups(juliet, Array.from({ length: 101 }, String)), "ERR_INVALID_ARGUMENT"], [world.roster.setGroups(juliet, ["a\u0000"]), "ERR_INVALID_TEXT"],
      [world.roster.rename(juliet, "x".repeat(1_024)), "ERR_INVALID_ARGUMENT"], [world.roster.subscribeTo(account), "ERR_INVALID_ARGUMENT"],
      [world.roster.set(nurse, { name: 1 as unknown as string }), "ERR_INVALID_ARGUMENT"], [world.roster.set(nurse, { groups: "ab" as unknown as string[] }), "ERR_INVALID_ARGUMENT"],
    ];
    for (const [attempt, code] of wrong) await expect(attempt).rejects.toMatchObject({ code });
    expect([world.stream.sent.length, world.view]).toEqual([count, ["juliet Juliet [Old] both"]]);
  });

  test("the snapshot is the same object until something changes", async () => {
    const world = await ready();
    const before = world.roster.getSnapshot();
    expect(world.roster.getSnapshot()).toBe(before);
    world.stream.arrive(push("v2", item(nurse)));
    expect(world.roster.getSnapshot()).not.toBe(before);
    expect(before.contacts.has(nurse)).toBe(false);
  });
});

test("values and addresses that are none are refused with a typed error, and nothing is shown", async () => {
  const world = await RosterWorld.open();
  await world.online(query("v1", old));
  const set = world.roster.set.bind(world.roster) as (jid: unknown, values?: unknown) => Promise<void>;
  for (const values of [undefined, null, "Sun"]) await expect(set(nurse, values)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  for (const jid of [undefined, null, 5, [nurse]]) await expect(set(jid, {})).rejects.toMatchObject({ code: "ERR_INVALID_JID" });
  expect(world.view).toEqual(["juliet Juliet [Old] both"]);
});

test("F20 a name that is given is cut at 256 code points, as those that come are", () => {
  expect([255, 256, 257].map((length) => checkedValues({ name: "n".repeat(length) }).name?.length)).toEqual([255, 256, 256]);
});

test("L03 names of 1,023 characters and 100 groups may be given, and no more", () => {
  const groups = (count: number): string[] => Array.from({ length: count }, (_, i) => `g${String(i)}`);
  const refused = expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error;
  for (const make of [(n: number) => ({ name: "n".repeat(1_023 + n) }), (n: number) => ({ groups: ["g".repeat(1_023 + n)] }), (n: number) => ({ groups: groups(100 + n) })]) {
    for (const n of [-1, 0]) expect(() => checkedValues(make(n))).not.toThrow();
    expect(() => checkedValues(make(1))).toThrow(refused);
  }
});
