/** Who leads, as one tab knows it: the newest epoch counts (D10). */
import { expect, test } from "vitest";
import { KnownLeader } from "../../../src/tabs/known-leader.js";

const wishes = { list: "work" } as const;
const news = (from: string, epoch: number): { readonly from: string; readonly epoch: number; readonly wishes: object } => ({ from, epoch, wishes });

test("D10 a leader of a newer epoch is followed, one of an older or of the same epoch is mistaken", () => {
  const known = new KnownLeader();
  expect(known.hear(news("one", 3))).toBe("new");
  expect(known.hear(news("two", 2))).toBe("past");
  expect(known.hear(news("two", 3))).toBe("past");
  expect(known.present).toEqual({ tab: "one", epoch: 3 });
  expect(known.hear(news("two", 4))).toBe("new");
  expect([known.isFrom({ from: "two", epoch: 4 }), known.isFrom({ from: "one", epoch: 3 })]).toEqual([true, false]);
});

test("who is known stays the same object, and brings new wishes", () => {
  const known = new KnownLeader();
  known.hear({ ...news("one", 1), wishes: {} });
  const { present } = known;
  expect(known.hear(news("one", 1))).toBe("known");
  expect(known.present).toBe(present);
  expect(known.wishes).toBe(wishes);
});

test("D10 whoever begins has a newer epoch than all that were heard of, also from those who lead no more", () => {
  const known = new KnownLeader();
  known.hear(news("one", 5));
  known.forget();
  expect(known.present).toBeUndefined();
  expect(known.hear(news("late", 5))).toBe("past");
  known.count(8);
  known.count(2);
  expect(known.begin("me")).toBe(9);
  expect([known.present, known.newest]).toEqual([{ tab: "me", epoch: 9 }, 9]);
});
