/**
 * SCRAM, the client's side, as pure checks around one key derivation. Nothing here talks to anybody.
 * Spec: RFC 5802, RFC 7677 (SHA-256), draft-melnikov-scram-sha-512. RFC 9266, XEP-0474.
 * Threats N08 (server signature), N09 (nonce, rounds, salt), N10 (channel binding, proof of the offer), H09.
 * @module
 */
import { fromBase64, toBase64 } from "../../base/base64.js";
import { concatBytes, equalBytes, utf8, wipe, type Bytes } from "../../base/bytes.js";
import { scramIterationsMax, scramIterationsMin, scramSaltBytesMin } from "../../base/limits.js";
import { TransportError } from "../errors.js";
import { preparePassword } from "./prepare.js";

/** Hash functions of SCRAM, in WebCrypto's names. */
export type ScramHash = "SHA-1" | "SHA-256" | "SHA-512";

/**
 * How the exchange is bound to the TLS channel: `p` it is; `y` the client could and the server did not offer it; `n` the client could not
 * (RFC 5802 section 6).
 */
export type ScramBinding = { readonly flag: "n" | "y" } | { readonly flag: "p"; readonly type: string; readonly data: Bytes };

const hashBytes: Readonly<Record<ScramHash, number>> = { "SHA-1": 20, "SHA-256": 32, "SHA-512": 64 };

/** First message of the client, and what the later steps need of it. */
export interface ScramStart {
  readonly nonce: string;
  readonly bare: string;
  /** What the proof covers of the channel. */
  readonly binding: Bytes;
  /** What is sent. */
  readonly message: string;
}

/** Begins an exchange. `nonce` is printable ASCII without a comma, at least 128 random bits. */
export function scramStart(username: string, nonce: string, binding: ScramBinding): ScramStart {
  const name = username.replace(/[=,]/g, (c) => (c === "=" ? "=3D" : "=2C"));
  const bare = `n=${name},r=${nonce}`;
  const gs2Header = binding.flag === "p" ? `p=${binding.type},,` : `${binding.flag},,`;
  return { nonce, bare, binding: concatBytes(utf8(gs2Header), binding.flag === "p" ? binding.data : new Uint8Array(0)), message: gs2Header + bare };
}

/** The server's challenge, checked. */
export interface ScramChallenge {
  readonly text: string;
  readonly nonce: string;
  readonly salt: Bytes;
  readonly iterations: number;
  /** XEP-0474: hash over what the server says it has offered. */
  readonly offerHash: string | undefined;
}

/**
 * Reads and checks the server's first message (threats N09).
 * @throws TransportError `ERR_AUTH_SERVER` with `details.reason`
 */
export function readScramChallenge(text: string, start: ScramStart): ScramChallenge {
  const match = /^r=([\x21-\x2b\x2d-\x7e]{1,1024}),s=([A-Za-z0-9+/=]{1,1024}),i=([1-9][0-9]{0,9})((?:,[a-zA-Z]=[^\0,]{0,4096}){0,16})$/.exec(text);
  // A mandatory extension `m=` stands first and does not match: it must fail (RFC 5802 section 5.1).
  if (match === null) throw refused("syntax");
  const [, nonce = "", saltText = "", rounds = "", extensions = ""] = match;
  const salt = fromBase64(saltText);
  const iterations = Number(rounds);
  if (!nonce.startsWith(start.nonce) || nonce.length === start.nonce.length) throw refused("nonce");
  if (salt === undefined || salt.length < scramSaltBytesMin) throw refused("salt");
  if (iterations < scramIterationsMin || iterations > scramIterationsMax) throw refused("iterations");
  return { text, nonce, salt, iterations, offerHash: /,h=([^,]*)/.exec(extensions)?.[1] };
}

/**
 * Compares what we were offered with what the server says it has offered.
 * @throws TransportError `ERR_AUTH_SERVER` with `details.reason` `offer`: somebody has changed the offer (XEP-0474 section 4.2)
 */
export async function proveOffer(mechanism: { readonly hash: ScramHash; readonly offered: string; readonly proofRequired: boolean }, challenge: ScramChallenge): Promise<void> {
  if (challenge.offerHash === undefined) {
    if (mechanism.proofRequired) throw refused("offer");
    return;
  }
  const said = fromBase64(challenge.offerHash);
  const seen = await platform(mechanism.hash, async () => new Uint8Array(await globalThis.crypto.subtle.digest(mechanism.hash, utf8(mechanism.offered))));
  if (said === undefined || !equalBytes(said, seen)) throw refused("offer");
}

/** The client's proof, and the signature with which the server proves that it knows the password too. */
export interface ScramFinish {
  readonly message: string;
  readonly serverSignature: Bytes;
}

/**
 * Answers a checked challenge. The derivation runs in the platform's native code, off this thread.
 * @throws UsageError `ERR_INVALID_ARGUMENT` (prepare.ts); TransportError `ERR_CRYPTO_UNAVAILABLE` if the platform has no such code
 */
export async function scramFinish(hash: ScramHash, password: string, start: ScramStart, challenge: ScramChallenge): Promise<ScramFinish> {
  const secret = utf8(preparePassword(password));
  try {
    return await platform(hash, () => derive(hash, secret, start, challenge));
  } finally {
    wipe(secret);
  }
}

/** What the platform computes. @throws TransportError `ERR_CRYPTO_UNAVAILABLE` if it has no WebCrypto, or not this hash */
export async function platform<T>(hash: ScramHash, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch {
    // Only the platform's code runs in there. Trying again would not change it, and its errors are not ours to vouch for (threats H02).
    throw new TransportError("ERR_CRYPTO_UNAVAILABLE", "this platform cannot compute the login", { details: { hash } });
  }
}

async function derive(hash: ScramHash, secret: Bytes, start: ScramStart, challenge: ScramChallenge): Promise<ScramFinish> {
  const { subtle } = globalThis.crypto; // both are missing in places, whatever their types say
  const withoutProof = `c=${toBase64(start.binding)},r=${challenge.nonce}`;
  const authMessage = utf8(`${start.bare},${challenge.text},${withoutProof}`);
  const material = await subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
  const parameters = { name: "PBKDF2", hash, salt: challenge.salt, iterations: challenge.iterations };
  const salted = new Uint8Array(await subtle.deriveBits(parameters, material, 8 * hashBytes[hash]));
  const clientKey = await hmac(hash, salted, utf8("Client Key"));
  const storedKey = new Uint8Array(await subtle.digest(hash, clientKey));
  const clientSignature = await hmac(hash, storedKey, authMessage);
  const proof = clientKey.map((byte, i) => byte ^ (clientSignature[i] as number));
  const serverKey = await hmac(hash, salted, utf8("Server Key"));
  const serverSignature = await hmac(hash, serverKey, authMessage);
  wipe(salted, clientKey, storedKey, serverKey);
  return { message: `${withoutProof},p=${toBase64(proof)}`, serverSignature };
}

/** What the server's last message says. */
export type ScramVerdict = "proven" | "rejected" | "unproven";

/** Checks the server's last message. `rejected`: the server reports an error of its own. */
export function scramVerdict(text: string, finish: ScramFinish): ScramVerdict {
  if (/^e=/.test(text)) return "rejected";
  const signature = /^v=([A-Za-z0-9+/=]{1,256})(?:,|$)/.exec(text)?.[1];
  const bytes = signature === undefined ? undefined : fromBase64(signature);
  return bytes !== undefined && equalBytes(bytes, finish.serverSignature) ? "proven" : "unproven";
}

/** RFC 2104, by the platform: to be called within {@link platform}. */
export async function hmac(hash: ScramHash, key: Bytes, data: Bytes): Promise<Bytes> {
  const { subtle } = globalThis.crypto;
  const imported = await subtle.importKey("raw", key, { name: "HMAC", hash }, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", imported, data));
}

function refused(reason: "syntax" | "nonce" | "salt" | "iterations" | "offer"): TransportError {
  return new TransportError("ERR_AUTH_SERVER", "the server's challenge is not one we answer", { details: { reason } });
}
