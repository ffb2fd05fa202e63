/**
 * From a service address to a bound stream, phase by phase, each with a deadline.
 * Spec: RFC 6120 sections 4.3 (negotiation), 5 (STARTTLS), 6 (SASL), 7 (binding); RFC 7395. Threats N01-N05, N07-N09, N11-N17, N19.
 * Not here: trying again (client/), finding the service.
 * @module
 */
import { authenticate, saslNamespace } from "../auth/authenticate.js";
import { chooseMechanism, defaultMechanismFloor, type MechanismName } from "../auth/mechanisms.js";
import type { Clock } from "../../base/clock.js";
import { SottoError } from "../../base/errors.js";
import { domainOf, isFullJid, localOf, parseJid, toBare, type BareJid, type FullJid } from "../../base/jid.js";
import { connectPhaseTimeoutMs, stanzaBytesBeforeLoginMax } from "../../base/limits.js";
import { randomId, type Rng } from "../../base/rng.js";
import { findChild, findChildren, isElement, textOf, xml, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { clientNamespace, stanzaError } from "../stream/stanza-error.js";
import { defaultXmlLimits, type XmlLimits } from "../xml/refusal.js";
import { abortError, bounded, type ConnectPhase } from "./abort.js";
import { boundStream } from "./bound-stream.js";
import { framingNamespace } from "./framed-parser.js";
import { serviceTarget, type ServiceTarget } from "./service.js";
import type { Link, LinkHandlers, SocketFactories, TlsOptions } from "./sockets.js";
import type { Stream } from "./stream.js";
import { createChassis, streamNamespace, type Chassis } from "./xmpp-chassis.js";

/** What {@link connect} needs. */
export interface ConnectOptions {
  /** The account to log in. Its domain is what TLS must prove, except for `wss:` where it is the host of the URL. */
  readonly account: BareJid;
  /** `xmpps://host:port`, `xmpp://host:port` (STARTTLS), `wss://host/path`; `ws://` only with `unsafeAllowInsecureLoopback`. */
  readonly service: string;
  /** Asked once per login, after TLS is verified and a mechanism is chosen. The signal fires when the connection is lost meanwhile. */
  readonly password: (request: { readonly signal: AbortSignal }) => string | Promise<string>;
  /** Default: the server chooses, so that resources are unique (threats N21). */
  readonly resource?: string;
  /** Own certificate authorities (Node only). */
  readonly tls?: TlsOptions;
  /** Permits clear text, to a loopback address only. For tests and development. */
  readonly unsafeAllowInsecureLoopback?: boolean;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Aborts connecting; later it has no effect. */
  readonly signal?: AbortSignal;
  /** The weakest mechanism that may be used. Default `SCRAM-SHA-1`; `PLAIN` hands the password to the server. */
  readonly mechanismFloor?: MechanismName;
  /** Told which mechanism succeeded, so that the caller can raise the floor for the next login (threats N07). */
  readonly onAuthenticated?: (mechanism: MechanismName) => void;
  /** Told of an exception in a listener of the stream. */
  readonly onListenerError?: (error: unknown) => void;
  /** Milliseconds for each phase. Default `connectPhaseTimeoutMs`. */
  readonly phaseTimeoutMs?: number;
}

const startTlsNamespace = "urn:ietf:params:xml:ns:xmpp-tls";
const bindNamespace = "urn:ietf:params:xml:ns:xmpp-bind";
const limitsBeforeLogin: XmlLimits = { ...defaultXmlLimits, bytesMax: stanzaBytesBeforeLoginMax };

/**
 * Connects, proves the server, logs in and binds a resource.
 * @throws TransportError with the codes of connecting, authentication and stream; UsageError `ERR_ABORTED` when the signal fires. After
 *   a rejection nothing is left: no socket, no timer, no listener.
 */
export async function connect(options: ConnectOptions, sockets: SocketFactories): Promise<Stream> {
  if (options.signal?.aborted === true) throw abortError(options.signal);
  const target = serviceTarget(options.service, { account: options.account, allowInsecureLoopback: options.unsafeAllowInsecureLoopback === true });
  const ending = new AbortController();
  const chassis = createChassis({
    domain: domainOf(options.account),
    framed: target.kind === "websocket",
    clock: options.clock,
    openLink: (handlers) => openLink(target, options, sockets, handlers, ending.signal),
    ...(options.onListenerError === undefined ? {} : { onListenerError: options.onListenerError }),
  });
  const stopListening = chassis.onEnd(() => { ending.abort(); });
  try {
    return await new Negotiation(chassis, target, options, ending.signal).run();
  } catch (error) {
    const failure = error instanceof TransportError ? error : new TransportError("ERR_STREAM_CLOSED", "connecting was given up", { retryable: true });
    chassis.fail(failure);
    ending.abort();
    await chassis.close();
    throw error instanceof SottoError ? error : failure;
  } finally {
    stopListening();
  }
}

function openLink(target: ServiceTarget, options: ConnectOptions, sockets: SocketFactories, handlers: LinkHandlers, signal: AbortSignal): Promise<Link> {
  const tls = options.tls ?? {};
  if (target.kind === "websocket") return sockets.webSocket({ url: target.url, tls }, handlers, signal);
  if (sockets.tcp === undefined) return Promise.reject(new TransportError("ERR_SERVICE_INVALID", "this platform has no TCP: use wss://"));
  return sockets.tcp({ host: target.host, port: target.port, domain: domainOf(options.account), directTls: target.directTls, tls }, handlers, signal);
}

/** The phases, in order. */
class Negotiation {
  readonly #chassis: Chassis;
  readonly #target: ServiceTarget;
  readonly #options: ConnectOptions;
  readonly #ended: AbortSignal;

  constructor(chassis: Chassis, target: ServiceTarget, options: ConnectOptions, ended: AbortSignal) {
    this.#chassis = chassis;
    this.#target = target;
    this.#options = options;
    this.#ended = ended;
  }

  async run(): Promise<Stream> {
    await this.#within("socket", this.#chassis.connectSocket());
    let features = await this.#openStream(limitsBeforeLogin);
    if (!this.#chassis.secure && findChild(features, startTlsNamespace, "starttls") !== undefined && this.#target.kind === "tcp") {
      await this.#startTls();
      features = await this.#openStream(limitsBeforeLogin); // nothing learnt in clear is kept
    }
    // Without protection nothing further is said, least of all a credential (threats N01).
    if (!this.#chassis.secure && !this.#target.clearAllowed) throw new TransportError("ERR_TLS_REQUIRED", "the server offers no protected connection");
    await this.#authenticate(features);
    const bindable = await this.#openStream(defaultXmlLimits);
    const jid = await this.#bind(bindable);
    const { onListenerError } = this.#options;
    return boundStream(this.#chassis, { jid, features: bindable, ...(onListenerError === undefined ? {} : { onListenerError }) });
  }

  #within<T>(phase: ConnectPhase, work: Promise<T>): Promise<T> {
    const timeoutMs = this.#options.phaseTimeoutMs ?? connectPhaseTimeoutMs;
    return bounded(work, phase, { clock: this.#options.clock, timeoutMs, signal: this.#options.signal });
  }

  async #openStream(limits: XmlLimits): Promise<XmlElement> {
    checkHeader(await this.#within("header", this.#chassis.openStream(limits)), domainOf(this.#options.account));
    const features = await this.#within("features", this.#chassis.next());
    if (!isElement(features, streamNamespace, "features")) throw unexpected("features");
    return features;
  }

  async #startTls(): Promise<void> {
    await this.#within("tls", this.#chassis.writeElement(xml(startTlsNamespace, "starttls")));
    const answer = await this.#within("tls", this.#chassis.next());
    if (!isElement(answer, startTlsNamespace, "proceed")) throw new TransportError("ERR_TLS_REQUIRED", "the server refused TLS");
    await this.#within("tls", this.#chassis.startTls());
  }

  async #authenticate(features: XmlElement): Promise<void> {
    const { account, mechanismFloor, password, rng, signal } = this.#options;
    const list = findChild(features, saslNamespace, "mechanisms");
    const offered = list === undefined ? [] : findChildren(list, saslNamespace, "mechanism").map((mechanism) => textOf(mechanism).trim());
    const mechanism = chooseMechanism(offered, { floor: mechanismFloor ?? defaultMechanismFloor, secure: this.#chassis.secure });
    const username = localOf(account);
    if (username === undefined) throw new TransportError("ERR_AUTH_MECHANISM", "the account has no user name");
    const waiting = signal === undefined ? this.#ended : AbortSignal.any([signal, this.#ended]);
    const secret = await untilAborted(Promise.resolve(password({ signal: waiting })), waiting, signal);
    const link = {
      write: (element: XmlElement) => this.#within("authentication", this.#chassis.writeElement(element)),
      next: () => this.#within("authentication", this.#chassis.next()),
    };
    await authenticate(link, mechanism, { username, password: secret }, rng);
    this.#options.onAuthenticated?.(mechanism.name);
  }

  async #bind(features: XmlElement): Promise<FullJid> {
    if (findChild(features, bindNamespace, "bind") === undefined) throw new TransportError("ERR_BIND_FAILED", "the server offers no binding");
    const { account, resource, rng } = this.#options;
    const id = randomId(rng);
    const wanted = resource === undefined ? undefined : xml(bindNamespace, "resource", {}, resource);
    this.#chassis.expectBinding();
    await this.#within("binding", this.#chassis.writeElement(xml(clientNamespace, "iq", { type: "set", id }, xml(bindNamespace, "bind", {}, wanted))));
    const answer = await this.#within("binding", this.#chassis.next());
    if (!isElement(answer, clientNamespace, "iq") || answer.attrs["id"] !== id) throw unexpected("binding");
    if (answer.attrs["type"] === "error") {
      const { details, retryable } = stanzaError(answer);
      throw new TransportError("ERR_BIND_FAILED", "the server refused to bind a resource", { details, retryable });
    }
    const bound = findChild(answer, bindNamespace, "bind");
    const address = bound === undefined ? undefined : findChild(bound, bindNamespace, "jid");
    const jid = address === undefined ? undefined : parseJid(textOf(address));
    if (answer.attrs["type"] !== "result" || jid === undefined || !isFullJid(jid)) throw unexpected("binding");
    if (toBare(jid) !== account) throw new TransportError("ERR_BIND_FOREIGN", "the server bound us to another account's address");
    return jid;
  }
}

/** Threats N16: the stream must be the one we asked for, in a version with features. */
function checkHeader(header: XmlElement, domain: BareJid): void {
  const isStream = isElement(header, streamNamespace, "stream") || isElement(header, framingNamespace, "open");
  if (!isStream) throw unexpected("header");
  const major = /^([0-9]{1,4})\.[0-9]{1,4}$/.exec(header.attrs["version"] ?? "0.9")?.[1] ?? "0";
  if (Number(major) < 1) throw unexpected("version");
  const { from } = header.attrs;
  if (from !== undefined && parseJid(from) !== domain) throw unexpected("domain");
}

function unexpected(reason: "header" | "version" | "domain" | "features" | "binding"): TransportError {
  return new TransportError("ERR_STREAM_PROTOCOL", "the server broke the order of the negotiation", { details: { reason } });
}

/** Waits for the application's password; the end of the connection or the caller's signal ends the wait. */
function untilAborted<T>(work: Promise<T>, waiting: AbortSignal, caller: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(caller?.aborted === true ? abortError(caller) : new TransportError("ERR_STREAM_CLOSED", "the connection is closed", { retryable: true }));
    };
    waiting.addEventListener("abort", onAbort, { once: true });
    if (waiting.aborted) onAbort();
    work.then(resolve, reject).finally(() => { waiting.removeEventListener("abort", onAbort); });
  });
}
