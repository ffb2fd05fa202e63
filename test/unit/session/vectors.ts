/** The transcripts as a suite that runs over any provider. @module */
import { describe, expect, test } from "vitest";
import type { CryptoProvider } from "../../../src/crypto/provider.js";
import { legacyProfile } from "../../support/legacy-profile.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import { scenariosOf } from "../../support/session-vector-format.js";
import { replay } from "../../support/session-vectors.js";
import legacyInterop from "../../vectors/legacy-interop.json" with { type: "json" };
import legacyLong from "../../vectors/legacy-sessions-long.json" with { type: "json" };
import legacySessions from "../../vectors/legacy-sessions.json" with { type: "json" };
import omemo2Interop from "../../vectors/omemo2-interop.json" with { type: "json" };
import omemo2Long from "../../vectors/omemo2-sessions-long.json" with { type: "json" };
import omemo2Sessions from "../../vectors/omemo2-sessions.json" with { type: "json" };

const files = [
  ["omemo:2, python-twomemo", omemo2Profile, omemo2Sessions],
  ["omemo:2, python-twomemo, long", omemo2Profile, omemo2Long],
  ["omemo:2, libomemo-c", omemo2Profile, omemo2Interop],
  ["legacy, python-oldmemo", legacyProfile, legacySessions],
  ["legacy, python-oldmemo, long", legacyProfile, legacyLong],
  ["legacy, libomemo-c", legacyProfile, legacyInterop],
] as const;

/** One test per scenario: what we send is equal byte for byte, what we refuse changes nothing (threats R06, R07, R10). */
export function sessionVectors(provider: CryptoProvider): void {
  for (const [title, profile, file] of files) {
    describe(`${title}, over ${provider.name}`, () => {
      for (const scenario of scenariosOf(file)) {
        test(`${scenario.name}: every message byte for byte, every refusal without a trace`, async () => {
          expect(await replay(provider, profile, scenario)).toBeGreaterThan(0);
        });
      }
    });
  }
}
