/**
 * Blind trust before verification: new keys are trusted until one key of their owner was authenticated; from then on
 * new keys wait for a decision. What was trusted blindly before stays trusted, as in Conversations (omemo.md 6.1).
 * A key that replaces another one under a known device always waits (threats R05, T07).
 * @module
 */
import type { TrustPolicy } from "./policy.js";

/** The default. Own devices are treated like those of contacts; the application is told of each (threats T12). */
export const blindTrustBeforeVerification: TrustPolicy = {
  name: "blind-trust-before-verification",
  firstSight: ({ ownerAuthenticated, replacesKey }) => (ownerAuthenticated || replacesKey ? "undecided" : "trusted"),
  mayReceive: () => true,
};

/** The same for contacts; every other device of the own account waits until it was approved (threats T12). */
export const blindTrustForContacts: TrustPolicy = {
  name: "blind-trust-for-contacts",
  firstSight: (sight) => (sight.own ? "undecided" : blindTrustBeforeVerification.firstSight(sight)),
  mayReceive: () => true,
};
