/** What `createClient` accepts, checked once. @module */
import { type Clock, systemClock } from "../base/clock.js";
import { UsageError } from "../base/errors.js";
import { type BareJid, domainOf, localOf, parseJid, isFullJid } from "../base/jid.js";
import { type Logger, silentLogger } from "../base/logger.js";
import { type Rng, systemRng } from "../base/rng.js";
import type { CryptoProvider } from "../crypto/provider.js";
import type { Store } from "../session/ports.js";
import { blindTrustBeforeVerification } from "../session/trust/blind-trust.js";
import type { TrustPolicy } from "../session/trust/policy.js";
import { guardedStore } from "../storage/guarded-store.js";
import type { MechanismName } from "../transport/auth/mechanism-names.js";
import { createDefaultProvider } from "#provider";

/** The password, or a function that is asked at each login. */
export type PasswordSource = string | ((request: { readonly signal: AbortSignal }) => string | Promise<string>);

/** Options of {@link createClient}. */
export interface ClientOptions {
  /** The account: `romeo@example.org`. */
  readonly account: string;
  readonly password: PasswordSource;
  /**
   * Where to connect: `xmpps://host[:port]` (TLS from the first byte), `xmpp://host[:port]` (STARTTLS, required) or
   * `wss://host/path`. TCP certificates must prove the domain of the account, WebSocket ones the host of the URL.
   * Several are tried in order, each round anew.
   */
  readonly service: string | readonly string[];
  /** Where keys, sessions and messages live. One client owns a store at a time. */
  readonly store: Store;
  /** Which devices may read what is sent. Default: blind trust before verification. */
  readonly trust?: TrustPolicy;
  /** Extra certificate authorities, PEM. Node only; browsers use their own. There is no switch that turns checks off. */
  readonly tls?: { readonly ca?: string };
  /** The resource to ask for. Default: a random one, the same as long as the store lives. No two clients may share one. */
  readonly resource?: string;
  /**
   * The weakest way to log in that is accepted. Default: what worked best so far, and SCRAM at least, so that an attacker cannot talk
   * us down. `PLAIN` hands the password to the server.
   */
  readonly mechanismFloor?: MechanismName;
  /** Seconds for which the server is asked to keep a lost connection's stream for us. Default: the server decides. */
  readonly resumeSeconds?: number;
  /**
   * When the store turns out to be an old copy (a restored backup, a cloned disk): `renew` makes this a new device with the same identity
   * and tells by one event; `stop` stops with `ERR_STORE_ROLLED_BACK` before anything is encrypted. Default `renew`.
   */
  readonly onRollback?: "renew" | "stop";
  /** Connect at once. Default true; with false nothing is sent until `client.connect()`. */
  readonly autoConnect?: boolean;
  /** Receives secret-free log lines. */
  readonly logger?: Logger;
  /**
   * Primitives. Default: the platform's own, in browsers as far as they give the same bytes. `nobleProvider` of `sotto/crypto` keeps
   * them out altogether.
   */
  readonly provider?: CryptoProvider;
  /** Time and randomness, for tests. */
  readonly clock?: Clock;
  readonly rng?: Rng;
  /** @deprecated Struck out on purpose: clear text to a loopback address, for tests. */
  readonly unsafeAllowInsecureLoopback?: boolean;
}

/** {@link ClientOptions} after the check, with every default filled in. */
export interface CheckedOptions {
  readonly account: BareJid;
  readonly password: PasswordSource;
  readonly services: readonly string[];
  readonly store: Store;
  readonly trust: TrustPolicy;
  readonly ca: string | undefined;
  readonly resource: string | undefined;
  readonly resumeSeconds: number | undefined;
  readonly mechanismFloor: MechanismName | undefined;
  readonly onRollback: "renew" | "stop";
  readonly autoConnect: boolean;
  readonly logger: Logger;
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly insecureLoopback: boolean;
}

/** @throws UsageError naming the option that is wrong. */
export function checkOptions(options: ClientOptions): CheckedOptions {
  // Applications in JavaScript hand in anything.
  const given: unknown = options;
  if (typeof given !== "object" || given === null) throw new UsageError("ERR_INVALID_ARGUMENT", "createClient needs options");
  const account = parseJid(options.account);
  if (account === undefined || isFullJid(account) || localOf(account) === undefined) {
    throw new UsageError("ERR_INVALID_JID", "account must be a bare address such as romeo@example.org");
  }
  if (options.password === "" || (typeof options.password !== "string" && typeof options.password !== "function")) {
    throw new UsageError("ERR_INVALID_ARGUMENT", "password must be a string that is not empty, or a function");
  }
  if (typeof (options.store as Partial<Store> | undefined)?.acquire !== "function") throw new UsageError("ERR_INVALID_ARGUMENT", "store must be a store, such as memoryStore()");
  const ca = options.tls?.ca;
  if (ca !== undefined && !ca.includes("-----BEGIN CERTIFICATE-----")) {
    throw new UsageError("ERR_INVALID_ARGUMENT", "tls.ca must be the text of a PEM file, not its path");
  }
  return {
    account,
    password: options.password,
    services: checkServices(options.service, domainOf(account)),
    store: guardedStore(options.store),
    trust: options.trust ?? blindTrustBeforeVerification,
    ca,
    resource: options.resource,
    resumeSeconds: options.resumeSeconds,
    mechanismFloor: options.mechanismFloor,
    onRollback: options.onRollback ?? "renew",
    autoConnect: options.autoConnect ?? true,
    logger: harmless(options.logger ?? silentLogger),
    provider: options.provider ?? createDefaultProvider(), // each client its own: no cache is shared
    clock: options.clock ?? systemClock,
    rng: options.rng ?? systemRng(),
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the one place that reads the option
    insecureLoopback: options.unsafeAllowInsecureLoopback ?? false,
  };
}

function checkServices(service: unknown, domain: string): readonly string[] {
  const services: readonly unknown[] = Array.isArray(service) ? service : [service];
  if (services.length === 0 || !services.every(isService)) {
    throw new UsageError("ERR_INVALID_ARGUMENT", `service must be an address such as xmpps://${domain}`);
  }
  return services;
}

const isService = (service: unknown): service is string => typeof service === "string" && /^(xmpps?|wss?):\/\/[^\s]+$/.test(service);

/** A logger that throws must not stop what it only watches (threats H07). */
function harmless(logger: Logger): Logger {
  return (...line) => {
    try {
      logger(...line);
    } catch {
      // There is nobody left to tell.
    }
  };
}
