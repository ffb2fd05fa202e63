import fc from "fast-check";
import { expect, test } from "vitest";
import { nodeProvider } from "../../src/crypto/node-provider.js";
import { legacyProfile } from "../support/legacy-profile.js";
import { omemo2Profile } from "../../src/session/omemo2/profile.js";
import { runWorld, type Weather } from "../support/ratchet-world.js";

const seed = Number(process.env["SOTTO_SEED"] ?? Date.now() % 0x7fff_ffff);
console.info(`SOTTO_SEED=${String(seed)}`);

const messagesPerWorld = 2_000;
const worldsPerProfile = 26;

const percent = (max: number): fc.Arbitrary<number> => fc.nat(max).map((n) => n / 100);

const weather: fc.Arbitrary<Weather> = fc.record({
  seed: fc.nat(0x7fff_ffff),
  loss: percent(15),
  duplicate: percent(20),
  damage: percent(10),
  restart: percent(3),
  delay: fc.nat(40),
  burst: percent(97),
});

// About half a minute of computing; the limit is for machines that do other things besides.
const timeoutMs = 600_000;

test("R10 C09 R06 two devices agree after any mix of loss, delay, repetition, reordering, damage and restart", { timeout: timeoutMs }, () => {
  let sent = 0;
  for (const profile of [omemo2Profile, legacyProfile]) {
    fc.assert(
      fc.property(weather, (conditions) => {
        sent += runWorld(nodeProvider, profile, conditions, messagesPerWorld).sent;
      }),
      { seed, numRuns: worldsPerProfile },
    );
  }
  expect(sent).toBeGreaterThanOrEqual(100_000);
});
