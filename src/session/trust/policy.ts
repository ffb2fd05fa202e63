/**
 * The trust port: what a policy decides, and the states a key can be in.
 * Trust belongs to (account, bare address, identity key), never to a device id (docs/protocol.md 6.1, threats T09).
 * Policies: blind-trust.ts, manual.ts. Not here: where states are stored (trust-store.ts), fingerprints (crypto/fingerprint.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";

/**
 * `undecided`: nobody has decided; `trusted`: by the policy alone; `authenticated`: by the user, who compared
 * fingerprints; `distrusted`: refused by the user.
 */
export type TrustState = "undecided" | "trusted" | "authenticated" | "distrusted";

/** The circumstances under which a key is seen for the first time. */
export interface FirstSight {
  /** Owner of the key. */
  readonly jid: BareJid;
  /** True for another device of our own account. */
  readonly own: boolean;
  /** True if a key of this owner was ever authenticated. */
  readonly ownerAuthenticated: boolean;
  /** True if the device had another key before (threats T07). */
  readonly replacesKey: boolean;
}

/** Decides without asking anybody; a user's decision always stands above it. Pure. */
export interface TrustPolicy {
  /** A name for reports, for instance `"blind-trust-before-verification"`. */
  readonly name: string;
  /** The state of a key that was never seen before; stored. */
  firstSight(circumstances: FirstSight): "undecided" | "trusted";
  /** Whether content may be encrypted to a key in that state. Never asked for `distrusted` and `undecided`. */
  mayReceive(state: "trusted" | "authenticated"): boolean;
}
