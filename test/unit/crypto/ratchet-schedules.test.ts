import { expect, test } from "vitest";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { legacyProfile } from "../../support/legacy-profile.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import { runWorld } from "../../support/ratchet-world.js";

// The large run over many seeds is in test/property; here the same world runs where there is no Node.
test.each([
  [omemo2Profile, 1],
  [legacyProfile, 2],
] as const)("R10 C09 two devices agree after loss, delay, repetition, reordering, damage and restart: %#", (profile, seed) => {
  const weather = { seed, loss: 0.1, duplicate: 0.2, damage: 0.1, restart: 0.05, delay: 20, burst: 0.7 };
  const report = runWorld(nobleProvider, profile, weather, 500);
  expect(report.sent).toBe(500);
  expect(report.refused).toBeGreaterThan(100);
});
