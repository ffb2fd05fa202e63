/**
 * SASL over a stream: one exchange, one state machine, strictly in order.
 * Spec: RFC 6120 section 6. Threats N07, N08, N11, N12, N17. Not here: the arithmetic (scram.ts), the choice (mechanisms.ts).
 * @module
 */
import { fromBase64, toBase64 } from "../../base/base64.js";
import { utf8, utf8Decode, type Bytes } from "../../base/bytes.js";
import { randomId, type Rng } from "../../base/rng.js";
import { childElements, xml, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import type { Mechanism } from "./mechanisms.js";
import { preparePassword } from "./prepare.js";
import { readScramChallenge, scramFinish, scramStart, scramVerdict, type ScramFinish } from "./scram.js";

/** Namespace of SASL. */
export const saslNamespace = "urn:ietf:params:xml:ns:xmpp-sasl";

/** How the exchange reaches the server. */
export interface SaslLink {
  write(element: XmlElement): Promise<void>;
  next(): Promise<XmlElement>;
}

/** Who logs in. */
export interface SaslCredentials {
  readonly username: string;
  readonly password: string;
}

const conditions: ReadonlySet<string> = new Set([
  "aborted", "account-disabled", "credentials-expired", "encryption-required", "incorrect-encoding", "invalid-authzid",
  "invalid-mechanism", "malformed-request", "mechanism-too-weak", "not-authorized", "temporary-auth-failure",
]);

/**
 * Runs `mechanism`; resolves when both sides have proven themselves.
 * @throws TransportError `ERR_AUTH_REJECTED`, `ERR_AUTH_TEMPORARY` (retryable), `ERR_AUTH_SERVER`: the server did not prove that it knows the
 *   password; do not send the proof to it again.
 */
export async function authenticate(link: SaslLink, mechanism: Mechanism, credentials: SaslCredentials, rng: Rng): Promise<void> {
  if (mechanism.kind === "plain") {
    await link.write(auth(mechanism, utf8(`\0${credentials.username}\0${preparePassword(credentials.password)}`)));
    await receive(link, ["success"]);
    return;
  }
  const start = scramStart(credentials.username, randomId(rng));
  await link.write(auth(mechanism, utf8(start.message)));
  const challenge = readScramChallenge(textIn(await receive(link, ["challenge"])), start);
  const finish = await scramFinish(mechanism.hash, credentials.password, start, challenge);
  await link.write(xml(saslNamespace, "response", {}, toBase64(utf8(finish.message))));
  const last = await receive(link, ["success", "challenge"]);
  requireProof(textIn(last), finish);
  if (last.name === "success") return;
  // Some servers put their proof into a challenge of its own, to be answered by nothing (RFC 6120 section 6.4.3).
  await link.write(xml(saslNamespace, "response"));
  await receive(link, ["success"]);
}

function auth(mechanism: Mechanism, initial: Bytes): XmlElement {
  return xml(saslNamespace, "auth", { mechanism: mechanism.name }, toBase64(initial));
}

function requireProof(text: string, finish: ScramFinish): void {
  const verdict = scramVerdict(text, finish);
  if (verdict === "rejected") throw new TransportError("ERR_AUTH_REJECTED", "the server refused the login", { details: { condition: "not-authorized" } });
  if (verdict === "unproven") {
    throw new TransportError("ERR_AUTH_SERVER", "the server did not prove that it knows the password", { details: { reason: "signature" } });
  }
}

async function receive(link: SaslLink, expected: readonly ("challenge" | "success")[]): Promise<XmlElement> {
  const element = await link.next();
  const name = element.ns === saslNamespace ? element.name : "";
  if (name === "failure") throw failure(element);
  if ((expected as readonly string[]).includes(name)) return element;
  throw new TransportError("ERR_STREAM_PROTOCOL", "the server broke the order of the login", { details: { reason: "sasl-order" } });
}

function failure(element: XmlElement): TransportError {
  const condition = childElements(element).find((child) => child.ns === saslNamespace && conditions.has(child.name))?.name ?? "undefined-condition";
  const details = { details: { condition } };
  return condition === "temporary-auth-failure"
    ? new TransportError("ERR_AUTH_TEMPORARY", "the server cannot authenticate now", { ...details, retryable: true })
    : new TransportError("ERR_AUTH_REJECTED", "the server refused the login", details);
}

/** Text of a SASL element; `=` stands for nothing (RFC 6120 section 6.4.2). Anything unreadable reads as nothing and then fails its check. */
function textIn(element: XmlElement): string {
  const text = element.children.filter((child) => typeof child === "string").join("");
  const bytes = text === "=" ? undefined : fromBase64(text);
  return bytes === undefined ? "" : utf8Decode(bytes) ?? "";
}
