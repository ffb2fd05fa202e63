/**
 * Tokens: a secret from the server that replaces the password of this installation, and the mechanisms that prove its possession.
 * Spec: XEP-0484; the HT mechanisms: draft-ietf-kitten-sasl-ht. Threats N20: a token is stored like a key, dropped when refused, works only on
 * verified TLS with the binding it was made for, and the server proves that it knows it too.
 * Not here: the exchange around it (sasl2.ts).
 * @module
 */
import { fromBase64 } from "../../base/base64.js";
import { concatBytes, equalBytes, utf8, type Bytes } from "../../base/bytes.js";
import type { Clock } from "../../base/clock.js";
import { findChild, xml, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { commonBindings, type MechanismRules, type Offer } from "./mechanisms.js";
import { hmac, platform } from "./scram.js";

/** Namespace of XEP-0484. */
export const fastNamespace = "urn:xmpp:fast:0";

/** A token of this installation for one account. The secret is a credential: store it like a key (threats N20). */
export interface FastToken {
  /** The mechanism that it was made for; it works with no other. */
  readonly mechanism: string;
  readonly secret: string;
  /** Who the installation is to the server: a UUID that stays with the token. */
  readonly clientId: string;
  /** When the server forgets it, in milliseconds since 1970. */
  readonly expiresAt?: number;
}

/** Where the application keeps the token of an account. What its functions throw is reported and costs no login. */
export interface FastTokens {
  /** The token that was saved last. */
  load(): Promise<FastToken | undefined>;
  /** Replaces it. */
  save(token: FastToken): Promise<void>;
  /** The server does not take it any more. */
  drop(): Promise<void>;
}

/** A mechanism for tokens and what it binds to. */
export interface FastMechanism {
  readonly name: string;
  readonly binding: Bytes;
}

const suffixes = { "tls-exporter": "EXPR", "tls-server-end-point": "ENDP" } as const;

/** The strongest token mechanism that both sides can: bound to the channel where possible. */
export function chooseFastMechanism(offered: readonly string[], offer: Offer, rules: MechanismRules): FastMechanism | undefined {
  const bound = commonBindings(offer, rules.binding).map(({ type, data }) => ({ name: `HT-SHA-256-${suffixes[type]}`, binding: data }));
  return [...bound, { name: "HT-SHA-256-NONE", binding: new Uint8Array(0) }].find(({ name }) => offered.includes(name));
}

/** True if `token` may be used with `mechanism`, the strongest one that is possible now: a token made for a weaker one is not (threats N20). */
export function usableToken(token: FastToken, mechanism: FastMechanism | undefined, clock: Clock): boolean {
  return token.mechanism === mechanism?.name && (token.expiresAt === undefined || token.expiresAt > clock.now());
}

/** The one message of the client. */
export async function tokenMessage(token: FastToken, mechanism: FastMechanism, username: string): Promise<Bytes> {
  return concatBytes(utf8(`${username}\0`), await tokenHash(token, "Initiator", mechanism));
}

/** What proves that the server knows the token too: computed ahead, for right behind its word come stanzas (threats N15). */
export function expectedTokenProof(token: FastToken, mechanism: FastMechanism): Promise<Bytes> {
  return tokenHash(token, "Responder", mechanism);
}

/**
 * Checks what the server has said in proof.
 * @throws TransportError `ERR_AUTH_SERVER`
 */
export function requireTokenProof(proof: string, expected: Bytes): void {
  const said = fromBase64(proof.trim());
  if (said !== undefined && equalBytes(said, expected)) return;
  throw new TransportError("ERR_AUTH_SERVER", "the server did not prove that it knows the token", { details: { reason: "token" } });
}

function tokenHash(token: FastToken, role: "Initiator" | "Responder", mechanism: FastMechanism): Promise<Bytes> {
  return platform("SHA-256", () => hmac("SHA-256", utf8(token.secret), concatBytes(utf8(role), mechanism.binding)));
}

/** Asks for a token. */
export function tokenRequest(mechanism: FastMechanism): XmlElement {
  return xml(fastNamespace, "request-token", { mechanism: mechanism.name });
}

/** The token in `<success/>`, if there is one. */
export function issuedToken(success: XmlElement, mechanism: FastMechanism, clientId: string): FastToken | undefined {
  const { expiry, token: secret } = findChild(success, fastNamespace, "token")?.attrs ?? {};
  if (secret === undefined || secret === "" || secret.length > 4_096) return undefined;
  const expiresAt = Date.parse(expiry ?? "");
  return { mechanism: mechanism.name, secret, clientId, ...(Number.isFinite(expiresAt) ? { expiresAt } : {}) };
}
