/**
 * TLS rules for Node: always verified, at least TLS 1.2, own authorities beside the default roots.
 * Spec: RFC 6120 section 13.7.1, RFC 7590, XEP-0368 (ALPN), RFC 9266 and RFC 5929 (channel binding). Threats N04, N10, Y03.
 * @module
 */
import { createHash } from "node:crypto";
import { isIP } from "node:net";
import * as tls from "node:tls";
import { domainToASCII } from "node:url";
import type { Bytes } from "../../base/bytes.js";
import type { BindingType } from "../auth/mechanisms.js";
import { TransportError } from "../errors.js";
import { signatureHash } from "./node-certificate.js";
import type { TlsOptions } from "./sockets.js";

/** The options that every TLS connection of ours has. */
export interface VerifiedTls {
  readonly rejectUnauthorized: true;
  readonly minVersion: "TLSv1.2";
  readonly ca?: string[];
}

/** `rejectUnauthorized` is stated, so that no environment variable can switch it off (threats Y03). */
export function verifiedTls(options: TlsOptions): VerifiedTls {
  const strict = { rejectUnauthorized: true, minVersion: "TLSv1.2" } as const;
  return options.ca === undefined ? strict : { ...strict, ca: [...tls.rootCertificates, options.ca] };
}

/**
 * The name to verify, and the name to ask for: an address literal cannot be asked for by SNI.
 * @throws TransportError `ERR_TLS_FAILED` if no certificate could prove the domain. An empty name would have Node verify the host
 *   of the connection in its place; percent signs would be decoded into another name.
 */
export function tlsName(domain: string): { readonly host: string; readonly servername?: string } {
  const bare = domain.startsWith("[") ? domain.slice(1, -1) : domain;
  if (isIP(bare) !== 0) return { host: bare };
  const ascii = bare.includes("%") ? "" : domainToASCII(bare);
  if (ascii === "") throw new TransportError("ERR_TLS_FAILED", "the domain is not a name that a certificate could prove");
  return { host: ascii, servername: ascii };
}

// What Node and OpenSSL call a certificate or a handshake that does not hold. Everything else broke below TLS, and may be well in a moment: names of
// network failures are the platform's, and nobody knows all of them. EPROTO is an alert of the other side, UNSPECIFIED a flaw of a certificate that Node
// has no name for: a key or a signature that is too weak, a name that its authority may not prove, a critical extension that nobody knows.
const tlsCodes = /^(?:ERR_(?:TLS|SSL|OSSL)_|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERROR_IN_C)|^(?:EPROTO|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|UNSPECIFIED)$/;
const codeForm = /^[A-Z][A-Z0-9_]{1,63}$/;

/** A typed error for what a socket reported; its text may come from outside and is left behind (threats H02). */
export function socketError(error: unknown, duringTls: boolean): TransportError {
  const code = typeof error === "object" && error !== null && "code" in error && typeof error.code === "string" ? error.code : "";
  const details = codeForm.test(code) ? { reason: code } : {};
  return duringTls && tlsCodes.test(code)
    ? new TransportError("ERR_TLS_FAILED", "the certificate or the handshake does not prove the name", { details })
    : new TransportError("ERR_CONNECT_FAILED", "the connection failed", { retryable: true, details });
}

/** What binds to this channel; `undefined` where the specification leaves it open or unsafe: exporters before TLS 1.3, unknown signatures. */
export function channelBinding(socket: tls.TLSSocket, type: BindingType): Bytes | undefined {
  if (type === "tls-exporter") {
    return socket.getProtocol() === "TLSv1.3" ? new Uint8Array(socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0))) : undefined;
  }
  const raw = (socket.getPeerCertificate() as { readonly raw?: Buffer } | null)?.raw; // empty, or nothing once the link is gone, whatever its type says
  const hash = raw === undefined ? undefined : signatureHash(raw);
  return raw === undefined || hash === undefined ? undefined : new Uint8Array(createHash(hash).update(raw).digest());
}
