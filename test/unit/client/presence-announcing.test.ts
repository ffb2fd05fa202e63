/** What the user says of himself: in order, on every stream, through whichever announcer is in use. Threats V01, H07. @module */
import { describe, expect, test } from "vitest";
import { ObservableValue } from "../../../src/base/events.js";
import { changedAvailability } from "../../../src/client/presence/availability.js";
import type { Availability, PresenceAnnouncer } from "../../../src/client/presence/announcer.js";
import type { PolicyControl } from "../../../src/client/presence/policy-door.js";
import type { CurrentPolicy, PolicyState } from "../../../src/client/presence-policy/types.js";
import { begun, fakeConnection, presenceWorld } from "../../support/presence-world.js";

const away = "<presence><show>away</show></presence>";
const gone = '<presence type="unavailable"/>';

/** Writes down its calls; one at a time can be held. */
class Recorder implements PresenceAnnouncer {
  readonly calls: string[] = [];
  hold: Promise<void> | undefined;
  failure: Error | undefined;
  running = 0;
  runningMax = 0;

  attach = (): void => { this.calls.push("attach"); };
  detach = (): void => { this.calls.push("detach"); };
  begin = (_connection: unknown, availability: Availability): Promise<void> => this.#call(`begin ${inShort(availability)}`);
  changed = (availability: Availability): Promise<void> => this.#call(`changed ${inShort(availability)}`);
  farewell = (): Promise<void> => this.#call("farewell");

  async #call(name: string): Promise<void> {
    this.calls.push(name);
    this.runningMax = Math.max(this.runningMax, ++this.running);
    try {
      await this.hold;
      if (this.failure !== undefined) throw this.failure;
    } finally {
      this.running--;
    }
  }
}

const inShort = (availability: Availability): string => (availability.kind === "available" ? availability.show : availability.kind);

describe("the user's availability", () => {
  test("is available at first; given fields replace, undefined ones go, others stay, and a status goes with its language", () => {
    let now: Availability = { kind: "available", show: "available" };
    now = changedAvailability(now, { show: "away", statuses: { "": "out", en: "" }, priority: 3, idleSince: 5 });
    expect(now).toEqual({ kind: "available", show: "away", statuses: { "": "out" }, priority: 3, idleSince: 5 });
    expect(changedAvailability(now, { show: undefined, idleSince: undefined })).toEqual({ kind: "available", show: "available", statuses: { "": "out" }, priority: 3 });
    expect(changedAvailability(now, "unavailable")).toEqual({ kind: "unavailable" });
    expect(changedAvailability({ kind: "unavailable" }, { show: "chat" })).toEqual({ kind: "available", show: "chat" });
  });

  test("that is impossible is refused and changes nothing", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    const wrong: object[] = [
      { show: "offline" }, { priority: 128 }, { priority: -129 }, { priority: 0.5 }, { idleSince: NaN }, { idleSince: -1 }, { idleSince: 1e15 },
      { statuses: { "": "\u0000" } }, { statuses: { "": "x".repeat(1_025) } }, { statuses: { "": 5 } }, { statuses: { "no tag": "x" } },
      { statuses: "out" }, { statuses: ["out"] }, { status: "out" }, { kind: "unavailable" }, ["away"],
      { statuses: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`l${String(i)}`, "x"])) },
    ];
    for (const change of wrong) await expect(world.presence.set(change)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    for (const change of ["away", undefined, null]) await expect(world.presence.set(change as never)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    await expect(world.presence.direct("juliet@x", undefined as never)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    expect([world.presence.own.getSnapshot(), fake.sent]).toEqual([{ kind: "available", show: "available" }, []]);
    await world.presence.set({ priority: 127, statuses: { "": "x".repeat(1_024) } });
    await world.presence.set({ statuses: Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`l${String(i)}`, "x"])) });
    await world.presence.set({ priority: -128, statuses: undefined });
    expect(fake.sent.at(-1)).toBe("<presence><priority>-128</priority></presence>");
  });
});

describe("without a policy", () => {
  test("the first presence of a stream carries what was said before it, capabilities included; a change is said at once, and it ends with a farewell", async () => {
    const world = presenceWorld();
    await world.presence.set({ show: "away" });
    const fake = fakeConnection();
    world.presence.attach(fake.connection);
    await world.presence.set({ show: "xa" });
    expect(fake.sent).toEqual([]); // the roster is not there yet
    await world.presence.set({ show: "away" });
    await world.presence.prepare(fake.connection);
    expect([fake.sent, fake.stanzas[0]?.children.at(-1)]).toEqual([[away], world.capabilities.element()]);
    await world.presence.set("unavailable");
    await world.presence.set("unavailable");
    await world.presence.set({ show: "chat" });
    await world.presence.farewell(fake.connection);
    expect(fake.sent).toEqual([away, gone, "<presence><show>chat</show></presence>", gone]);
  });

  test("a user who is unavailable shows nobody that this client is there", async () => {
    const world = presenceWorld();
    await world.presence.set("unavailable");
    const fake = await begun(world);
    await world.presence.farewell(fake.connection);
    expect(fake.stanzas).toEqual([]);
  });

  test("a stream that goes on keeps what was shown, and gets what was said in between", async () => {
    const world = presenceWorld();
    await begun(world);
    world.presence.detach();
    const quiet = fakeConnection({ continued: true, start: "resumed" });
    world.presence.attach(quiet.connection);
    expect(quiet.sent).toEqual([]);
    world.presence.detach();
    await world.presence.set({ show: "away" });
    const resumed = fakeConnection({ continued: true, start: "resumed" });
    world.presence.attach(resumed.connection);
    await expect.poll(() => resumed.sent).toEqual([away]);
    await world.presence.set("unavailable");
    expect(resumed.sent).toEqual([away, gone]);
  });

  test("a session that another process began may be shown: it is withdrawn first, so that the contacts' servers are asked again", async () => {
    for (const [change, expected] of [[{ show: "away" }, [gone, away]], ["unavailable", [gone]]] as const) {
      const world = presenceWorld();
      await world.presence.set(change);
      const fake = fakeConnection({ start: "resumed" });
      world.presence.attach(fake.connection);
      await world.presence.prepare(fake.connection);
      expect(fake.sent).toEqual(expected);
    }
  });

  test("H07 a stream that breaks under a change: the caller is told, and the next stream has it; a farewell never fails", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    fake.broken = true;
    await expect(world.presence.set({ show: "away" })).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
    world.capabilities.add(["urn:x"]);
    await expect.poll(() => world.errors.length).toBe(1);
    await world.presence.farewell(fake.connection);
    world.presence.detach();
    const next = fakeConnection();
    world.presence.attach(next.connection);
    await world.presence.prepare(next.connection);
    expect(next.sent).toEqual([away]);
    next.broken = true;
    await expect(world.presence.set({ show: "xa" })).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
    world.presence.detach();
    const resumed = fakeConnection({ continued: true });
    world.presence.attach(resumed.connection);
    await expect.poll(() => resumed.sent).toEqual(["<presence><show>xa</show></presence>"]);
  });
});

/** A connection on which `recorder` is at its beginning until it is released. */
async function heldAtItsBeginning({ presence }: ReturnType<typeof presenceWorld>, recorder: Recorder) {
  const fake = fakeConnection();
  presence.attach(fake.connection);
  let release: () => void = () => undefined;
  recorder.hold = new Promise((resolve) => { release = resolve; });
  const beginning = presence.prepare(fake.connection);
  await Promise.resolve();
  return { fake, release, beginning };
}

describe("announcers", () => {
  test("are called one at a time; of the wishes that wait only the last is told", async () => {
    const world = presenceWorld();
    const recorder = new Recorder();
    await world.presence.use(recorder);
    const { fake, release, beginning } = await heldAtItsBeginning(world, recorder);
    const wishes = ["chat", "away", "xa"].map((show) => world.presence.set({ show: show as "xa" }));
    release();
    await Promise.all([beginning, ...wishes, world.presence.farewell(fake.connection)]);
    expect(recorder.calls).toEqual(["attach", "begin available", "changed xa", "farewell"]);
    expect(recorder.runningMax).toBe(1);
    await world.presence.set({ show: "dnd" });
    expect(recorder.calls).toHaveLength(4); // after the farewell nothing is said any more
  });

  test("V01 is told at once what the user says while it is at work, if it wants to know: to show less does not wait", async () => {
    const world = presenceWorld();
    const foreseen: Availability[] = [];
    const recorder = Object.assign(new Recorder(), { foresee: (availability: Availability) => { foreseen.push(availability); } });
    await world.presence.use(recorder);
    await world.presence.set({ show: "xa" });
    const { release, beginning } = await heldAtItsBeginning(world, recorder);
    const gone = world.presence.set("unavailable");
    for (let i = 0; i < 5; i++) await Promise.resolve();
    expect([foreseen, recorder.calls]).toEqual([[{ kind: "unavailable" }], ["attach", "begin xa"]]);
    release();
    await Promise.all([beginning, gone]);
    expect(recorder.calls.at(-1)).toBe("changed unavailable");
  });

  test("V01 one that takes over in mid-stream begins with what is said now; what it throws reaches the caller, and it stays", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    const recorder = new Recorder();
    recorder.failure = new TypeError("no");
    await expect(world.presence.use(recorder)).rejects.toThrow("no");
    expect(recorder.calls).toEqual(["attach", "begin available"]);
    recorder.failure = undefined;
    await world.presence.set({ show: "away" });
    expect([recorder.calls.at(-1), fake.sent]).toEqual(["changed away", []]);
    await world.presence.use(undefined);
    await world.presence.set("unavailable");
    expect([recorder.calls.at(-1), fake.sent]).toEqual(["detach", [away, gone]]);
  });

  test("V01 one that takes over begins with what stands, not with what was said meanwhile: that it is told next; the plain one says nothing of the past", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    const recorder = new Recorder();
    await Promise.all([world.presence.use(recorder), world.presence.set({ show: "xa" })]);
    expect([recorder.calls, fake.sent]).toEqual([["attach", "begin available", "changed xa"], []]);
    await Promise.all([world.presence.use(undefined), world.presence.set("unavailable")]);
    expect([recorder.calls.at(-1), fake.sent]).toEqual(["detach", [gone]]);
  });

  test("V01 the plain one withdraws what a former announcer has shown, also if the user is unavailable by then", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    const recorder = new Recorder();
    await world.presence.use(recorder);
    await world.presence.set("unavailable");
    await world.presence.use(undefined);
    expect([recorder.calls, fake.sent]).toEqual([["attach", "begin available", "changed unavailable", "detach"], [gone]]);
  });
});

describe("the policy", () => {
  const policy: CurrentPolicy = { rules: { others: "busy" }, withoutPrivacyLists: "refuse", state: { kind: "waiting" }, outside: ["other-clients"], emptyGroups: [] };

  test("is loaded once, when somebody asks for it; a failure to load is tried again, and each change of its state reaches directed presence", async () => {
    const state = new ObservableValue<PolicyState>({ kind: "none" });
    const current = new ObservableValue<CurrentPolicy | undefined>(policy);
    const calls: unknown[] = [];
    let loads = 0;
    let limit: "chat" | "dnd" = "chat";
    const control = {
      state, set: async (...given: unknown[]) => { calls.push(given); return { reached: "stored", losses: [], outside: [] }; },
      override: async (...given: unknown[]) => { calls.push(given); return { reached: "stored", losses: [], outside: [] }; },
      setContext: (context: unknown) => { calls.push(context); }, effective: (jid: string) => ({ level: "busy", why: { kind: "others" }, shown: "exact", jid }),
      current, end: () => { calls.push("end"); },
    } as unknown as PolicyControl;
    const world = presenceWorld({}, { loadPolicy: async () => { if (++loads === 1) throw new TypeError("no"); return control; } });
    const fake = await begun(world);
    const recorder = Object.assign(new Recorder(), { limit: () => ({ show: limit }) });
    await world.presence.use(recorder);
    await world.presence.direct("a@x", { show: "chat" });
    let told = 0;
    world.presence.currentPolicy.subscribe(() => { told++; });
    world.presence.end(); // nothing is there that could end
    expect([loads, world.presence.effective("a@x"), world.presence.currentPolicy.getSnapshot()]).toEqual([0, undefined, undefined]);
    await expect(world.presence.policy({ others: "busy" })).rejects.toThrow("no");
    expect(await world.presence.policy({ others: "busy" }, { withoutPrivacyLists: "degrade" })).toMatchObject({ reached: "stored" });
    await world.presence.override({ level: "xa", until: 5 });
    await world.presence.setContext({ inCall: true });
    await world.presence.openPolicy();
    expect([loads, calls]).toEqual([2, [[{ others: "busy" }, { withoutPrivacyLists: "degrade" }], [{ level: "xa", until: 5 }], { inCall: true }]]);
    expect(world.presence.effective("a@x")).toMatchObject({ level: "busy" });
    expect([world.presence.currentPolicy.getSnapshot(), told, world.presence.hasPolicy]).toEqual([policy, 1, true]);
    current.set(undefined);
    expect([world.presence.currentPolicy.getSnapshot(), told, world.presence.hasPolicy]).toEqual([undefined, 2, false]);
    state.set({ kind: "applying" });
    limit = "dnd";
    state.set({ kind: "in-force", losses: [] });
    await expect.poll(() => fake.sent).toEqual(['<presence to="a@x"><show>chat</show></presence>', '<presence to="a@x"><show>dnd</show></presence>']);
    limit = "chat"; // what the application wished is not forgotten
    state.set({ kind: "in-force", losses: [] });
    await expect.poll(() => fake.sent.at(-1)).toBe('<presence to="a@x"><show>chat</show></presence>');
    world.presence.end();
    expect(calls.at(-1)).toBe("end");
    await expect(presenceWorld().presence.policy(undefined)).rejects.toMatchObject({ code: "ERR_INTERNAL" });
  });
});
