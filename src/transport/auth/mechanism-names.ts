/** Names of SASL mechanisms: apart from mechanisms.ts, which is loaded with the first connection. @module */

/** Name of a mechanism (SASL). */
export type MechanismName = "PLAIN" | "SCRAM-SHA-1" | "SCRAM-SHA-256" | "SCRAM-SHA-512";

/** Mechanisms that Sotto speaks, weakest first. Those of SCRAM are bound to the channel where possible; that does not change the name. */
export const mechanismNames: readonly MechanismName[] = ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];
