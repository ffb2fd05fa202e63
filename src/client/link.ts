/**
 * The link: keeps one stream after the other alive, and says what it is doing. What runs a stream is loaded with the first attempt.
 * Spec: docs/architecture.md, With and without a network. Threats N17-N19, Q08, Q21.
 * Not here: one stream (stream-run.ts), when and where to try again (reconnect.ts), sockets and authentication (transport/).
 * @module
 */
import type { Clock } from "../base/clock.js";
import { ObservableValue } from "../base/events.js";
import { connectPhaseTimeoutMs } from "../base/limits.js";
import type { connect } from "../transport/connection/connect.js";
import type { Stream } from "../transport/connection/stream.js";
import { TransportError } from "../transport/errors.js";
import type { Archive } from "../transport/features/archive.js";
import type { IqClient } from "../transport/stream/iq.js";
import { type AnySottoError, asSottoError } from "./errors.js";
import type { PasswordSource } from "./login-options.js";
import type { CheckedOptions } from "./options.js";
import { ReconnectPolicy } from "./reconnect.js";
import type { ClientStatus } from "./status.js";
import { onNetworkBack } from "#network";

/** A stream and what belongs to its life. */
export interface Connection {
  readonly stream: Stream;
  readonly iq: IqClient;
  readonly archive: Archive;
  /** Aborts when the stream is over. */
  readonly signal: AbortSignal;
  /** Counts the sessions of XEP-0198 that this store has had; goes with the sequences that the stream gives out. */
  readonly epoch: number;
  /** True if this process resumed its own session: nothing was missed and nothing has to be set up. */
  readonly continued: boolean;
}

/** How streams come about; tests put a simulated server here. */
export type Connector = typeof connect;

/** One attempt to have a stream. */
export interface Attempt {
  readonly service: string;
  readonly password: Exclude<PasswordSource, string>;
  /** Aborts when the application wants no stream any more. */
  readonly signal: AbortSignal;
  /** Takes what becomes of the stream. */
  readonly tell: (status: ClientStatus) => void;
}

/** How a stream ended, or why there was none. */
export interface Ending {
  readonly error: AnySottoError;
  readonly livedMs: number;
  /** A message of ours may have caused this end. */
  readonly blamed: boolean;
}

/** From the first byte of one stream to its last; resolves with the reason of its end. */
export type RunStream = (attempt: Attempt) => Promise<Ending>;

export interface LinkDeps {
  readonly options: Pick<CheckedOptions, "clock" | "password" | "rng" | "services">;
  /** Asked before each attempt. @throws TransportError that is `retryable` if it is not there yet */
  readonly loadRun: () => Promise<RunStream>;
  /** Something failed after which the link does not try again by itself; or a listener of the status has thrown. */
  readonly onError: (error: unknown) => void;
}

/** Keeps one stream alive. All methods are idempotent. */
export class Link {
  readonly status: ObservableValue<ClientStatus>;
  readonly #d: LinkDeps;
  readonly #policy: ReconnectPolicy;
  #password: PasswordSource;
  #running: AbortController | undefined;
  /** Nothing can be stored any more: no stream will do. */
  #ended: AnySottoError | undefined;
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: LinkDeps) {
    this.#d = deps;
    this.status = new ObservableValue<ClientStatus>({ kind: "offline" }, deps.onError);
    this.#policy = new ReconnectPolicy(deps.options.services, deps.options.rng);
    this.#password = deps.options.password;
  }

  /** Starts to connect, at once also if it was waiting or had stopped. */
  start(): void {
    const { kind } = this.status.getSnapshot();
    // Behind a stop that still says goodbye the status is what it was, and nothing runs.
    const runs = this.#runs && (kind === "connecting" || kind === "synchronizing" || kind === "online");
    if (this.#ended !== undefined || kind === "closed" || runs) return;
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.status.set({ kind: "connecting", attempt: 1 });
    this.#loop = this.#loop.then(() => this.#run(running.signal));
  }

  /** Uses another password from the next login on, and tries it if the last one was refused. */
  setPassword(password: PasswordSource): void {
    this.#password = password;
    if (this.status.getSnapshot().kind === "stopped") this.start();
  }

  /** Ends the stream cleanly and stays offline. */
  async stop(final: "offline" | "closed"): Promise<void> {
    this.#running?.abort();
    this.#running = undefined;
    await this.#loop;
    if (final === "offline" && this.#runs) return; // started anew meanwhile
    if (this.status.getSnapshot().kind !== "closed" && (final === "closed" || this.#ended === undefined)) this.status.set({ kind: final });
  }

  /**
   * Ends the stream for good: what came could not be kept, and is not acknowledged; what is to be sent could not be made sure of. Told at
   * once, before the stream has ended: from here on nobody is online (threats D07, D10).
   */
  end(error: AnySottoError): void {
    if (this.#ended !== undefined || this.status.getSnapshot().kind === "closed") return;
    this.#ended = error;
    this.#running?.abort();
    this.#running = undefined;
    this.status.set({ kind: "stopped", error });
    this.#d.onError(error);
  }

  get #runs(): boolean {
    return this.#running !== undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const policy = this.#policy;
    policy.begin();
    const over = (): boolean => signal.aborted;
    while (!over()) {
      this.status.set({ kind: "connecting", attempt: policy.attempt });
      const { error, livedMs, blamed } = await this.#attempt(policy.service, signal);
      const delayMs = error instanceof TransportError ? policy.after(error, livedMs, blamed) : undefined;
      if (over()) return;
      if (delayMs === undefined || !(error instanceof TransportError)) {
        this.status.set({ kind: "stopped", error });
        this.#d.onError(error);
        return;
      }
      if (delayMs === 0) continue;
      this.status.set({ kind: "waiting", retryInMs: delayMs, error });
      await this.#sleep(delayMs, signal);
    }
  }

  async #attempt(service: string, signal: AbortSignal): Promise<Ending> {
    let run: RunStream;
    try {
      run = await inTime(this.#d.loadRun(), this.#d.options.clock, signal);
    } catch (error) {
      return { error: asSottoError(error), livedMs: 0, blamed: false };
    }
    // The password is read when the server asks for it: it may be another one by then.
    const password: Attempt["password"] = (request) => (typeof this.#password === "string" ? this.#password : this.#password(request));
    return run({ service, password, signal, tell: (status) => { if (!signal.aborted) this.status.set(status); } });
  }

  #sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        stopListening();
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const cancel = this.#d.options.clock.schedule(delayMs, wake, { keepsAlive: true }); // as a socket does
      const stopListening = onNetworkBack(wake);
      signal.addEventListener("abort", wake);
      if (signal.aborted) wake(); // by somebody who was told of the wait
    });
  }
}

/** Nobody who stops the link waits for a download; and one that does not come is told, and waited for again. */
function inTime<T>(loading: Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => { reject(new TransportError("ERR_CONNECT_FAILED", "connecting was given up", { retryable: true })); };
    const cancel = clock.schedule(connectPhaseTimeoutMs, stop);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    loading.then(resolve, reject).finally(() => {
      cancel();
      signal.removeEventListener("abort", stop);
    });
  });
}
