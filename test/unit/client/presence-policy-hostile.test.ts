/** Presence policy under callers and other clients that do not wait for each other: no moment in which rules that are gone still show something. Threats V01, V02. */
import { describe, expect, test } from "vitest";
import { xml } from "../../../src/base/xml.js";
import type { PolicyRules } from "../../../src/client/presence-policy/rules.js";
import { StorageError } from "../../../src/storage/errors.js";
import { friend, PolicyWorld, sister, team } from "../../support/policy-world.js";

const sentence: PolicyRules = { groups: { Family: "busy", Friends: "offline", Team: "available" }, others: "offline" };
const tight: PolicyRules = { groups: { Family: "busy" }, others: "offline" };

async function online(rules: PolicyRules = sentence): Promise<PolicyWorld> {
  const world = new PolicyWorld();
  await world.open();
  await world.policy.set(rules);
  await world.connect();
  return world;
}

/** Another client of ours lets everybody through, and the server says that it has written the list. */
async function overwritten(world: PolicyWorld): Promise<void> {
  const name = world.active ?? "";
  world.serverLists.set(name, xml("jabber:iq:privacy", "list", { name }, xml("jabber:iq:privacy", "item", { action: "allow", order: "1" })));
  world.arrive(xml("jabber:client", "iq", { type: "set", id: "p" }, xml("jabber:iq:privacy", "query", {}, xml("jabber:iq:privacy", "list", { name }))));
  await world.quiet();
}

describe("callers that do not wait", () => {
  test.each([0, 1, 2, 3, 5, 8, 13, 21])("V01 rules that are set %s turns into the preparation of the first presence are the ones that hold", async (turns) => {
    const world = new PolicyWorld();
    await world.open();
    await world.policy.set(sentence);
    const connecting = world.connect();
    for (let i = 0; i < turns; i++) await Promise.resolve();
    await world.policy.set(tight);
    await connecting;
    await world.quiet();
    expect(world.reached()).toEqual(["sister"]);
    expect(world.serverLists.size).toBe(1);
  });

  test.each([0, 1, 2, 3, 5, 8, 13, 21])("V01 two first policies, one %s turns after the other: the later one holds", async (turns) => {
    const world = new PolicyWorld();
    await world.open();
    await world.connect();
    const first = world.policy.set(sentence);
    for (let i = 0; i < turns; i++) await Promise.resolve();
    await Promise.all([first, world.policy.set(tight)]);
    await world.quiet();
    expect(world.reached()).toEqual(["sister"]);
    expect(world.serverLists.size).toBe(1);
    expect(world.policy.state.getSnapshot()).toMatchObject({ kind: "in-force" });
  });

  test("V01 a first policy that is put in charge in the turn in which the session goes on begins there", async () => {
    const world = new PolicyWorld();
    await world.open();
    const setting = world.policy.set(sentence);
    while (world.announcer === undefined) await Promise.resolve();
    await world.connect({ continued: true });
    expect(await setting).toMatchObject({ reached: "in-force" });
    expect([world.reached(), world.policy.state.getSnapshot().kind]).toEqual([["sister", "team"], "in-force"]);
  });

  test("V01 one that is set where a session has gone on begins there once", async () => {
    const world = new PolicyWorld();
    await world.open();
    await world.connect({ continued: true });
    await world.policy.set(sentence);
    expect(world.said().filter((text) => text.startsWith("stored"))).toEqual(["stored: sotto-7-0"]);
    expect(world.reached()).toEqual(["sister", "team"]);
  });

  test("V01 on a fresh stream none begins before its first presence is asked for", async () => {
    const world = new PolicyWorld();
    await world.open();
    const setting = world.policy.set(sentence);
    while (world.announcer === undefined) await Promise.resolve();
    const { announcer } = world;
    const begin = announcer.begin.bind(announcer);
    let ask: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => { ask = resolve; });
    announcer.begin = (...how) => asked.then(() => begin(...how));
    const connecting = world.connect();
    await setting;
    await world.quiet();
    expect(world.sent).toEqual([]);
    ask();
    await connecting;
    expect(world.reached()).toEqual(["sister", "team"]);
  });

  test("V01 an override outlives new rules: it ends by its time, or when it is taken back", async () => {
    const world = await online();
    await world.policy.override({ level: "offline", until: world.clock.now() + 60_000 });
    await world.policy.set({ groups: { Team: "chat" }, others: "busy" });
    expect(world.policy.effective(team)).toMatchObject({ level: "offline", why: { kind: "override" } });
    expect(world.reached()).toEqual([]);
    await world.policy.override(undefined);
    expect(world.reached()).toEqual(["sister", "friend", "team"]);
  });
});

describe("what goes with presence", () => {
  test("V01 presence that the application directs is looked at again with every change of the rules, also of those that change no list", async () => {
    const world = await online();
    const before = world.reviews;
    await world.policy.set({ ...sentence, contacts: { "stranger@verona.example": "busy" } });
    expect(world.reviews).toBeGreaterThan(before);
  });

  test("and said again when everybody was told for a moment that we are gone: the server takes it back with that", async () => {
    const world = await online();
    await world.policy.set({ ...sentence, contacts: { [sister]: "offline" } });
    expect([world.directed, world.said().includes("all: gone")]).toEqual([[], false]);
    world.contact(team, "from", "Team"); // of whom nobody hears when he comes
    await world.policy.set({ ...sentence, contacts: { [team]: "offline" } });
    expect([world.directed, world.said().includes("all: gone")]).toEqual([["lost", "again"], true]);
  });

  test("another priority reaches the server", async () => {
    const world = await online();
    world.sent.length = 0;
    await world.announcer?.changed({ kind: "available", show: "available", priority: -1 });
    await world.quiet();
    expect(world.sent.filter(({ name, attrs }) => name === "presence" && attrs["to"] === undefined).map((stanza) => JSON.stringify(stanza))).toEqual([expect.stringContaining('"-1"')]);
  });
});

describe("other clients and servers", () => {
  test("V01 V02 another client of ours that overwrites the list in force is noticed by the push", async () => {
    const world = await online();
    world.said();
    const name = world.active ?? "";
    await overwritten(world);
    expect(world.reached()).toEqual(["sister", "team"]);
    expect(world.active).not.toBe(name);
  });

  test.each([
    ["another client has overwritten the list in force", overwritten],
    ["what was said last has not arrived before the session went on", (world: PolicyWorld) => {
      world.disconnect();
      return world.connect({ continued: true, handled: 0 });
    }],
  ] as const)("V01 V02 %s, and the server takes no other list: we are gone for everybody, until it does", async (_what, happens) => {
    const world = await online();
    world.said();
    world.ways.refuses = "list";
    await happens(world);
    expect(world.said().filter((text) => !text.endsWith(": probe"))).toEqual(["stored: sotto-7-1", "all: gone"]);
    expect(world.policy.state.getSnapshot().kind).toBe("failed");
    await world.comes(friend);
    await world.turn(60_000);
    expect(shows(world.said())).toEqual([]);
    delete world.ways.refuses;
    await world.turn(300_000);
    expect([world.reached(), shows(world.said())]).toEqual([["sister", "team"], ["all: dnd"]]);
  });

  test("V01 a policy that could not begin in the middle of a session leaves nothing standing that everybody sees", async () => {
    const world = new PolicyWorld();
    world.standard = "mine";
    world.serverLists.set("mine", xml("jabber:iq:privacy", "list", { name: "mine" }, xml("jabber:iq:privacy", "item", { action: "allow", order: "1" })));
    await world.open();
    await world.connect();
    world.ways.brokenLists = true;
    await expect(world.policy.set(sentence)).rejects.toMatchObject({ code: "ERR_POLICY_FAILED" });
    expect(world.said()).toEqual(["all: gone"]);
    delete world.ways.brokenLists;
    await world.turn(5_000);
    expect(world.reached()).toEqual(["sister", "team"]);
    expect(world.said().filter((what) => what.startsWith("all"))).toEqual(["all: dnd"]);
  });

  test.each([
    ["continued", { lists: false }, "refused"], ["continued", { broken: true }, "failed"], ["continued", { brokenRoster: true }, "failed"],
    ["restored", { lists: false }, "refused"], ["restored", { brokenLists: true }, "failed"],
  ] as const)("V01 V02 nor one that was set offline and cannot begin where the session goes on (%s, %o): what was shown before it is taken back, once", async (how, ways, state) => {
    const world = new PolicyWorld();
    world.standard = "mine";
    await world.open();
    await world.policy.set(sentence);
    Object.assign(world.ways, ways);
    await world.connect({ [how]: true });
    expect([world.said(), world.policy.state.getSnapshot().kind]).toEqual([["all: gone"], state]);
    await world.turn(60_000); // it is tried again
    expect([world.said(), world.policy.state.getSnapshot().kind]).toEqual([[], state]);
  });

  test.each(["continued", "restored"] as const)("V01 V02 nor one that was set offline and whose list the server refuses where the session goes on (%s), and nothing stands while it is tried again", async (how) => {
    const world = new PolicyWorld({ refuses: "list" });
    await world.open();
    await world.policy.set(sentence);
    await world.connect({ [how]: true });
    const presence = (): readonly string[] => world.said().filter((text) => !text.startsWith("stored") && !text.endsWith(": probe"));
    expect([presence(), world.policy.state.getSnapshot().kind]).toEqual([["all: gone"], "failed"]);
    await world.turn(60_000);
    expect([presence(), world.policy.state.getSnapshot().kind]).toEqual([[], "failed"]);
  });

  test("V01 a clearing that the server refused shows nobody more, also when the step is tried again", async () => {
    const world = await online();
    world.ways.refuses = "list";
    await expect(world.policy.set(undefined)).rejects.toMatchObject({ code: "ERR_POLICY_FAILED" });
    delete world.ways.refuses;
    await world.turn(10_000);
    expect(world.reached()).toEqual(["sister", "team"]);
    expect(world.policy.effective(friend)).toMatchObject({ level: "offline", shown: "nothing" });
  });
});

test("V01 what the user says of himself while the connection is gone holds as the session goes on: nobody is shown first what he said before", async () => {
  for (const step of ["stored: sotto-7-1", "in force: sotto-7-1"]) {
    const world = await online();
    const changing = world.policy.set({ groups: { Family: "available" }, others: "offline" }).catch(() => undefined);
    const said: string[] = [];
    while (!said.includes(step)) {
      await Promise.resolve();
      said.push(...world.said());
    }
    world.disconnect();
    await changing;
    world.own = { kind: "unavailable" };
    const back = world.connect({ continued: true, handled: 0 });
    await Promise.all([back, world.announcer?.changed(world.own)]); // as whoever brings it to the announcer does
    await world.quiet();
    expect(world.said().filter((text) => / (available|dnd|xa|away|chat)/.test(text))).toEqual([]);
    expect(world.policy.effective(sister)).toMatchObject({ shown: "nothing" });
  }
});

/** Lets what is under way go on until a list was stored. */
async function untilStored(world: PolicyWorld): Promise<void> {
  while (!world.said().some((text) => text.startsWith("stored:"))) await Promise.resolve();
}

const shows = (said: readonly string[]): readonly string[] => said.filter((text) => / (available|dnd|xa|away|chat)/.test(text));

test("V01 a user who turns out to be unavailable while the first presence is prepared, or a change is on its way, is shown to nobody any more", async () => {
  const world = new PolicyWorld();
  await world.open();
  await world.policy.set(sentence);
  const connecting = world.connect();
  await untilStored(world);
  world.announcer?.foresee?.({ kind: "unavailable" });
  await connecting;
  expect(shows(world.said())).toEqual([]);
  await world.announcer?.changed(world.own);
  await world.comes(team);
  expect(shows(world.said())).toEqual(["all: dnd", "team: available (at my desk)"]);
  const changing = world.policy.set({ others: "available" });
  await untilStored(world);
  world.announcer?.foresee?.({ kind: "unavailable" });
  expect(world.said()).toEqual(["team: gone", "all: gone"]); // the server is not waited for
  await changing;
  await world.quiet();
  expect([shows(world.said()), world.policy.effective(team)?.shown]).toEqual([[], "nothing"]);
  await world.announcer?.changed(world.own);
  expect(shows(world.said())).toEqual(["all: available (at my desk)"]);
});

describe("a policy that is taken away", () => {
  test("V01 while the connection is gone shows nobody first what the user said before", async () => {
    const world = await online();
    await world.comes(team);
    world.disconnect();
    await world.policy.set(undefined);
    world.own = { kind: "available", show: "away" };
    world.said();
    await world.connect({ continued: true, handled: 0 });
    await world.quiet();
    expect([...new Set(shows(world.said()))]).toEqual(["all: away"]);
    expect(world.announcer).toBeUndefined();
  });

  test("V01 where it could not begin in a session of an earlier process leaves no list of that in force", async () => {
    for (const lists of [true, false]) {
      const world = new PolicyWorld({ lists, brokenRoster: true });
      await world.open();
      await world.policy.set(sentence);
      world.active = "sotto-7-earlier";
      await world.connect({ restored: true });
      expect(world.policy.state.getSnapshot().kind).toBe("failed");
      await world.policy.set(undefined);
      expect([world.active, world.policy.current.getSnapshot(), world.errors]).toEqual([lists ? undefined : "sotto-7-earlier", undefined, []]);
    }
  });

  test("V01 in vain, while the user says that he is less there: what he said before does not stand for that", async () => {
    const world = await online({ others: "chat" });
    world.said();
    const { rows } = world.disk;
    rows.delete = () => { throw new StorageError("ERR_STORE_FULL", "full"); };
    const clearing = world.policy.set(undefined);
    await Promise.resolve();
    world.own = { kind: "available", show: "xa" };
    const order: string[] = [];
    const changing = world.announcer?.changed(world.own).then(() => { order.push(...shows(world.said()), "said"); });
    await expect(clearing.finally(() => order.push("over"))).rejects.toMatchObject({ code: "ERR_STORE_FULL" });
    await changing;
    expect(order).toEqual(["over", "all: xa", "said"]); // nobody is told that it was said before it was
    expect(world.policy.effective(team)).toMatchObject({ level: "xa", shown: "exact" });
  });
});
