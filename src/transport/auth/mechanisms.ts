/**
 * Which SASL mechanism is used: the strongest that is offered, bound to the TLS channel where both sides can, never below the account's floor.
 * Spec: RFC 6120 section 6.3.3; RFC 5802 section 6 (the gs2 flag); XEP-0440 section 3; XEP-0474 section 5. Threats N07, N10, N12.
 * ANONYMOUS and everything unknown is never chosen.
 * @module
 */
import type { Bytes } from "../../base/bytes.js";
import { TransportError } from "../errors.js";
import { type MechanismName, mechanismNames } from "./mechanism-names.js";
import type { ScramBinding, ScramHash } from "./scram.js";

/** A mechanism to be run. */
export type Mechanism =
  | {
    readonly kind: "scram"; readonly name: MechanismName; readonly hash: ScramHash; readonly binding: ScramBinding;
    /** What the server has offered, in the form of XEP-0474. */
    readonly offered: string;
    /** The server must prove that this is what it offered. */
    readonly proofRequired: boolean;
  }
  | { readonly kind: "plain"; readonly name: "PLAIN" };

const scramHashes: Readonly<Partial<Record<MechanismName, ScramHash>>> = {
  "SCRAM-SHA-1": "SHA-1", "SCRAM-SHA-256": "SHA-256", "SCRAM-SHA-512": "SHA-512",
};

/** Below any SCRAM the password itself would leave; that takes an explicit floor of PLAIN. */
export const defaultMechanismFloor: MechanismName = "SCRAM-SHA-1";

/** Kinds of channel binding, strongest first (RFC 9266, RFC 5929). */
export const bindingTypes = ["tls-exporter", "tls-server-end-point"] as const;

/** Name of a kind of channel binding. */
export type BindingType = (typeof bindingTypes)[number];

/** What the server offers. */
export interface Offer {
  readonly mechanisms: readonly string[];
  /** Kinds of channel binding (XEP-0440); `undefined` if the server says nothing of them. */
  readonly bindings: readonly string[] | undefined;
  /** Offered by SASL 2, where servers must announce their kinds of channel binding. */
  readonly strict: boolean;
}

/** What may be used. */
export interface MechanismRules {
  readonly floor: MechanismName;
  /** The link is verified TLS. */
  readonly secure: boolean;
  /** What binds to this channel; `undefined` if the platform cannot tell. */
  readonly binding: (type: BindingType) => Bytes | undefined;
}

/** The kinds of channel binding that both sides can, strongest first. */
export function commonBindings(offer: Pick<Offer, "bindings">, binding: MechanismRules["binding"]): readonly { readonly type: BindingType; readonly data: Bytes }[] {
  return bindingTypes.flatMap((type) => {
    const data = offer.bindings?.includes(type) === true ? binding(type) : undefined;
    return data === undefined ? [] : [{ type, data }];
  });
}

/**
 * Chooses among what the server offers.
 * @throws TransportError `ERR_AUTH_MECHANISM` if nothing offered is at or above the floor, if only PLAIN is and the link is not verified TLS,
 *   or if the offer of channel binding is incomplete in a way that only an attacker or a defect explains (XEP-0440 rules 4 and 5).
 */
export function chooseMechanism(offer: Offer, rules: MechanismRules): Mechanism {
  const allowed = mechanismNames.slice(mechanismNames.indexOf(rules.floor)).reverse();
  const [common] = commonBindings(offer, rules.binding);
  const able = bindingTypes.some((type) => rules.binding(type) !== undefined);
  const boundOffered = offer.mechanisms.some((name) => name.endsWith("-PLUS"));
  if (able && offer.strict && boundOffered !== (offer.bindings !== undefined)) throw refused(rules, { reason: "channel-binding" });
  const scram = (name: MechanismName, binding: ScramBinding): Mechanism | undefined => {
    const hash = scramHashes[name];
    // XEP-0474 section 5: without a common kind, and without the one that servers must have, the offer itself has to be proven.
    const proofRequired = able && boundOffered && common === undefined && offer.bindings?.includes("tls-server-end-point") === false;
    return hash === undefined ? undefined : { kind: "scram", name, hash, binding, offered: offeredText(offer), proofRequired };
  };
  if (common !== undefined) {
    const bound = allowed.find((name) => offer.mechanisms.includes(`${name}-PLUS`));
    const mechanism = bound === undefined ? undefined : scram(bound, { flag: "p", ...common });
    if (mechanism !== undefined) return mechanism;
  }
  // "y" says: I could, you did not offer. A server that did offer then knows that somebody has taken it away.
  const flag = able && !boundOffered ? "y" : "n";
  for (const name of allowed) {
    if (!offer.mechanisms.includes(name)) continue;
    const mechanism = scram(name, { flag });
    if (mechanism !== undefined) return mechanism;
    if (rules.secure) return { kind: "plain", name: "PLAIN" };
  }
  throw refused(rules, {});
}

// XEP-0474 section 4.1: both lists sorted, between separators that XML cannot hold.
function offeredText(offer: Offer): string {
  const list = (names: readonly string[]): string => [...names].sort().join("\u001e");
  return list(offer.mechanisms) + (offer.bindings === undefined ? "" : `\u001f${list(offer.bindings)}`);
}

function refused(rules: MechanismRules, details: Readonly<Record<string, string>>): TransportError {
  return new TransportError("ERR_AUTH_MECHANISM", "the server offers no mechanism that this account may use", { details: { floor: rules.floor, ...details } });
}
