/** What a policy says when it is refused: enough to mend it. Threats V01, H04. */
import { expect, test, vi } from "vitest";
import { readRules } from "../../../src/client/presence-policy/rules.js";
import { PolicyWorld } from "../../support/policy-world.js";

const text = (rules: unknown): string => {
  try {
    readRules(rules);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

test("an unknown level is named, and so are those that there are; what presence calls dnd is busy here", () => {
  expect(text({ others: "invisible" })).toBe('a presence policy with an unknown level "invisible": the levels are offline, xa, away, busy, available, chat');
  expect(text({ groups: { Family: "dnd" }, others: "offline" })).toContain('; what presence calls "dnd" is "busy" here');
  expect(text({ others: "invisible" })).not.toContain("dnd");
  expect(text({ others: { status: "x" } })).toContain("no level: the levels are offline,");
  expect(text({ others: { level: 7 } })).toContain("an unknown level: the levels");
});

test("an unknown field is named, and so are those that there may be", () => {
  expect(text({ other: "busy" })).toBe('a presence policy with an unknown field "other": there may be groups, contacts, others');
  expect(text({ others: [{ level: "busy", when: { incall: true } }, { level: "offline" }] })).toContain('"incall": there may be between, idle, inCall');
  expect(text({ others: { level: "busy", ["x".repeat(1_000)]: "\n" } }).length).toBeLessThan(200);
  expect(text({ others: { level: "busy", "a\nb": 1 } })).toContain('"a\\nb"');
});

test("something else where an object belongs is said with what belongs there", () => {
  expect(text({ others: [{ level: "busy", when: { inCall: true } }, "offline"] })).toContain("an object with level, status, when belongs");
  expect(text("busy")).toContain("an object with groups, contacts, others belongs");
});

test("V01 rules in a Map or a list would be none: refused", () => {
  expect(text({ groups: new Map([["Family", "busy"]]), others: "chat" })).toContain("an object of rules by name belongs");
  expect(text({ contacts: [["a@b", "busy"]], others: "chat" })).toContain("an object of rules by name belongs");
});

test("L03 a policy has 5,000 rules by name, 16 choices in one of them, and words of 1,024 characters; more is refused", () => {
  const rules = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i.toString()}@x.example`, "busy"]));
  const choices = (count: number): object[] => Array.from({ length: count }, (_, i) => (i === count - 1 ? { level: "offline" } : { level: "busy", when: { inCall: true } }));
  for (const more of [(n: number) => ({ contacts: rules(5_000 + n), others: "offline" }), (n: number) => ({ others: choices(16 + n) }), (n: number) => ({ others: { level: "busy", status: "x".repeat(1_024 + n) } })]) {
    expect([-1, 0, 1].map((n) => text(more(n)) === "")).toEqual([true, true, false]);
  }
});

test("an address that is none is named", () => {
  expect(() => readRules({ contacts: { "ann@example.org/phone": "busy" }, others: "offline" }))
    .toThrow(expect.objectContaining({ code: "ERR_INVALID_JID", message: expect.stringContaining('"ann@example.org/phone"') as string }) as Error);
});

test("V01 F21 two rules for one address, written in two ways, are refused: the one that hides us might be the one that does not count", () => {
  for (const twin of ["Ann@Example.org", "ann@example.org.", "\uff41nn@example.org"]) {
    expect(text({ contacts: { [twin]: "offline", "ann@example.org": "chat" }, others: "busy" })).toBe('a presence policy with two rules for one contact, written in two ways: "ann@example.org"');
  }
});

test.each<[string, unknown, string]>([
  ["an end that is over", { level: "offline", until: 1_000 }, "an end that is over"],
  ["an end now", { level: "offline", until: 5_000 }, "an end that is over"],
  ["no end", { level: "offline" }, "an end that is no time"],
  ["an end that is no number", { level: "offline", until: "10000" }, "an end that is no time"],
  ["an unknown level", { level: "dnd", until: 10_000 }, 'an unknown level "dnd": the levels are'],
  ["nothing", null, "no level"],
])("V01 an override with %s is refused and changes nothing", async (_what, override, said) => {
  const world = new PolicyWorld();
  await world.open();
  await world.policy.set({ others: "available" });
  world.clock.advance(5_000);
  await expect(world.policy.override(override as never)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT", message: expect.stringContaining(said) as string });
  expect(world.policy.current.getSnapshot()).not.toHaveProperty("override");
});

test("L04 a policy that the server keeps refusing is tried again after five seconds, then after twice as long each time, at last every five minutes", async () => {
  const world = new PolicyWorld({ broken: true });
  await world.open();
  await world.policy.set({ groups: { Family: "chat" }, others: "offline" });
  await world.connect();
  for (const seconds of [5, 10, 20, 40, 80, 160, 300, 300]) {
    const asked = world.sent.length;
    await world.turn(seconds * 1_000 - 1);
    expect(world.sent).toHaveLength(asked);
    await world.turn(1);
    expect(world.sent.length).toBeGreaterThan(asked);
  }
});

test("H07 a withdrawal that the server does not answer holds up the end of the stream for four seconds", async () => {
  const world = new PolicyWorld();
  await world.open();
  await world.policy.set({ groups: { Family: "chat" }, others: "offline" });
  await world.connect();
  const { announcer, connection } = world;
  if (announcer === undefined || connection === undefined) throw new RangeError("no stream");
  vi.spyOn(connection.iq, "request").mockReturnValue(new Promise(() => undefined));
  let isOver = false;
  const over = announcer.farewell(connection).then(() => { isOver = true; });
  for (const [ms, expected] of [[3_999, false], [1, true]] as const) {
    await world.turn(ms);
    expect(isOver).toBe(expected);
  }
  await over;
});
