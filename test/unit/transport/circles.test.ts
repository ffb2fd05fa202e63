/** Pages of an archive that lead in circles: threats Q03, L02. */
import { expect, test } from "vitest";
import { circleWatch } from "../../../src/transport/features/circles.js";

test("Q03 a circle of any length is noticed, wherever it begins, after a few times as many pages", () => {
  for (const lead of [0, 1, 3, 100]) {
    for (const length of [1, 2, 3, 7, 64, 100]) {
      const leadsBack = circleWatch();
      let pages = 0;
      for (let at = 0; !leadsBack(String(at)); at = at + 1 < lead + length ? at + 1 : lead) pages += 1;
      expect(pages).toBeGreaterThanOrEqual(lead + length - (lead > 0 ? 1 : 0) - 1);
      expect(pages).toBeLessThanOrEqual(4 * (lead + length));
    }
  }
});

test("pages that go on are never taken for a circle", () => {
  const leadsBack = circleWatch();
  for (let page = 0; page < 10_000; page++) expect(leadsBack(String(page))).toBe(false);
});
