/**
 * Who an installation is to the server: a UUID (version 4 in form) that SASL 2 wants.
 * Spec: XEP-0388 section 2.3. With a stable resource it is derived from it, so that a new login ends the dead session of the same installation
 * (XEP-0386 section 3.2); else it is random.
 * @module
 */
import { utf8, type Bytes } from "../../base/bytes.js";
import type { BareJid } from "../../base/jid.js";
import type { Rng } from "../../base/rng.js";
import { platform } from "./scram.js";

/** The identifier. It is not secret, but servers do not show it to others. @throws TransportError `ERR_CRYPTO_UNAVAILABLE` */
export async function clientIdFor(account: BareJid, resource: string | undefined, rng: Rng): Promise<string> {
  if (resource === undefined) return uuid(rng(16));
  return uuid(new Uint8Array(await platform("SHA-256", () => globalThis.crypto.subtle.digest("SHA-256", utf8(`sotto client\0${account}\0${resource}`)))));
}

function uuid(bytes: Bytes): string {
  const hex = [...bytes.subarray(0, 16)].map((byte, i) => (i === 6 ? (byte & 0x0f) | 0x40 : i === 8 ? (byte & 0x3f) | 0x80 : byte).toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
