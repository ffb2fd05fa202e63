/**
 * Where a domain's TCP services are, from its SRV records (Node only).
 * Spec: RFC 6120 section 3.2, RFC 2782, XEP-0368. Threats N06: records only name places; every place has to prove the account's domain (N04).
 * @module
 */
import { resolveSrv } from "node:dns/promises";
import type { SrvRecord } from "node:dns";
import { bounded } from "./abort.js";
import type { DiscoveryOptions } from "./discovery.js";
import { connectPhaseTimeoutMs, servicesMax } from "../../base/limits.js";
import { bareJid, domainOf } from "../../base/jid.js";
import { randomInteger, type Rng, systemRng } from "../../base/rng.js";
import { systemClock } from "../../base/clock.js";

/** Reads SRV records; tests have their own. */
export type SrvLookup = (name: string) => Promise<readonly SrvRecord[]>;

const hostForm = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)*[a-z0-9_][a-z0-9_-]{0,62}$/i;

/** What {@link discoverHosts} may be told. */
export interface HostDiscoveryOptions extends Omit<DiscoveryOptions, "fetch"> {
  /** Draws among services of equal priority. Default: the platform's. */
  readonly rng?: Rng;
  /** Asks the name servers. Default: `resolveSrv` of Node. */
  readonly lookup?: SrvLookup;
}

/**
 * The services of `domain`, or of an account's domain, as addresses for `connect`: direct TLS and STARTTLS in the order of their priorities, equal ones drawn by weight.
 * Empty if there are no records; then `xmpps://` and `xmpp://` mean the domain itself.
 * @throws UsageError `ERR_ABORTED`, `ERR_INVALID_JID`
 */
export async function discoverHosts(domain: string, options: HostDiscoveryOptions = {}): Promise<readonly string[]> {
  const { clock = systemClock, lookup = resolveSrv, rng = systemRng(), signal, timeoutMs = connectPhaseTimeoutMs } = options;
  const host = domainOf(bareJid(domain));
  const ask = async (scheme: "xmpps" | "xmpp"): Promise<readonly (SrvRecord & { readonly scheme: string })[]> => {
    const records = await bounded(lookup(`_${scheme}-client._tcp.${host}`), "socket", { clock, timeoutMs, signal }).catch((error: unknown) => {
      if (signal?.aborted === true) throw error;
      return []; // no such records, or nobody to ask
    });
    return records.slice(0, 100).filter(({ name, port }) => hostForm.test(name) && port > 0 && port < 65_536).map((record) => ({ ...record, scheme }));
  };
  const found = (await Promise.all([ask("xmpps"), ask("xmpp")])).flat();
  const drawn = found.map((record) => ({ record, draw: randomInteger(rng, 0, record.weight + 1) }));
  return drawn.sort((a, b) => a.record.priority - b.record.priority || b.draw - a.draw)
    .slice(0, servicesMax)
    .map(({ record: { name, port, scheme } }) => `${scheme}://${name}:${String(port)}`);
}
