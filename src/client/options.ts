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
import { defaultProvider } from "#provider";

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
   */
  readonly service: string;
  /** Where keys, sessions and messages live. One client owns a store at a time. */
  readonly store: Store;
  /** Which devices may read what is sent. Default: blind trust before verification. */
  readonly trust?: TrustPolicy;
  /** Extra certificate authorities, PEM. Node only; browsers use their own. There is no switch that turns checks off. */
  readonly tls?: { readonly ca?: string };
  /** The resource to ask for. Default: a random one per client. */
  readonly resource?: string;
  /** Connect at once. Default true; with false nothing is sent until {@link SottoClient.connect}. */
  readonly autoConnect?: boolean;
  /** Receives secret-free log lines. */
  readonly logger?: Logger;
  /** Primitives; the platform's own by default. */
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
  readonly service: string;
  readonly store: Store;
  readonly trust: TrustPolicy;
  readonly ca: string | undefined;
  readonly resource: string | undefined;
  readonly autoConnect: boolean;
  readonly logger: Logger;
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly insecureLoopback: boolean;
}

/** @throws UsageError naming the option that is wrong. */
export function checkOptions(options: ClientOptions): CheckedOptions {
  const account = parseJid(options.account);
  if (account === undefined || isFullJid(account) || localOf(account) === undefined) {
    throw new UsageError("ERR_INVALID_JID", "account must be a bare address such as romeo@example.org");
  }
  if (typeof options.password !== "string" && typeof options.password !== "function") {
    throw new UsageError("ERR_INVALID_ARGUMENT", "password must be a string or a function");
  }
  return {
    account,
    password: options.password,
    service: checkService(options.service, domainOf(account)),
    store: options.store,
    trust: options.trust ?? blindTrustBeforeVerification,
    ca: options.tls?.ca,
    resource: options.resource,
    autoConnect: options.autoConnect ?? true,
    logger: options.logger ?? silentLogger,
    provider: options.provider ?? defaultProvider,
    clock: options.clock ?? systemClock,
    rng: options.rng ?? systemRng(),
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the one place that reads the option
    insecureLoopback: options.unsafeAllowInsecureLoopback ?? false,
  };
}

function checkService(service: string, domain: string): string {
  if (typeof service !== "string" || !/^(xmpps?|wss?):\/\/[^\s]+$/.test(service)) {
    throw new UsageError("ERR_INVALID_ARGUMENT", `service must be an address such as xmpps://${domain}`);
  }
  return service;
}
