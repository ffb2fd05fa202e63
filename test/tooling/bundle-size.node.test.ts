/** What applications load does not grow unnoticed. The project's own limits are another matter: `npm run bundle-size` holds those. @module */
import { describe, expect, test } from "vitest";
import { bundleNames, bundles, bundleSize, report, type Budget } from "../../scripts/lib/bundle-size.mjs";
import { entryPoints } from "../../scripts/lib/entry-points.mjs";

describe("bundles of the sources", () => {
  for (const name of bundleNames) {
    test(`${name}: no budget is above what it was, and no part stands where it does not belong`, async () => {
      const sizes = await bundleSize(name, "src");
      const budgets: readonly Budget[] = bundles[name].budgets;
      for (const budget of budgets) {
        const size = sizes[budget.scope];
        console.info(report(budget, size).join("\n"));
        expect(size.gzip, `${budget.title}: bytes gzipped`).toBeLessThanOrEqual(budget.ceiling);
        // A ceiling far above is none: whoever saves something lowers it.
        expect(size.gzip, `${budget.title}: its ceiling may be lowered to about ${Math.ceil(size.gzip * 1.01).toString()}`).toBeGreaterThan(budget.ceiling * 0.97);
        expect(size.parts.map(({ part }) => part)).not.toContain(budget.without);
      }
    });
  }

  test("every entry for browsers is in one of them", () => {
    const sources = bundleNames.map((name) => bundles[name].source).join("");
    const entries = entryPoints().map(({ name }) => (name === "index" ? "sotto" : `sotto/${name.replaceAll("-", "/")}`));
    const forBrowsers = entries.filter((entry) => !/\/node$|\/testing/.test(entry));
    expect(forBrowsers.length).toBeGreaterThanOrEqual(6);
    for (const entry of forBrowsers) expect(sources).toContain(`"${entry}"`);
  });
});
