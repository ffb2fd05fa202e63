/**
 * Where a domain's WebSocket service is, from the domain itself over HTTPS.
 * Spec: XEP-0156 section 3.2 (host-meta.json). Threats N04, N06: only `wss:` with a host name is taken; size, time and number are bounded;
 * redirects are not followed; the certificate of whatever is found is verified as ever.
 * A module of its own, so that applications that name their service do not load it. SRV records: node-discovery.ts.
 * @module
 */
import { abortError, bounded } from "./abort.js";
import { concatBytes, utf8Decode, type Bytes } from "../../base/bytes.js";
import { type Clock, systemClock } from "../../base/clock.js";
import { type BareJid, bareJid, domainOf } from "../../base/jid.js";
import { connectPhaseTimeoutMs, hostMetaBytesMax, servicesMax } from "../../base/limits.js";

const webSocketRelation = "urn:xmpp:alt-connections:websocket";

/** What {@link discoverService} may be told. */
export interface DiscoveryOptions {
  /** Default: the platform's. */
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  /** Milliseconds in all; default 15,000. */
  readonly timeoutMs?: number;
  /** Default: the platform's. */
  readonly fetch?: typeof globalThis.fetch;
}

/**
 * The WebSocket services that `domain`, or an account's domain, names, in its order. Empty if it names none that may be used, or cannot be asked.
 * @throws UsageError `ERR_ABORTED`, `ERR_INVALID_JID`
 */
export async function discoverService(domain: string, options: DiscoveryOptions = {}): Promise<readonly string[]> {
  const { clock = systemClock, signal, timeoutMs = connectPhaseTimeoutMs } = options;
  const host = domainOf(bareJid(domain));
  const over = new AbortController();
  const load = options.fetch ?? globalThis.fetch;
  try {
    return services(await bounded(document(load, host, over.signal), "socket", { clock, timeoutMs, signal }));
  } catch {
    if (signal?.aborted === true) throw abortError(signal);
    return []; // nobody there, too slow, too large, not JSON: the domain names nothing
  } finally {
    over.abort();
  }
}

async function document(load: typeof globalThis.fetch, domain: BareJid, signal: AbortSignal): Promise<unknown> {
  const response = await load(`https://${domain}/.well-known/host-meta.json`, {
    signal, redirect: "error", credentials: "omit", referrerPolicy: "no-referrer", headers: { accept: "application/json" },
  });
  if (!response.ok || response.body === null) return undefined;
  const parts: Bytes[] = [];
  let length = 0;
  const reader = (response.body as ReadableStream<Bytes>).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > hostMetaBytesMax) {
      await reader.cancel();
      return undefined;
    }
    parts.push(value);
  }
  return JSON.parse(utf8Decode(concatBytes(...parts)) ?? "null") as unknown;
}

function services(meta: unknown): readonly string[] {
  const links: unknown = typeof meta === "object" && meta !== null && "links" in meta ? meta.links : undefined;
  if (!Array.isArray(links)) return [];
  const found = links.flatMap((link: unknown) => {
    if (typeof link !== "object" || link === null || !("rel" in link) || link.rel !== webSocketRelation || !("href" in link) || typeof link.href !== "string") return [];
    const address = protectedAddress(link.href);
    return address === undefined ? [] : [address];
  });
  return [...new Set(found)].slice(0, servicesMax);
}

/** The address if it is `wss:` on a host with a name: an address literal proves nothing about the domain. */
function protectedAddress(text: string): string | undefined {
  if (text.length > 2_048 || !URL.canParse(text)) return undefined;
  const { hash, hostname, href, password, protocol, username } = new URL(text);
  const isLiteral = hostname.startsWith("[") || /^[0-9.]+$/.test(hostname);
  return protocol === "wss:" && hostname !== "" && !isLiteral && hash === "" && username === "" && password === "" ? href : undefined;
}
