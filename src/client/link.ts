/**
 * The link: connects, has the session settled, sets up what a fresh stream needs, and tries again when it is lost.
 * Spec: design sections 6 and 10. Threats N17-N19, Q08, Q21.
 * Not here: when and where to try again (reconnect.ts), sockets and authentication (transport/), what happens with stanzas (receive/, outbox/).
 * @module
 */
import { ObservableValue } from "../base/events.js";
import { connect } from "../transport/connection/connect.js";
import type { Stream, StreamEnd } from "../transport/connection/stream.js";
import { TransportError } from "../transport/errors.js";
import { Archive } from "../transport/features/archive.js";
import { IqClient } from "../transport/stream/iq.js";
import type { Ledger } from "../session/ledger.js";
import { type AnySottoError, asSottoError } from "./errors.js";
import type { LoginMemory } from "./login-memory.js";
import type { CheckedOptions, PasswordSource } from "./options.js";
import { type NextAttempt, ReconnectPolicy } from "./reconnect.js";
import type { ClientStatus } from "./status.js";
import type { StreamState } from "./stream-state.js";
import { onNetworkBack, sockets } from "#sockets";

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

/** What the owner of a link does at its turns. */
export interface LinkHandlers {
  /** Called in the turn in which the stream exists: subscribe here, nothing has been missed. */
  readonly onStream: (connection: Connection) => void;
  /** Everything that must have happened before `online` is told. A rejection ends the stream. */
  readonly prepare: (connection: Connection) => Promise<void>;
  readonly onOnline: (connection: Connection) => void;
  readonly onGone: () => void;
  /** Whether a message of ours may have caused this end: then connecting again is right, for it will be found (threats Q13). */
  readonly mayBlame: (error: TransportError) => boolean;
  /** Something failed that stops nothing, or after which the link does not try again by itself; each is told once. */
  readonly onError: (error: unknown) => void;
}

/** How streams come about; tests put a simulated server here. */
export type Connector = typeof connect;

export interface LinkDeps {
  readonly options: CheckedOptions;
  readonly ledger: Ledger;
  readonly state: StreamState;
  readonly logins: LoginMemory;
  readonly handlers: LinkHandlers;
  readonly connector?: Connector;
}

/** How a stream ended, or why there was none. */
interface Ending {
  readonly error: AnySottoError;
  readonly livedMs: number;
  readonly blamed: boolean;
}

/** Keeps one stream alive. All methods are idempotent. */
export class Link {
  readonly status: ObservableValue<ClientStatus> = new ObservableValue<ClientStatus>({ kind: "offline" });
  readonly #d: LinkDeps;
  #password: PasswordSource;
  #running: AbortController | undefined;
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: LinkDeps) {
    this.#d = deps;
    this.#password = deps.options.password;
  }

  /** Starts to connect, at once also if it was waiting or had stopped. */
  start(): void {
    const { kind } = this.status.getSnapshot();
    if (kind === "closed" || kind === "connecting" || kind === "synchronizing" || kind === "online") return;
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
    const { options } = this.#d;
    const policy = new ReconnectPolicy(options.services, options.rng);
    const over = (): boolean => signal.aborted;
    while (!over()) {
      this.status.set({ kind: "connecting", attempt: policy.attempt });
      const { error, livedMs, blamed } = await this.#live(policy.service, signal);
      if (over()) return;
      const next: NextAttempt = error instanceof TransportError ? policy.after(error, livedMs, blamed) : { kind: "stop" };
      if (next.kind === "stop" || !(error instanceof TransportError)) {
        this.status.set({ kind: "stopped", error });
        this.#d.handlers.onError(error);
        return;
      }
      if (next.delayMs === 0) continue;
      this.status.set({ kind: "waiting", retryInMs: next.delayMs, error });
      await this.#sleep(next.delayMs, signal);
    }
  }

  /** One stream from its first byte to its last; resolves with the reason of its end. */
  async #live(service: string, signal: AbortSignal): Promise<Ending> {
    let stream: Stream;
    try {
      stream = await this.#connect(service, signal);
    } catch (error) {
      const failure = asTransportError(error);
      if (endsSession(failure)) await this.#forgetSession();
      return { error: failure, livedMs: 0, blamed: false };
    }
    const begun = this.#d.options.clock.monotonic();
    const end = await this.#use(stream, signal);
    return { ...end, livedMs: this.#d.options.clock.monotonic() - begun };
  }

  #connect(service: string, signal: AbortSignal): Promise<Stream> {
    const { ledger, state, logins, handlers } = this.#d;
    const floor = this.#d.options.mechanismFloor ?? logins.floor;
    const { account, resource, ca, clock, rng, insecureLoopback, resumeSeconds } = this.#d.options;
    return (this.#d.connector ?? connect)({
      account, service, clock, rng, signal,
      password: (request) => (typeof this.#password === "string" ? this.#password : this.#password(request)),
      resource: resource ?? state.resource,
      ...(ca === undefined ? {} : { tls: { ca } }),
      unsafeAllowInsecureLoopback: insecureLoopback,
      ...(state.session === undefined ? {} : { resume: state.session }),
      ...(resumeSeconds === undefined ? {} : { stream: { maxSeconds: resumeSeconds } }),
      ...(floor === undefined ? {} : { mechanismFloor: floor }),
      onAuthenticated: (mechanism) => { logins.authenticated(mechanism).catch(handlers.onError); },
      tokens: logins,
      saveInbound: (_session, h) => state.saveInbound(h, ledger),
    }, sockets);
  }

  async #use(stream: Stream, signal: AbortSignal): Promise<Omit<Ending, "livedMs">> {
    const { state, handlers, options: { account, clock, rng } } = this.#d;
    const over = new AbortController();
    const ended = new Promise<StreamEnd>((resolve) => { stream.onEnd(resolve); });
    const iq = new IqClient(stream, { rng, clock });
    const continued = state.continues(stream);
    const connection: Connection = {
      stream, iq, archive: new Archive({ iq, account, rng }), signal: over.signal, continued,
      epoch: stream.start.kind === "resumed" ? state.epoch : state.epoch + 1,
    };
    const close = (): void => { void stream.close(); };
    signal.addEventListener("abort", close);
    if (signal.aborted) close();
    handlers.onStream(connection);
    const prepared = this.#prepare(connection, signal);
    const { error } = await ended;
    over.abort();
    const failure = await prepared;
    signal.removeEventListener("abort", close);
    const blamed = error !== undefined && handlers.mayBlame(error);
    handlers.onGone();
    if (error === undefined || endsSession(error)) await this.#forgetSession();
    return { error: failure ?? error ?? new TransportError("ERR_STREAM_CLOSED", "the stream has ended", { retryable: true }), blamed };
  }

  /** Resolves with what the next stream would only repeat: a store that is no longer ours, or an old copy. */
  async #prepare(connection: Connection, signal: AbortSignal): Promise<AnySottoError | undefined> {
    const { ledger, state, handlers } = this.#d;
    const { stream } = connection;
    const usable = (): boolean => stream.isOpen && !signal.aborted;
    try {
      await state.begin(stream, ledger);
      if (!connection.continued && usable()) this.status.set({ kind: "synchronizing", jid: stream.jid });
      await handlers.prepare(connection);
      if (!usable()) return undefined;
      state.settled();
      this.status.set({ kind: "online", jid: stream.jid });
      handlers.onOnline(connection);
      return undefined;
    } catch (error) {
      const failure = asSottoError(error);
      const passing = failure.retryable || !usable(); // the stream ended under it, or a step failed that may succeed next time
      await stream.close();
      return passing ? undefined : failure;
    }
  }

  async #forgetSession(): Promise<void> {
    // A store that fails here fails again at the next commit, where somebody waits for it; an old id does no harm.
    await this.#d.state.end(this.#d.ledger).catch(() => undefined);
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
    });
  }
}

/** A stream error ends the session of XEP-0198 with the stream: asking for it again would repeat the error. */
const endsSession = (error: TransportError): boolean =>
  error.code === "ERR_STREAM_ERROR" || error.code === "ERR_STREAM_CONFLICT" || error.code === "ERR_STREAM_PROTOCOL";

function asTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  return new TransportError("ERR_CONNECT_FAILED", "connecting failed", { cause: asSottoError(error), retryable: false });
}
