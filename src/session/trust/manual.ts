/** Verified only: nothing is encrypted to a key that the user has not authenticated (docs/protocol.md 6.1 "manual"). @module */
import type { TrustPolicy } from "./policy.js";

/** Every key waits for a decision; blind trust given under another policy does not count. */
export const verifiedOnly: TrustPolicy = {
  name: "verified-only",
  firstSight: () => "undecided",
  mayReceive: (state) => state === "authenticated",
};
