/** What a stream could not do when it began is done later, also where the stream breaks and is continued: threats D06, T02, T03, Q08. @module */
import { expect, test } from "vitest";
import type { Clock } from "../../../src/base/clock.js";
import type { Connection } from "../../../src/client/link.js";
import { OnlineDirectory } from "../../../src/client/online-directory.js";
import type { Roster } from "../../../src/client/roster/roster.js";
import { StreamSetup, type StreamSetupDeps } from "../../../src/client/stream-setup.js";
import { SessionError } from "../../../src/session/errors.js";
import { StorageError } from "../../../src/storage/errors.js";
import { connectionDouble } from "../../support/iq-double.js";
import { romeo } from "../../support/omemo-world.js";
import { ManualClock, quiet } from "../../support/outbox-world.js";
import { item, juliet, nurse, query, refusal, result, RosterWorld, settle } from "../../support/roster-world.js";

interface Scene {
  readonly errors: unknown[];
  /** What becomes of an announcement. */
  announcing: () => Promise<void>;
  announced: number;
  readonly setup: StreamSetup;
}

function scene(clock: Clock, roster: Pick<Roster, "prepare"> = { prepare: async () => undefined }): Scene {
  const errors: unknown[] = [];
  const nothing = async (): Promise<void> => undefined;
  const setup = new StreamSetup({
    clock, account: romeo, directory: new OnlineDirectory(), hasPolicy: false, onError: (error: unknown) => { errors.push(error); },
    ledger: { run: async (work: (tx: undefined) => unknown) => work(undefined) },
    omemo: {
      expireDeviceLists: () => undefined, settlePreKeys: nothing,
      announce: async () => {
        s.announced++;
        await s.announcing();
      },
    },
    roster, presence: { prepare: nothing }, gate: { met: () => undefined },
    rollback: { begin: nothing, isDue: async () => false }, witness: { ask: async () => "consistent" }, catchUp: nothing,
  } as unknown as StreamSetupDeps);
  const s: Scene = { errors, announcing: nothing, announced: 0, setup };
  return s;
}

/** One stream after the other. */
async function stream({ setup }: Scene, clock: ManualClock, continued: boolean): Promise<AbortController> {
  const over = new AbortController();
  const connection = {
    stream: connectionDouble(romeo).stream, iq: { handle: () => undefined, request: async () => undefined }, archive: { handleMessage: () => false },
    signal: over.signal, epoch: 1, continued,
  } as unknown as Connection;
  setup.attach(connection);
  const prepared = setup.prepare(connection);
  for (let n = 0; n < 4; n++) await clock.pass(5_000); // the announcements before `online`
  await prepared;
  return over;
}

const unavailable = (retryable = true): Promise<never> => Promise.reject(new SessionError("ERR_DIRECTORY_UNAVAILABLE", "scripted", { retryable }));

test("T02 an announcement that waited to be tried again when its stream broke is made on the stream that continues it, and once", async () => {
  const clock = new ManualClock();
  const s = scene(clock);
  s.announcing = unavailable;
  const first = await stream(s, clock, false);
  await clock.pass(0);
  expect(s.announced).toBe(4);
  first.abort();
  await quiet();
  const second = await stream(s, clock, true); // this one does not last either
  expect(s.announced).toBe(5);
  second.abort();
  await clock.pass(120_000);
  expect(s.announced).toBe(5); // without a stream nothing is tried
  s.announcing = async () => undefined;
  await stream(s, clock, true);
  expect(s.announced).toBe(6);
  await clock.pass(120_000);
  expect(s.announced).toBe(6);
});

test("T02 one that the end of the stream interrupted counts as not made, whatever it failed with", async () => {
  const clock = new ManualClock();
  const s = scene(clock);
  s.announcing = unavailable;
  const first = await stream(s, clock, false);
  let interrupt = (): void => undefined;
  s.announcing = () => new Promise((_, reject) => { interrupt = (): void => { reject(new RangeError("aborted")); }; }); // not worth another try, as it looks
  await clock.pass(60_000);
  first.abort();
  interrupt();
  await quiet();
  s.announcing = async () => undefined;
  const before = s.announced;
  await stream(s, clock, true);
  expect([s.announced, s.errors.length]).toEqual([before + 1, before - 1]);
});

test("L04 neither one that has succeeded nor one that was refused for good is made again on a stream that continues", async () => {
  for (const refused of [false, true]) {
    const clock = new ManualClock();
    const s = scene(clock);
    if (refused) s.announcing = () => unavailable(false);
    (await stream(s, clock, false)).abort();
    await stream(s, clock, true);
    await clock.pass(120_000);
    expect([s.announced, s.errors.length]).toEqual([1, refused ? 1 : 0]);
  }
});

/** A client whose first question for the roster the server answered with an error. */
async function withoutRoster(condition: string, type: string): Promise<{ readonly world: RosterWorld; readonly s: Scene }> {
  const world = await RosterWorld.open();
  const s = scene(world.clock, world.roster);
  const first = world.attach();
  s.setup.attach(first.connection);
  const prepared = s.setup.prepare(first.connection);
  first.arrive(result(first.asked("enable")), refusal(first.asked(), condition, type));
  await prepared;
  expect([world.roster.getSnapshot().freshness, s.errors.length]).toEqual(["cached", 1]);
  return { world, s };
}

const pass = (world: RosterWorld, ms: number): Promise<void> => {
  world.clock.advance(ms);
  return settle();
};
const questions = ({ stream: { sent } }: RosterWorld): number => sent.filter(({ children: [child] }) => typeof child === "object" && child.name === "query").length;

test.each([["resource-constraint", "wait"], ["internal-server-error", "cancel"]])("V05 a roster that the server could not give for now (%s) is asked for again on the same stream, until it is there", async (condition, type) => {
  const { world } = await withoutRoster(condition, type);
  await pass(world, 60_000);
  expect(questions(world)).toBe(2);
  world.stream.arrive(refusal(world.stream.asked(), condition, type));
  await quiet();
  await pass(world, 60_000);
  expect(questions(world)).toBe(3);
  world.stream.arrive(result(world.stream.asked(), query("1", item(juliet, { subscription: "both" }))));
  await quiet();
  expect([world.roster.getSnapshot().freshness, world.view]).toEqual(["synchronized", ["juliet - [] both"]]);
  await pass(world, 120_000);
  expect(questions(world)).toBe(3);
});

test("V05 it is asked for again on a stream that continues: the client does not stay without it for the whole session", async () => {
  const { world, s } = await withoutRoster("resource-constraint", "wait");
  await world.cut();
  const resumed = world.attach({ continued: true });
  s.setup.attach(resumed.connection);
  await s.setup.prepare(resumed.connection);
  await pass(world, 0);
  resumed.arrive(result(resumed.asked(), query("1", item(nurse, { subscription: "both" }))));
  await quiet();
  const changing = world.roster.set(nurse, { name: "Nurse" });
  await quiet();
  resumed.arrive(result(resumed.asked()));
  await expect(changing).resolves.toBeUndefined();
});

test("L04 a server that has no rosters is not asked again", async () => {
  const { world, s } = await withoutRoster("service-unavailable", "cancel");
  await pass(world, 120_000);
  expect(questions(world)).toBe(1);
  await world.cut();
  const resumed = world.attach({ continued: true });
  s.setup.attach(resumed.connection);
  await s.setup.prepare(resumed.connection);
  await pass(world, 120_000);
  expect(questions(world)).toBe(0);
});

const full = (): StorageError => new StorageError("ERR_STORE_FULL", "scripted", { retryable: true });

test("D06 a client whose store is too full for the roster comes online all the same, and keeps the roster when there is room", async () => {
  const clock = new ManualClock();
  let asked = 0;
  let room = false;
  const s = scene(clock, { prepare: async () => {
    asked++;
    if (!room) throw full();
  } });
  await stream(s, clock, false); // resolves: it is online
  expect([asked, s.announced, s.errors]).toEqual([1, 1, [full()]]);
  await clock.pass(60_000);
  expect([asked, s.errors.length]).toEqual([2, 2]);
  room = true;
  await clock.pass(60_000);
  await clock.pass(60_000);
  expect([asked, s.errors.length]).toEqual([3, 2]);
});

test("D06 T02 an announcement behind `online` that finds the store full is made when there is room", async () => {
  const clock = new ManualClock();
  const s = scene(clock);
  s.announcing = unavailable;
  await stream(s, clock, false);
  s.announcing = () => Promise.reject(full());
  await clock.pass(60_000);
  const before = s.announced;
  s.announcing = async () => undefined;
  await clock.pass(60_000);
  await clock.pass(60_000);
  expect([s.announced, s.errors.at(-1)]).toEqual([before + 1, full()]);
});

test("D13 one that a damaged store refuses is told, and not made again", async () => {
  const clock = new ManualClock();
  const s = scene(clock);
  s.announcing = unavailable;
  await stream(s, clock, false);
  const damaged = new StorageError("ERR_STORE_CORRUPT", "scripted");
  s.announcing = () => Promise.reject(damaged);
  await clock.pass(60_000);
  const before = s.announced;
  await clock.pass(120_000);
  expect([s.announced, s.errors.at(-1)]).toEqual([before, damaged]);
});
