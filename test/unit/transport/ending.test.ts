/** The end of a connection is heard of, whenever somebody asks: threat N19. */
import { expect, test } from "vitest";
import { Ending } from "../../../src/transport/connection/ending.js";
import { TransportError } from "../../../src/transport/errors.js";

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
