/**
 * One stream from its first byte to its last: connects, has the session settled, and sets up what a fresh stream needs.
 * Spec: docs/architecture.md, With and without a network. Threats N19, Q08, Q21.
 * Not here: trying again (link.ts), sockets and authentication (transport/), what happens with stanzas (receive/, outbox/).
 * @module
 */
import type { Ledger } from "../session/ledger.js";
import { fencedError, StorageError } from "../storage/errors.js";
import { connect } from "../transport/connection/connect.js";
import type { Stream, StreamEnd } from "../transport/connection/stream.js";
import { TransportError } from "../transport/errors.js";
import { Archive } from "../transport/features/archive.js";
import { IqClient } from "../transport/stream/iq.js";
import { type AnySottoError, asSottoError } from "./errors.js";
import type { Attempt, Connection, Connector, Ending } from "./link.js";
import type { LoginMemory } from "./login-memory.js";
import type { CheckedOptions } from "./options.js";
import type { StreamState } from "./stream-state.js";
import { onNetworkGone } from "#network";
import { sockets } from "#sockets";

/** What the owner of a stream does at its turns. */
export interface StreamHandlers {
  /** Called before a session is asked for again, and awaited. A rejection ends the attempt. */
  readonly beforeResume: () => Promise<void>;
  /** Called in the turn in which the stream exists: subscribe here, nothing has been missed. */
  readonly onStream: (connection: Connection) => void;
  /** Everything that must have happened before `online` is told. A rejection ends the stream. */
  readonly prepare: (connection: Connection) => Promise<void>;
  readonly onOnline: (connection: Connection) => void;
  /** What has to be said before we close the stream. Never rejects, and takes no longer than a user waits for a program to end. */
  readonly farewell: (connection: Connection) => Promise<void>;
  readonly onGone: () => void;
  /** Whether a message of ours may have caused this end: then connecting again is right, for it will be found (threats Q13). */
  readonly mayBlame: (error: TransportError) => boolean;
  /** Something failed that stops nothing. */
  readonly onError: (error: unknown) => void;
}

export interface StreamRunDeps {
  readonly options: CheckedOptions;
  readonly ledger: Ledger;
  readonly state: StreamState;
  readonly logins: LoginMemory;
  readonly handlers: StreamHandlers;
  readonly connector: Connector | undefined;
}

/** Connects and stays until the stream is over; resolves with the reason. */
export async function runStream(deps: StreamRunDeps, attempt: Attempt): Promise<Ending> {
  // Who has taken the store over has our stream's id as well: each would resume it away from the other, without end (threats D10).
  // A store that cannot say so fails at the first commit.
  if (!(await deps.ledger.owns().catch(() => true))) return { error: fencedError(), livedMs: 0, blamed: false };
  let stream: Stream;
  // A handshake that the network goes away under would learn it from its timeout only.
  const gone = new AbortController();
  const stopListening = onNetworkGone(() => { gone.abort(); });
  try {
    stream = await open(deps, { ...attempt, signal: AbortSignal.any([attempt.signal, gone.signal]) });
  } catch (error) {
    const failure = gone.signal.aborted ? new TransportError("ERR_CONNECT_FAILED", "the network is gone", { retryable: true }) : openingFailure(error);
    if (endsSession(failure)) await forgetSession(deps);
    return { error: failure, livedMs: 0, blamed: false };
  } finally {
    stopListening();
  }
  const begun = deps.options.clock.monotonic();
  const end = await use(deps, stream, attempt);
  return { ...end, livedMs: deps.options.clock.monotonic() - begun };
}

function open({ options, ledger, state, logins, handlers, connector = connect }: StreamRunDeps, attempt: Attempt): Promise<Stream> {
  const { service, password, signal } = attempt;
  const { account, resource, ca, clock, rng, insecureLoopback, resumeSeconds } = options;
  const floor = options.mechanismFloor ?? logins.floor;
  return connector({
    account, service, password, clock, rng, signal,
    resource: resource ?? state.resource,
    ...(ca === undefined ? {} : { tls: { ca } }),
    unsafeAllowInsecureLoopback: insecureLoopback,
    ...(state.session === undefined ? {} : { resume: state.session }),
    ...(resumeSeconds === undefined ? {} : { stream: { maxSeconds: resumeSeconds } }),
    ...(floor === undefined ? {} : { mechanismFloor: floor }),
    onAuthenticated: (mechanism) => { logins.authenticated(mechanism).catch(handlers.onError); },
    tokens: logins,
    saveInbound: (session, h) => state.saveInbound(session, h, ledger),
    beforeResume: handlers.beforeResume,
    onListenerError: handlers.onError,
  }, sockets);
}

async function use(deps: StreamRunDeps, stream: Stream, attempt: Attempt): Promise<Omit<Ending, "livedMs">> {
  const { state, handlers, options: { account, clock, rng } } = deps;
  const over = new AbortController();
  const ended = new Promise<StreamEnd>((resolve) => { stream.onEnd(resolve); });
  const iq = new IqClient(stream, { rng, clock });
  const connection: Connection = {
    stream, iq, archive: new Archive({ iq, account, rng, clock }), signal: over.signal, continued: state.continues(stream),
    epoch: stream.start.kind === "resumed" ? state.epoch : state.epoch + 1,
  };
  const close = (): void => { void handlers.farewell(connection).then(() => stream.close()); };
  handlers.onStream(connection);
  attempt.signal.addEventListener("abort", close);
  if (attempt.signal.aborted) close();
  const prepared = prepare(deps, connection, attempt);
  const { error } = await ended;
  over.abort();
  const failure = await prepared;
  attempt.signal.removeEventListener("abort", close);
  const blamed = error !== undefined && handlers.mayBlame(error);
  handlers.onGone();
  if (error === undefined || endsSession(error) || stream.session?.usable === false) await forgetSession(deps);
  return { error: failure?.retryable === false ? failure : error ?? failure ?? streamEnded(), blamed };
}

/** Resolves with why the stream is of no use; not `retryable`: the next one would only repeat it, a store that is no longer ours, or an old copy. */
async function prepare({ ledger, state, handlers }: StreamRunDeps, connection: Connection, { signal, tell }: Attempt): Promise<AnySottoError | undefined> {
  const { stream } = connection;
  const usable = (): boolean => stream.isOpen && !signal.aborted;
  // Nobody would answer, and each question would wait for its own timeout. Browsers do not always tell the socket.
  const stopListening = onNetworkGone(() => { void stream.close(); });
  try {
    await state.begin(stream, ledger);
    if (!connection.continued && usable()) tell({ kind: "synchronizing", jid: stream.jid });
    await handlers.prepare(connection);
    if (!usable()) return undefined;
    state.settled();
    tell({ kind: "online", jid: stream.jid });
    handlers.onOnline(connection);
    return undefined;
  } catch (error) {
    const failure = asSottoError(error);
    // A step failed that may succeed next time, or the stream ended under it: which is no reason for a store to refuse (threats D12).
    const passing = failure.retryable || (!usable() && !(failure instanceof StorageError));
    await stream.close();
    return passing ? streamEnded(failure) : failure;
  } finally {
    stopListening();
  }
}

const streamEnded = (cause?: AnySottoError): TransportError => new TransportError("ERR_STREAM_CLOSED", "the stream has ended", { cause, retryable: true });

async function forgetSession({ state, ledger }: StreamRunDeps): Promise<void> {
  // A store that fails here fails again at the next commit, where somebody waits for it; an old id does no harm.
  await state.end(ledger).catch(() => undefined);
}

/** A stream error ends the session of XEP-0198 with the stream: asking for it again would repeat the error. */
const endsSession = (error: AnySottoError): boolean =>
  error.code === "ERR_STREAM_ERROR" || error.code === "ERR_STREAM_CONFLICT" || error.code === "ERR_STREAM_PROTOCOL";

/** A store that will hold nothing any more says so itself; with whatever else the connection has failed. */
export function openingFailure(error: unknown): AnySottoError {
  const cause = asSottoError(error);
  if (cause instanceof TransportError || (cause instanceof StorageError && !cause.retryable)) return cause;
  return new TransportError("ERR_CONNECT_FAILED", "connecting failed", { cause, retryable: cause.retryable });
}
