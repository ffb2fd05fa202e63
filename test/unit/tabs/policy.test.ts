/** The presence policy as a tab has it: read back, watched, and what contacts see under it, also when nothing but time has passed. Threats V01. */
import { expect, test } from "vitest";
import { calm, juliet, testWorld, when } from "../../support/facade-world.js";
import { ManualClock } from "../../support/memory-channel.js";

const inTheMorning = { others: [{ level: "xa", when: { between: { from: "00:01", until: "00:02", timeZone: "UTC" } } }, { level: "available" }] } as const;

async function turn(clock: ManualClock, ms: number): Promise<void> {
  clock.advance(ms);
  await calm();
}

test("V01 an override and a time window that end by themselves end for every tab, and who watches the policy is told", async () => {
  const clock = new ManualClock();
  const there = testWorld({ autoConnect: true, clock });
  const [{ client, host }, { client: second }] = [await there.open(), await there.tab()];
  await client.ready();
  await client.presence.policy(inTheMorning, { withoutPrivacyLists: "degrade" });
  await client.presence.override({ level: "offline", until: clock.now() + 30_000 });
  const level = (): (string | undefined)[] => [host.client, client, second].map(({ presence }) => presence.effective(juliet)?.level);
  await calm();
  expect(level()).toEqual(["offline", "offline", "offline"]);
  const told: string[] = [];
  second.presence.currentPolicy.subscribe(() => { told.push(second.presence.effective(juliet)?.level ?? "none"); });
  const before = second.presence.currentPolicy.getSnapshot();
  expect(before?.override).toEqual({ level: "offline", until: 30_000 });

  await turn(clock, 31_000);
  expect(level()).toEqual(["available", "available", "available"]);
  expect(second.presence.currentPolicy.getSnapshot()).not.toHaveProperty("override");
  expect(told.at(-1)).toBe("available");
  await turn(clock, 30_000);
  expect(level()).toEqual(["xa", "xa", "xa"]);
  expect(told.at(-1)).toBe("xa");
  await turn(clock, 60_000);
  expect(level()).toEqual(["available", "available", "available"]);
  expect(second.presence.currentPolicy.getSnapshot()?.rules).toBe(before?.rules);
});

test("the same without a stream, and the policy is there from the first moment of the next leader and of a new tab", async () => {
  const clock = new ManualClock();
  const there = testWorld({ clock });
  const { client, host } = await there.open();
  expect(client.presence.currentPolicy.getSnapshot()).toBeUndefined();
  await client.presence.policy(inTheMorning);
  await client.presence.override({ level: "busy", until: 30_000 });
  expect(client.presence.currentPolicy.getSnapshot()).toEqual(host.client.presence.currentPolicy.getSnapshot());
  expect(client.presence.currentPolicy.getSnapshot()).toBe(client.presence.currentPolicy.getSnapshot());
  await turn(clock, 31_000);
  expect(client.presence.currentPolicy.getSnapshot()).toEqual({
    rules: inTheMorning, withoutPrivacyLists: "refuse", state: { kind: "waiting" }, outside: ["other-clients", "personal-events"], emptyGroups: [],
  });
  const kept = client.presence.currentPolicy.getSnapshot();
  const next = await there.lead();
  expect(next.client.presence.currentPolicy.getSnapshot()).toEqual(kept);
  const { client: late } = await there.tab();
  expect(late.presence.currentPolicy.getSnapshot()).toEqual(kept);
  await client.presence.policy(undefined);
  await when(late.presence.currentPolicy, () => late.presence.currentPolicy.getSnapshot() === undefined);
  expect(client.presence.currentPolicy.getSnapshot()).toBeUndefined();
});

test("another reason or another context is told by one thing: the policy is another object when somebody's view is", async () => {
  const there = testWorld({ autoConnect: true });
  const { client } = await there.open();
  await client.ready();
  await client.presence.policy({ others: [{ level: "busy", when: { inCall: true } }, { level: "available" }] }, { withoutPrivacyLists: "degrade" });
  await calm();
  const levels: (string | undefined)[] = [];
  let last = client.presence.currentPolicy.getSnapshot();
  client.presence.currentPolicy.subscribe(() => {
    const now = client.presence.currentPolicy.getSnapshot();
    if (now !== last) levels.push(client.presence.effective(juliet)?.level);
    last = now;
  });
  await client.presence.setContext({ inCall: true });
  expect(levels.at(-1)).toBe("busy");
  await client.presence.setContext({ inCall: false });
  expect(levels.at(-1)).toBe("available");
});

test("a refusal crosses with its text, and a server that refuses is shown as the client shows it", async () => {
  const there = testWorld({ autoConnect: true });
  const { client, host } = await there.open();
  await client.presence.policy({ groups: { Famly: "busy" }, others: "offline" }); // before there is a stream: kept
  await client.ready();
  await when(client.presence.currentPolicy, () => client.presence.currentPolicy.getSnapshot()?.state.kind === "refused");
  const { state } = client.presence.currentPolicy.getSnapshot() ?? {};
  expect(state).toMatchObject({ kind: "refused", error: { name: "ClientError", code: "ERR_POLICY_UNSUPPORTED" } });
  await when(client.presence.currentPolicy, () => client.presence.currentPolicy.getSnapshot()?.emptyGroups.length === 1);
  expect(host.client.presence.currentPolicy.getSnapshot()?.emptyGroups).toEqual(["Famly"]);
  await expect(client.presence.policy({ others: "dnd" as never })).rejects.toMatchObject({
    code: "ERR_INVALID_ARGUMENT", message: expect.stringContaining('"busy" here') as string,
  });
  await expect(client.presence.override({ level: "offline", until: 1 })).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
});
