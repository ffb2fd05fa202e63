/** How often a leader is asked whether it is there, and how soon a frozen one is found out whenever it froze (D10). */
import { describe, expect, test } from "vitest";
import { leaderAnswerMsMax, leaderQuestionGapMs } from "../../../src/base/limits.js";
import type { HubMessage } from "../../../src/tabs/hub-messages.js";
import { join, leaderOf } from "../../support/hub-stage.js";
import { TabWorld } from "../../support/tab-world.js";

describe("a leader that is waited for", () => {
  test.each([
    ["just after the wait began", 1, false],
    ["just after it has answered somebody who waits", leaderQuestionGapMs + 1, false],
    ["just before the wait began, and has answered a question until then", 1, true],
  ])("D10 one that freezes %s is replaced well within a second", async (_when, after, calls) => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    second.hub.waiting(true);
    await world.advance(after);
    if (calls) second.hub.waiting(false);
    first.tab.freeze();
    if (calls) second.hub.waiting(true);
    await world.advance(leaderQuestionGapMs + leaderAnswerMsMax);
    expect(leaderOf(world, [first, second])).toBe(second);
    expect(leaderQuestionGapMs + leaderAnswerMsMax).toBeLessThan(900); // the store has to be opened, too
  });

  test("one that answers is asked four times a second at most, however many calls there are, and not at all without one", async () => {
    const world = new TabWorld();
    const [, second] = [await join(world), await join(world)];
    let questions = 0;
    world.lose = (message) => {
      if ((message as HubMessage).kind === "who") questions += 1;
      return false;
    };
    for (let i = 0; i < 100; i++) {
      second.hub.waiting(true);
      await world.advance(9);
      second.hub.waiting(false);
      await world.advance(1);
    }
    expect(questions).toBeGreaterThanOrEqual(3);
    expect(questions).toBeLessThanOrEqual(1000 / leaderQuestionGapMs);
    await world.advance(100_000);
    expect(questions).toBeLessThanOrEqual(1000 / leaderQuestionGapMs);
    expect(world.timers).toBe(0);
  });
});
