/** What `createClient` accepts, checked once. @module */
import { type Clock, systemClock } from "../base/clock.js";
import { UsageError } from "../base/errors.js";
import { type Logger, silentLogger } from "../base/logger.js";
import { type Rng, systemRng } from "../base/rng.js";
import type { CryptoProvider } from "../crypto/provider.js";
import type { Store } from "../session/ports.js";
import { blindTrustBeforeVerification } from "../session/trust/blind-trust.js";
import type { TrustPolicy } from "../session/trust/policy.js";
import { guardedStore, type WatchedStore } from "../storage/guarded-store.js";
import type { MechanismName } from "../transport/auth/mechanism-names.js";
import { type CheckedLogin, checkLogin, type LoginOptions } from "./login-options.js";
import { createDefaultProvider } from "#provider";

/** Options of {@link createClient}. */
export interface ClientOptions extends LoginOptions {
  /** Where keys, sessions and messages live. One client owns a store at a time. */
  readonly store: Store;
  /** Which devices may read what is sent. Default: blind trust before verification. */
  readonly trust?: TrustPolicy;
  /** The resource to ask for. Default: a random one, the same as long as the store lives. No two clients may share one. */
  readonly resource?: string;
  /**
   * The weakest way to log in that is accepted. Default: what worked best so far, and SCRAM at least, so that an attacker cannot talk
   * us down. From the weakest: `PLAIN` (hands the password to the server), `SCRAM-SHA-1`, `SCRAM-SHA-256`, `SCRAM-SHA-512`.
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
export interface CheckedOptions extends CheckedLogin {
  readonly store: WatchedStore;
  readonly trust: TrustPolicy;
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
  const login = checkLogin(options);
  if (typeof (options.store as Partial<Store> | undefined)?.acquire !== "function") throw new UsageError("ERR_INVALID_ARGUMENT", "store must be a store, such as memoryStore()");
  return {
    ...login,
    store: guardedStore(options.store),
    trust: options.trust ?? blindTrustBeforeVerification,
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
