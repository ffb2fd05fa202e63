/** The end of a connection is heard of, whenever somebody asks: threat N19. */
import { expect, test } from "vitest";
import { Ending } from "../../../src/transport/connection/ending.js";

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
