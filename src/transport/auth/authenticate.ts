/**
 * The exchange of a mechanism: one state machine, strictly in order, the same for SASL 1 and SASL 2.
 * Spec: RFC 6120 section 6, RFC 5802. Threats N07, N08, N10, N11, N12, N17.
 * Not here: the arithmetic (scram.ts), the choice (mechanisms.ts), the dress of messages (sasl.ts), tokens (fast.ts).
 * @module
 */
import { utf8 } from "../../base/bytes.js";
import { randomId, type Rng } from "../../base/rng.js";
import type { XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import type { Mechanism } from "./mechanisms.js";
import { preparePassword } from "./prepare.js";
import { receiveSasl, saslNamespace, saslResponse, type SaslLink, type SaslProfile } from "./sasl.js";
import { proveOffer, readScramChallenge, scramFinish, scramStart, scramVerdict, type ScramFinish } from "./scram.js";

/** Who logs in. */
export interface SaslCredentials {
  readonly username: string;
  readonly password: string;
}

/**
 * Runs `mechanism`; resolves with the server's `<success/>` when both sides have proven themselves.
 * @throws TransportError `ERR_AUTH_REJECTED`, `ERR_AUTH_TEMPORARY` (retryable), `ERR_AUTH_SERVER`: the server did not prove that it knows the
 *   password, or what it offered; do not send the proof to it again.
 */
export async function authenticate(link: SaslLink, profile: SaslProfile, mechanism: Mechanism, credentials: SaslCredentials, rng: Rng): Promise<XmlElement> {
  if (mechanism.kind === "plain") {
    await link.write(profile.start(mechanism.name, utf8(`\0${credentials.username}\0${preparePassword(credentials.password)}`)));
    return receiveSasl(link, profile, ["success"]);
  }
  const start = scramStart(credentials.username, randomId(rng), mechanism.binding);
  await link.write(profile.start(mechanism.binding.flag === "p" ? `${mechanism.name}-PLUS` : mechanism.name, utf8(start.message)));
  const challenge = readScramChallenge(profile.text(await receiveSasl(link, profile, ["challenge"])), start);
  await proveOffer(mechanism, challenge);
  const finish = await scramFinish(mechanism.hash, credentials.password, start, challenge);
  await link.write(saslResponse(profile, utf8(finish.message)));
  const last = await receiveSasl(link, profile, profile.namespace === saslNamespace ? ["success", "challenge"] : ["success"]);
  requireProof(profile.text(last), finish);
  if (last.name === "success") return last;
  // Some servers put their proof into a challenge of its own, to be answered by nothing (RFC 6120 section 6.4.3).
  await link.write(saslResponse(profile, undefined));
  return receiveSasl(link, profile, ["success"]);
}

function requireProof(text: string, finish: ScramFinish): void {
  const verdict = scramVerdict(text, finish);
  if (verdict === "rejected") throw new TransportError("ERR_AUTH_REJECTED", "the server refused the login", { details: { condition: "not-authorized" } });
  if (verdict === "unproven") {
    throw new TransportError("ERR_AUTH_SERVER", "the server did not prove that it knows the password", { details: { reason: "signature" } });
  }
}
