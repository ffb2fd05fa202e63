/**
 * The link: connects, sets up what a session needs on a fresh stream, and tries again when it is lost.
 * Spec: design sections 6 and 10; backoff with full jitter (threats N17, N18, N19).
 * Not here: sockets and authentication (transport/), what happens with stanzas (receiver.ts, sender.ts).
 * @module
 */
import { ObservableValue } from "../base/events.js";
import { randomInteger } from "../base/rng.js";
import { connect } from "../transport/connection/connect.js";
import type { Stream, StreamEnd } from "../transport/connection/stream.js";
import { TransportError } from "../transport/errors.js";
import { IqClient } from "../transport/stream/iq.js";
import { asSottoError } from "./errors.js";
import type { CheckedOptions, PasswordSource } from "./options.js";
import type { ClientStatus } from "./status.js";
import { sockets } from "#sockets";

/** First and largest delay between attempts, in milliseconds; the real one is drawn between zero and the bound. */
export const reconnectDelayMsMin = 1_000;
export const reconnectDelayMsMax = 60_000;
/** A stream that lived this long starts the backoff anew. */
export const stableAfterMs = 60_000;

/** A stream and what belongs to its life. */
export interface Connection {
  readonly stream: Stream;
  readonly iq: IqClient;
  /** Aborts when the stream is over. */
  readonly signal: AbortSignal;
}

/** What the owner of a link does at its turns. */
export interface LinkHandlers {
  /** Called in the turn in which the stream exists: subscribe here, nothing has been missed. */
  readonly onStream: (connection: Connection) => void;
  /** Everything that must have happened before `online` is told. */
  readonly prepare: (connection: Connection) => Promise<void>;
  readonly onOnline: (connection: Connection) => void;
  readonly onGone: () => void;
}

/** Keeps one stream alive. All methods are idempotent. */
export class Link {
  readonly status: ObservableValue<ClientStatus> = new ObservableValue<ClientStatus>({ kind: "offline" });
  readonly #options: CheckedOptions;
  readonly #handlers: LinkHandlers;
  #password: PasswordSource;
  #running: AbortController | undefined;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: CheckedOptions, handlers: LinkHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#password = options.password;
  }

  /** Starts to connect, at once also if it was waiting or had stopped. */
  start(): void {
    const { kind } = this.status.getSnapshot();
    if (kind === "closed" || kind === "connecting" || kind === "online") return;
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
    if (this.status.getSnapshot().kind !== "closed") this.status.set({ kind: final });
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const over = (): boolean => signal.aborted;
    for (let failures = 0; !over();) {
      this.status.set({ kind: "connecting", attempt: failures + 1 });
      const begun = clock.monotonic();
      const error = await this.#live(signal);
      if (over()) return;
      if (!error.retryable) {
        this.status.set({ kind: "stopped", error });
        return;
      }
      failures = clock.monotonic() - begun >= stableAfterMs ? 1 : failures + 1;
      const bound = Math.min(reconnectDelayMsMax, reconnectDelayMsMin * 2 ** Math.min(failures - 1, 16));
      const retryInMs = randomInteger(this.#options.rng, 0, bound);
      this.status.set({ kind: "waiting", retryInMs, error });
      await this.#sleep(retryInMs, signal);
    }
  }

  /** One stream from its first byte to its last; resolves with the reason of its end. */
  async #live(signal: AbortSignal): Promise<TransportError> {
    const { account, service, resource, ca, clock, rng, insecureLoopback } = this.#options;
    let stream: Stream;
    try {
      stream = await connect({
        account, service, clock, rng, signal,
        password: (request) => (typeof this.#password === "string" ? this.#password : this.#password(request)),
        ...(resource === undefined ? {} : { resource }),
        ...(ca === undefined ? {} : { tls: { ca } }),
        unsafeAllowInsecureLoopback: insecureLoopback,
      }, sockets);
    } catch (error) {
      return asTransportError(error);
    }
    const over = new AbortController();
    const ended = new Promise<StreamEnd>((resolve) => { stream.onEnd(resolve); });
    const connection: Connection = { stream, iq: new IqClient(stream, { rng, clock }), signal: over.signal };
    const close = (): void => { void stream.close(); };
    signal.addEventListener("abort", close);
    if (signal.aborted) close();
    this.#handlers.onStream(connection);
    const prepared = this.#handlers.prepare(connection).then(
      () => {
        if (!stream.isOpen || signal.aborted) return;
        this.status.set({ kind: "online", jid: stream.jid });
        this.#handlers.onOnline(connection);
      },
      () => stream.close(), // the stream ended under it, or a store failed: either way this stream is of no use
    );
    const { error } = await ended;
    over.abort();
    await prepared;
    signal.removeEventListener("abort", close);
    this.#handlers.onGone();
    return error ?? new TransportError("ERR_STREAM_CLOSED", "the stream has ended", { retryable: true });
  }

  #sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const cancel = this.#options.clock.schedule(delayMs, wake);
      signal.addEventListener("abort", wake);
    });
  }
}

function asTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  return new TransportError("ERR_CONNECT_FAILED", "connecting failed", { cause: asSottoError(error), retryable: false });
}
