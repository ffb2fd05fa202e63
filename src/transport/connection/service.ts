/**
 * The service address that the application gives, read into a target; clear text is refused here.
 * Threats N01, N06 (only protected endpoints), N12.
 * @module
 */
import { domainOf, type BareJid } from "../../base/jid.js";
import { TransportError } from "../errors.js";

/** Where and how to connect. `clearAllowed`: the link may stay without TLS. */
export type ServiceTarget =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly directTls: boolean; readonly clearAllowed: boolean }
  | { readonly kind: "websocket"; readonly url: string; readonly clearAllowed: boolean };

const startTlsPort = 5222;
const directTlsPort = 5223;

/**
 * Reads `xmpp://host:port`, `xmpps://host:port`, `wss://…` and, only for loopback and only if allowed, `ws://…`.
 * `xmpp://` and `xmpps://` without a host mean the account's domain.
 * @throws TransportError `ERR_SERVICE_INVALID`, `ERR_TLS_REQUIRED`
 */
export function serviceTarget(service: string, options: { readonly account: BareJid; readonly allowInsecureLoopback: boolean }): ServiceTarget {
  const parsed = /^(xmpps?|wss?):\/\/(.*)$/is.exec(service);
  const scheme = parsed?.[1]?.toLowerCase();
  // Of the schemes, URL normalises hosts only for those it knows; the rest of the syntax is the same.
  const url = parsed === null || scheme === undefined ? undefined : parseUrl(`${scheme.startsWith("ws") ? scheme : "https"}://${hostPart(scheme, parsed[2] ?? "", options.account)}`);
  if (url === undefined || url.username !== "" || url.password !== "" || url.hash !== "") throw invalid();
  const clearAllowed = options.allowInsecureLoopback && isLoopback(url.hostname);
  if (scheme === "ws" && !clearAllowed) throw new TransportError("ERR_TLS_REQUIRED", "clear text needs a loopback address and an explicit option");
  if (scheme === "ws" || scheme === "wss") return { kind: "websocket", url: url.href, clearAllowed };
  if (url.pathname !== "/" || url.search !== "") throw invalid();
  const directTls = scheme === "xmpps";
  const fallback = directTls ? directTlsPort : startTlsPort;
  const port = explicitPort(parsed?.[2] ?? "") ?? fallback;
  return { kind: "tcp", host: url.hostname.replace(/^\[|\]$/g, ""), port, directTls, clearAllowed: clearAllowed && !directTls };
}

/**
 * Where `target`'s server sends us: `host`, `host:port` or `[address]:port`, over TCP with the same kind of TLS and always with TLS. The name that
 * the certificate must prove stays that of the account (threats N04, N05, Q11). `undefined` if it is no such place.
 */
export function relocatedTarget(target: ServiceTarget, place: string, account: BareJid): ServiceTarget | undefined {
  if (target.kind !== "tcp" || !/^[^/?#@\s]+$/.test(place)) return undefined;
  try {
    return serviceTarget(`${target.directTls ? "xmpps" : "xmpp"}://${place}`, { account, allowInsecureLoopback: false });
  } catch {
    return undefined; // a wish that cannot be read is no wish
  }
}

function hostPart(scheme: string, rest: string, account: BareJid): string {
  return (rest === "" || rest === "/") && scheme.startsWith("xmpp") ? domainOf(account) : rest;
}

// 443 is the default port of the stand-in scheme, so that URL would hide it.
function explicitPort(rest: string): number | undefined {
  const port = /:([0-9]{1,5})\/?$/.exec(rest)?.[1];
  return port === undefined ? undefined : Number(port);
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** True for addresses that never leave the machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

function invalid(): TransportError {
  return new TransportError("ERR_SERVICE_INVALID", "not a service address: xmpp://, xmpps:// or wss:// and a host");
}
