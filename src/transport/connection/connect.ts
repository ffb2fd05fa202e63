/**
 * From a service address to a live stream.
 * Spec: RFC 6120 sections 3 and 4.9.3.19 (other hosts), XEP-0198 section 5 (location); RFC 7395. Threats N01, N04, N05, N19, Q11.
 * Not here: trying again (client/), finding the service (discovery.ts), the phases (negotiation.ts), the session (stream/establish.ts).
 * @module
 */
import { SottoError } from "../../base/errors.js";
import { domainOf } from "../../base/jid.js";
import { redirectDelayMsMax, redirectsMax } from "../../base/limits.js";
import { randomInteger } from "../../base/rng.js";
import { TransportError } from "../errors.js";
import { resumableSession } from "../stream/session-options.js";
import { abortError } from "./abort.js";
import { Chassis } from "./chassis.js";
import type { ConnectOptions } from "./connect-options.js";
import { Negotiation } from "./negotiation.js";
import { relocatedTarget, serviceTarget, type ServiceTarget } from "./service.js";
import type { Link, LinkHandlers, SocketFactories } from "./sockets.js";
import type { CreateStreamMachine } from "./stream-machine.js";
import type { Stream } from "./stream.js";
import { createStreamMachine } from "#stream-machine";

/**
 * Connects, proves the server, logs in, and resumes a session or begins one.
 * @throws TransportError with the codes of connecting, authentication and stream; UsageError `ERR_ABORTED` when the signal fires. After
 *   a rejection nothing is left: no socket, no timer, no listener.
 */
export function connect(options: ConnectOptions, sockets: SocketFactories): Promise<Stream> {
  return connectOver(createStreamMachine, options, sockets);
}

/** {@link connect} over a machine of the caller's choice: the suites run over all of them. */
export async function connectOver(machine: CreateStreamMachine, options: ConnectOptions, sockets: SocketFactories): Promise<Stream> {
  if (options.signal?.aborted === true) throw abortError(options.signal);
  const first = serviceTarget(options.service, { account: options.account, allowInsecureLoopback: options.unsafeAllowInsecureLoopback === true });
  // The server of the session may prefer another host: same name to prove, same kind of TLS, and never the only way (threats Q11).
  const location = resumableSession(options)?.state.location;
  const preferred = location === undefined ? undefined : relocatedTarget(first, location, options.account);
  if (preferred !== undefined) {
    const outcome = await attempt(machine, preferred, options, sockets);
    if (outcome.stream !== undefined) return outcome.stream;
    if (outcome.proven && !outcome.error.retryable) throw outcome.error; // the other way would say the same
  }
  for (let target = first, hops = 0; ; hops++) {
    const outcome = await attempt(machine, target, options, sockets);
    if (outcome.stream !== undefined) return outcome.stream;
    const next = outcome.redirect === undefined || hops >= redirectsMax ? undefined : relocatedTarget(target, outcome.redirect, options.account);
    if (next === undefined) throw outcome.error;
    await pause(options, redirectDelayMsMax * 2 ** hops);
    target = next;
  }
}

/** Why there is no stream, and what the server said about it. */
interface FailedAttempt {
  readonly stream?: undefined;
  readonly error: SottoError;
  /** It was the right server: another place would not do better. */
  readonly proven: boolean;
  /** Where a proven server wants us to go. */
  readonly redirect: string | undefined;
}

async function attempt(machine: CreateStreamMachine, target: ServiceTarget, options: ConnectOptions, sockets: SocketFactories): Promise<{ readonly stream: Stream } | FailedAttempt> {
  const ending = new AbortController();
  const chassis = new Chassis({
    domain: domainOf(options.account),
    account: options.account,
    framed: target.kind === "websocket",
    clock: options.clock,
    openLink: (handlers) => openLink(target, options, sockets, handlers, ending.signal),
    ...(options.onListenerError === undefined ? {} : { onListenerError: options.onListenerError }),
  }, machine);
  const stopListening = chassis.onEnd((end) => { ending.abort(end.error); });
  const negotiation = new Negotiation(chassis, target, options, ending.signal);
  try {
    return { stream: await negotiation.run() };
  } catch (error) {
    const failure = error instanceof TransportError ? error : new TransportError("ERR_STREAM_CLOSED", "connecting was given up", { retryable: true });
    chassis.fail(failure);
    ending.abort();
    await chassis.close();
    const aborted = options.signal?.aborted === true;
    const reason = error instanceof SottoError ? error : failure;
    return {
      error: chassis.secure || target.clearAllowed ? reason : unproven(reason),
      proven: negotiation.proven || aborted, redirect: aborted ? undefined : chassis.redirect,
    };
  } finally {
    stopListening();
  }
}

/** In clear anybody on the way can end the stream for any reason: it says no more than that there is no way in now. */
function unproven(error: SottoError): SottoError {
  const { code, details } = error;
  if (code !== "ERR_STREAM_ERROR" && code !== "ERR_STREAM_CONFLICT") return error;
  return new TransportError("ERR_CONNECT_FAILED", "whoever answered has refused, and has not proven to be the server", { retryable: true, details, cause: error });
}

/** A redirect must not become a flood, whoever sends it (threats N05). */
function pause({ clock, rng, signal }: ConnectOptions, delayMsMax: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(abortError(signal));
    };
    const cancel = clock.schedule(randomInteger(rng, 0, delayMsMax), () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function openLink(target: ServiceTarget, options: ConnectOptions, sockets: SocketFactories, handlers: LinkHandlers, signal: AbortSignal): Promise<Link> {
  const tls = options.tls ?? {};
  if (target.kind === "websocket") return sockets.webSocket({ url: target.url, tls }, handlers, signal);
  if (sockets.tcp === undefined) return Promise.reject(new TransportError("ERR_SERVICE_INVALID", "this platform has no TCP: use wss://"));
  return sockets.tcp({ host: target.host, port: target.port, domain: domainOf(options.account), directTls: target.directTls, tls }, handlers, signal);
}
