/**
 * Which SASL mechanism is used: the strongest that is offered, never one below the account's floor.
 * Spec: RFC 6120 section 6.3.3. Threats N07, N12. ANONYMOUS and everything unknown is never chosen.
 * @module
 */
import { TransportError } from "../errors.js";
import type { ScramHash } from "./scram.js";

/** Mechanisms that Sotto speaks, weakest first. */
export const mechanismNames = ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

/** Name of a mechanism. */
export type MechanismName = (typeof mechanismNames)[number];

/** A mechanism to be run. */
export type Mechanism =
  | { readonly kind: "scram"; readonly name: MechanismName; readonly hash: ScramHash }
  | { readonly kind: "plain"; readonly name: "PLAIN" };

const scramHashes: Readonly<Partial<Record<MechanismName, ScramHash>>> = {
  "SCRAM-SHA-1": "SHA-1", "SCRAM-SHA-256": "SHA-256", "SCRAM-SHA-512": "SHA-512",
};

/** Below any SCRAM the password itself would leave; that takes an explicit floor of PLAIN. */
export const defaultMechanismFloor: MechanismName = "SCRAM-SHA-1";

/**
 * Chooses among what the server offers.
 * @throws TransportError `ERR_AUTH_MECHANISM` if nothing offered is at or above the floor, or only PLAIN is and the link is not verified TLS.
 */
export function chooseMechanism(offered: readonly string[], options: { readonly floor: MechanismName; readonly secure: boolean }): Mechanism {
  for (const name of mechanismNames.slice(mechanismNames.indexOf(options.floor)).reverse()) {
    if (!offered.includes(name)) continue;
    const hash = scramHashes[name];
    if (hash !== undefined) return { kind: "scram", name, hash };
    if (options.secure) return { kind: "plain", name: "PLAIN" };
  }
  throw new TransportError("ERR_AUTH_MECHANISM", "the server offers no mechanism that this account may use", { details: { floor: options.floor } });
}
