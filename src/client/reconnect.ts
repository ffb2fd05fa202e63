/**
 * When to try again, and where: exponential backoff with full jitter over the endpoints of a service (threats N17, N18, P01).
 * Pure bookkeeping. Not here: connecting (link.ts).
 * @module
 */
import { randomInteger, type Rng } from "../base/rng.js";
import type { TransportError, TransportErrorCode } from "../transport/errors.js";

/** First and largest bound of the delay, in milliseconds; the delay is drawn between zero and the bound. */
export const reconnectDelayMsMin = 1_000;
export const reconnectDelayMsMax = 60_000;
/** A stream that lived this long starts the backoff anew. */
export const stableAfterMs = 60_000;

/** Failures before anything was said to the server: another endpoint may do better, at once, whether they will pass or not. */
const unreachable: ReadonlySet<TransportErrorCode> = new Set<TransportErrorCode>(["ERR_CONNECT_FAILED", "ERR_CONNECT_TIMEOUT", "ERR_TLS_FAILED", "ERR_TLS_REQUIRED"]);
/** What no honest server sends: the next attempt comes late. */
const hostile: ReadonlySet<TransportErrorCode> = new Set<TransportErrorCode>(["ERR_STREAM_MALFORMED", "ERR_STREAM_LIMIT", "ERR_STREAM_PROTOCOL"]);
/** Of a service that has worked these are of the place where we are, or of the hour: a café's network, a certificate that is late, a ban of our address. */
const passing: ReadonlySet<TransportErrorCode> = new Set<TransportErrorCode>(["ERR_TLS_FAILED", "ERR_TLS_REQUIRED", "ERR_STREAM_ERROR"]);

/** Remembers failures of one link. */
export class ReconnectPolicy {
  readonly #services: readonly string[];
  readonly #rng: Rng;
  #failures = 0;
  #endpoint = 0;
  /** Endpoints of this round that could not be reached for reasons that will not pass. */
  #refusedInRound = 0;
  /** A service has let us in: what does not pass elsewhere may be of the place where we are. */
  #worked = false;

  /** `services`: at least one, best first. */
  constructor(services: readonly string[], rng: Rng) {
    this.#services = services;
    this.#rng = rng;
  }

  /** The application asks for a stream: with the first service, at once. */
  begin(): void {
    this.#failures = this.#endpoint = this.#refusedInRound = 0;
  }

  /** Where the next attempt goes. */
  get service(): string {
    return this.#services[this.#endpoint] as string;
  }

  /** 1, 2, ... since the last stable stream. */
  get attempt(): number {
    return this.#failures + 1;
  }

  /**
   * A stream ended with this error after it had lived for `livedMs` (0 if it never came up); `blamed`: something that we sent may have caused it.
   * Returns after how many milliseconds to try again; `undefined`: another attempt would only repeat it.
   */
  after({ code, details, retryable }: TransportError, livedMs: number, blamed = false): number | undefined {
    if (livedMs >= stableAfterMs) this.#failures = 0;
    if (livedMs > 0) this.#worked = true;
    // The link is as good as ever, and the next session is new (transport/stream/failed-resumption.ts).
    if (details["reason"] === "resumption") return 0;
    if (hostile.has(code)) {
      if (livedMs === 0) this.#moveOn(false); // garbage from the first endpoint must not keep us from the second
      return this.#backOff(reconnectDelayMsMax);
    }
    // One that accepts and hangs up, or says that it goes down, is as good as one that does not answer. One that worked is gone back to first.
    if (unreachable.has(code) || (retryable && livedMs === 0)) {
      const round = this.#moveOn(!retryable);
      if (round === "goes-on") return 0;
      if (round === "over") return this.#backOff(0);
      return this.#worked ? this.#backOff(reconnectDelayMsMax) : undefined;
    }
    if (livedMs === 0 && this.#worked && passing.has(code)) return this.#backOff(reconnectDelayMsMax);
    // Said within a stream it is no word about the account: ejabberd says it to whoever lags behind a flood, and for an operator who ends a session.
    const thrownOut = livedMs > 0 && code === "ERR_STREAM_ERROR" && details["condition"] === "policy-violation";
    return retryable || blamed || thrownOut ? this.#backOff(0) : undefined;
  }

  /** To the next endpoint; says how the round stands. `refused`: for a reason that will not pass. */
  #moveOn(refused: boolean): "goes-on" | "over" | "hopeless" {
    if (refused) this.#refusedInRound += 1;
    this.#endpoint = (this.#endpoint + 1) % this.#services.length;
    if (this.#endpoint !== 0) return "goes-on";
    const hopeless = this.#refusedInRound === this.#services.length;
    this.#refusedInRound = 0;
    return hopeless ? "hopeless" : "over";
  }

  #backOff(boundMsMin: number): number {
    const boundMs = Math.min(reconnectDelayMsMax, Math.max(boundMsMin, reconnectDelayMsMin * 2 ** Math.min(this.#failures, 16)));
    this.#failures += 1;
    return randomInteger(this.#rng, 0, boundMs);
  }
}
