/**
 * Crash points of a real process on a real file system, one after the other: killed at its n-th commit or n-th write to the socket, n = 1, 2, 3 ... until
 * it does not get that far. Each life recovers from the death of the one before.
 */
import { describe, expect, test } from "vitest";
import { servers } from "../support/servers.js";
import { Arena } from "./arena.js";
import { enumerate, type Enumeration, type Role } from "./crash-points.js";
import type { Death } from "./child/mortality.js";
import { complaints } from "./verdict.js";

/** "After write n" is nearly "before write n + 1": one make has both, the other one of them. */
const deaths: Readonly<Record<(typeof servers)[number]["make"], readonly Omit<Death, "number">[]>> = {
  prosody: [
    { operation: "commit", moment: "before" }, { operation: "commit", moment: "after" },
    { operation: "write", moment: "before" }, { operation: "write", moment: "after" },
  ],
  ejabberd: [
    { operation: "commit", moment: "before" }, { operation: "commit", moment: "after" }, { operation: "write", moment: "after" },
  ],
};
const roles: readonly Role[] = ["sender", "answerer"];
const patience = 900_000;
let points = 0;

describe.each(servers)("on $make", (server) => {
  test("D01 Q17 Q22 a process that dies at every operation in turn sends and answers every message once", async () => {
    const arena = await Arena.open(server, 1);
    try {
      const kinds = roles.flatMap((role) => deaths[server.make].map((death) => ({ role, death })));
      const results = await threeAtATime(kinds, ({ role, death }) => enumerate(arena, role, death));
      for (const { role, death, verdict } of results) expect({ role, death, wrong: complaints(verdict) }).toEqual({ role, death, wrong: [] });
      expect(arena.keys().reused).toEqual([]);
      points += results.reduce((sum, result) => sum + result.points, 0);
    } finally {
      await arena.close();
    }
  }, patience);
});

test("D01 at least 300 crash points were hit on the way", () => {
  expect(points).toBeGreaterThanOrEqual(300);
});

/** Three at a time: more would only wait for the two processors. */
async function threeAtATime<T>(items: readonly T[], work: (item: T) => Promise<Enumeration>): Promise<readonly Enumeration[]> {
  const waiting = [...items];
  const results: Enumeration[] = [];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) results.push(await work(item));
  };
  await Promise.all([worker(), worker(), worker()]);
  return results;
}
