/**
 * Blind trust before verification: new keys are trusted until one key of their owner was authenticated; from then on
 * new keys wait for a decision. What was trusted blindly before stays trusted, as in Conversations (docs/protocol.md 6.1).
 * A key that replaces another one under a known device always waits (threats R05, T07).
 * @module
 */
import type { TrustPolicy } from "./policy.js";

/**
 * The default: new keys are trusted until the user has authenticated one key of their owner; from then on new keys wait (`undecided`) and get
 * nothing. A key that replaces another one under a known device always waits. Own devices are treated like those of contacts; the application
 * is told of each: until one of them was authenticated, a device that our server adds gets copies of all we send (threats T12).
 * {@link blindTrustForContacts} lets own devices wait too.
 */
export const blindTrustBeforeVerification: TrustPolicy = {
  name: "blind-trust-before-verification",
  firstSight: ({ ownerAuthenticated, replacesKey }) => (ownerAuthenticated || replacesKey ? "undecided" : "trusted"),
  mayReceive: () => true,
};

/**
 * The same for contacts; every other device of the own account waits until the user has authenticated it, so that one which our server adds gets
 * nothing (threats T12).
 */
export const blindTrustForContacts: TrustPolicy = {
  name: "blind-trust-for-contacts",
  firstSight: (sight) => (sight.own ? "undecided" : blindTrustBeforeVerification.firstSight(sight)),
  mayReceive: () => true,
};
