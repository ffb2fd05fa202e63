/** The end of a connection is heard of, whenever somebody asks: threat N19. */
import { expect, test } from "vitest";
import { Ending } from "../../../src/transport/connection/ending.js";
import { Farewell } from "../../../src/transport/connection/farewell.js";
import { TransportError } from "../../../src/transport/errors.js";
import { managed, ManualClock, message, settle } from "../../support/memory-channel.js";

test("N19 an end that has passed is told all the same, once, behind this turn, and to nobody who does not want it any more", async () => {
  const ending = new Ending();
  const told: string[] = [];
  ending.subscribe(() => { told.push("early"); });
  ending.come({});
  ending.subscribe(() => { told.push("late"); });
  ending.subscribe(() => { told.push("gone"); })();
  expect(told).toEqual(["early"]);
  await Promise.resolve();
  await Promise.resolve();
  expect(told).toEqual(["early", "late"]);
});

test("N19 work that never settles ends with the connection, for its reason; what settles first counts, and no error but ours passes", async () => {
  const reason = new TransportError("ERR_STREAM_CONFLICT", "another client took over this resource");
  const never = new Promise<never>(() => undefined);
  const ending = new Ending();
  await expect(ending.before(Promise.resolve(1))).resolves.toBe(1);
  await expect(ending.before(Promise.reject(new RangeError("of the platform")))).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
  const waiting = ending.before(never);
  ending.come({ error: reason });
  await expect(waiting).rejects.toBe(reason);
  await expect(ending.before(never)).rejects.toBe(reason);
  await expect(ending.before(Promise.reject(new RangeError("of the platform")))).rejects.toBe(reason);
  const closed = new Ending();
  closed.come({});
  await expect(closed.before(never)).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
});

test("N19 a clean close waits two seconds for the server's half", async () => {
  const clock = new ManualClock();
  const farewell = new Farewell(false, clock);
  let destroyed = 0;
  farewell.say({ secure: true, write: () => Promise.resolve(), end: () => undefined, destroy: () => { destroyed++; } }, undefined, true);
  clock.advance(1_999);
  expect(destroyed).toBe(0);
  clock.advance(1);
  expect(destroyed).toBe(1);
  farewell.linkClosed();
  await farewell.done;
});

test("N19 nothing is waited for where no stream has begun or the stream has broken, and no timer is left once the link is gone", async () => {
  for (const [error, opened, said] of [[undefined, false, 0], [new TransportError("ERR_STREAM_LIMIT", "too much"), true, 1]] as const) {
    const clock = new ManualClock();
    const farewell = new Farewell(false, clock);
    const calls: string[] = [];
    // The link does not take the goodbye, which is nobody's concern any more.
    farewell.say({ secure: true, write: () => { calls.push("write"); return Promise.reject(new RangeError("of the platform")); }, end: () => { calls.push("end"); }, destroy: () => undefined }, error, opened);
    expect(calls).toEqual([...Array<string>(said).fill("write"), "end"]);
    farewell.linkClosed();
    await farewell.done;
    expect(clock.pending).toBe(0);
  }
});

test("N19 a clean close waits two seconds for a store that does not settle, so that what was taken in could be acknowledged", async () => {
  const clock = new ManualClock();
  const { channel, stream } = await managed(clock, { saveInbound: () => new Promise(() => undefined) });
  stream.onStanza(() => undefined);
  await settle();
  channel.receive(message("1"));
  const closing = stream.close();
  for (const [ms, open] of [[1_999, true], [1, false]] as const) {
    await settle();
    clock.advance(ms);
    await settle();
    expect(channel.isOpen).toBe(open);
  }
  await closing;
  expect(clock.pending).toBe(0);
});
