/** Names of SASL mechanisms: apart from mechanisms.ts, which is loaded with the first connection. @module */

/** Mechanisms that Sotto speaks, weakest first. Those of SCRAM are bound to the channel where possible; that does not change the name. */
export const mechanismNames = ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

/** Name of a mechanism. */
export type MechanismName = (typeof mechanismNames)[number];
