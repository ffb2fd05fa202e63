/** What `createClient` accepts, checked once. @module */
import { type Clock, systemClock } from "../base/clock.js";
import { UsageError } from "../base/errors.js";
import { type BareJid, parseJid } from "../base/jid.js";
import { type Logger, silentLogger } from "../base/logger.js";
import { type Rng, systemRng } from "../base/rng.js";
import type { CryptoProvider } from "../crypto/provider.js";
import type { Store } from "../session/ports.js";
import { blindTrustBeforeVerification } from "../session/trust/blind-trust.js";
import type { TrustPolicy } from "../session/trust/policy.js";
import { guardedStore, type WatchedStore } from "../storage/guarded-store.js";
import { type MechanismName, mechanismNames } from "../transport/auth/mechanism-names.js";
import { type CheckedLogin, checkLogin, type LoginOptions } from "./login-options.js";
import { createDefaultProvider } from "#provider";

/** Options of {@link createClient}. */
export interface ClientOptions extends LoginOptions {
  /** Where keys, sessions and messages live. One client owns a store at a time. */
  readonly store: Store;
  /** Which devices may read what is sent. Default: {@link blindTrustBeforeVerification}; `verifiedOnly` is the strict one. */
  readonly trust?: TrustPolicy | undefined;
  /** The resource to ask for, 1 to 1,023 bytes. Default: a random one, the same as long as the store lives. No two clients may share one. */
  readonly resource?: string | undefined;
  /**
   * The weakest way to log in that is accepted. Default: what worked best so far, and SCRAM at least, so that an attacker cannot talk
   * us down. From the weakest: `PLAIN` (hands the password to the server), `SCRAM-SHA-1`, `SCRAM-SHA-256`, `SCRAM-SHA-512`.
   */
  readonly mechanismFloor?: MechanismName | undefined;
  /** Seconds for which the server is asked to keep a lost connection's stream for us, a whole number above 0. Default: the server decides. */
  readonly resumeSeconds?: number | undefined;
  /**
   * When the store turns out to be an old copy (a restored backup, a cloned disk): `renew` makes this a new device with the same identity
   * and tells by one event; `stop` stops with `ERR_STORE_ROLLED_BACK` before anything is encrypted. Default `renew`.
   */
  readonly onRollback?: "renew" | "stop" | undefined;
  /** Connect at once. Default true; with false nothing is sent until `client.connect()`. */
  readonly autoConnect?: boolean | undefined;
  /** Told, without secrets, of what can be told nowhere else: a listener of yours that threw. What the client does is in `status` and `onEvent`. */
  readonly logger?: Logger | undefined;
  /**
   * Primitives. Default: the platform's own, in browsers as far as they give the same bytes. `nobleProvider` of `sotto/crypto` keeps
   * them out altogether.
   */
  readonly provider?: CryptoProvider | undefined;
  /** Time, for tests. Default: the platform's. */
  readonly clock?: Clock | undefined;
  /** Randomness, for tests. Default: the platform's. */
  readonly rng?: Rng | undefined;
  /** @deprecated Struck out on purpose: clear text to a loopback address, for tests. Default false. */
  readonly unsafeAllowInsecureLoopback?: boolean | undefined;
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
  checkGiven(options, login.account);
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

/** What is no policy must not be found out when the first message leaves, and a misspelt word must not mean the default. */
function checkGiven({ clock, mechanismFloor, onRollback, provider, resource, resumeSeconds, rng, trust }: ClientOptions, account: BareJid): void {
  const must = (name: string, value: unknown, holds: boolean): void => {
    if (value !== undefined && !holds) throw new UsageError("ERR_INVALID_ARGUMENT", `${name} cannot have that value`);
  };
  const has = (value: unknown, method: string): boolean => typeof (value as Readonly<Record<string, unknown>> | null | undefined)?.[method] === "function";
  must("trust", trust, has(trust, "mayReceive"));
  must("resource", resource, typeof resource === "string" && parseJid(`${account}/${resource}`) !== undefined);
  must("resumeSeconds", resumeSeconds, Number.isSafeInteger(resumeSeconds) && Number(resumeSeconds) > 0);
  must("mechanismFloor", mechanismFloor, mechanismNames.includes(mechanismFloor as MechanismName));
  must("onRollback", onRollback, ["renew", "stop"].includes(onRollback as string));
  must("clock", clock, has(clock, "schedule"));
  must("rng", rng, typeof rng === "function");
  must("provider", provider, has(provider?.symmetric, "sha256"));
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
