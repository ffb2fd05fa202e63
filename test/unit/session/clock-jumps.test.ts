/** Clocks that jump: nothing is thrown away early because of one jump, whichever way it goes. Threats Q18, R12, R23. */
import { expect, test } from "vitest";
import { archivedSessionAgeMsMax, archivedSessionsMax, signedPreKeyRotationMs } from "../../../src/base/limits.js";
import type { SendPlan } from "../../../src/session/outcome.js";
import { body, conversation, juliet, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

const day = 24 * 60 * 60 * 1000;
const jump = 3 * archivedSessionAgeMsMax;
const signedPreKeyOf = (world: World, device: TestDevice): number | undefined => world.server.bundles.get(`${device.jid} ${device.id}`)?.signedPreKeyId;
const archived = (device: TestDevice): number => [...device.disk.rows.keys()].filter((key) => key.startsWith("omemo/2/archive/")).length;

/** Sends over what was fetched earlier. */
async function sendLate(from: TestDevice, to: TestDevice, plan: SendPlan, text: string): Promise<string> {
  const outcome = await from.ledger.run((tx) => from.omemo.seal(tx, plan, [body(text)], { to: to.jid }));
  if (outcome.kind !== "sealed") throw new RangeError(outcome.kind);
  return textOfOutcome(await to.open(from.jid, outcome.message));
}

async function renew(from: TestDevice, to: TestDevice, text: string): Promise<void> {
  await from.ledger.run((tx) => from.omemo.resetSession(tx, to.address));
  expect(textOfOutcome(await to.open(from.jid, await from.send(to.jid, text)))).toBe(text);
}

test("Q18 a clock that jumps ahead by more than a week and back rotates the signed prekey once, and the one that others hold still works", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const plan = await a.omemo.prepare([juliet]); // holds the bundle with signed prekey 1
  const before = world.clock.time;
  world.clock.time += signedPreKeyRotationMs + day;
  await b.omemo.announce();
  expect(signedPreKeyOf(world, b)).toBe(2);
  world.clock.time = before;
  for (let login = 0; login < 3; login++) {
    await b.omemo.announce();
    expect(signedPreKeyOf(world, b)).toBe(2);
  }
  expect(await sendLate(a, b, plan, "by the old bundle")).toBe("by the old bundle");
});

test("Q18 a clock that is set back rotates nothing and publishes nothing; the week counts from then", async () => {
  const world = new World();
  const { disk } = await world.device(juliet);
  world.clock.time -= jump;
  world.server.log.length = 0;
  const b = await world.device(juliet, { disk }); // at the start of a process, and after it
  await b.omemo.announce();
  expect(world.server.log.filter((line) => line.startsWith("publish"))).toEqual([]);
  world.clock.time += signedPreKeyRotationMs - 1;
  await b.omemo.announce();
  expect(signedPreKeyOf(world, b)).toBe(1);
  world.clock.time += 1;
  await b.omemo.announce();
  expect(signedPreKeyOf(world, b)).toBe(2);
});

test("Q18 R12 sessions that are archived while the clock is ahead drive nothing out but by number: with the time right again late messages still open", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const late = await a.send(juliet, "late");
  await b.open(romeo, await a.send(juliet, "in time"));
  await renew(a, b, "renewed"); // archives the session of the late message
  const before = world.clock.time;
  world.clock.time += jump;
  for (let n = archived(b); n < archivedSessionsMax; n++) await renew(a, b, `ahead ${String(n)}`);
  expect(archived(b)).toBe(archivedSessionsMax);
  world.clock.time = before;
  expect(textOfOutcome(await b.open(romeo, late))).toBe("late");
});

test("Q18 R12 what was archived while the clock was ahead lives no longer for it once another session is archived", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const late = [await a.send(juliet, "late 0"), await a.send(juliet, "late 1")] as const;
  await b.open(romeo, await a.send(juliet, "in time"));
  world.clock.time += jump;
  await renew(a, b, "ahead");
  world.clock.time -= jump;
  await renew(a, b, "right again");
  world.clock.time += archivedSessionAgeMsMax;
  expect(textOfOutcome(await b.open(romeo, late[0]))).toBe("late 0");
  world.clock.time += 1;
  expect(textOfOutcome(await b.open(romeo, late[1]))).toBe("failed ERR_CRYPTO_DECRYPT");
});

test("Q18 R12 what is archived while the clock is behind still opens late messages when the time is right again, and for thirty days from then on", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const late = [await a.send(juliet, "late 0"), await a.send(juliet, "late 1"), await a.send(juliet, "late 2")] as const;
  await b.open(romeo, await a.send(juliet, "in time"));
  world.clock.time -= jump;
  await renew(a, b, "behind"); // archives the session of the late messages
  world.clock.time += jump;
  expect(textOfOutcome(await b.open(romeo, late[0]))).toBe("late 0");
  world.clock.time -= jump;
  await renew(a, b, "behind again"); // looks at the times of all archived sessions
  await b.ledger.run((tx) => b.omemo.resetSession(tx, a.address));
  world.clock.time += jump + archivedSessionAgeMsMax;
  expect(textOfOutcome(await b.open(romeo, late[1]))).toBe("late 1");
  world.clock.time += 1;
  expect(textOfOutcome(await b.open(romeo, late[2]))).toBe("failed ERR_SESSION_NONE");
});

test("Q18 a session that is reset while the clock is behind still opens late messages when the time is right again", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const late = await a.send(juliet, "late");
  await b.open(romeo, await a.send(juliet, "in time"));
  world.clock.time -= jump;
  await b.ledger.run((tx) => b.omemo.resetSession(tx, a.address));
  world.clock.time += jump;
  expect(textOfOutcome(await b.open(romeo, late))).toBe("late");
});
