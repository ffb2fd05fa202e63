/**
 * The phases between the socket and the session, in order, each with a deadline.
 * Spec: RFC 6120 sections 4.3 (negotiation), 5 (STARTTLS), 6 (SASL); RFC 7395; XEP-0388. Threats N01-N03, N07-N12, N16, N17, N19.
 * Not here: where to connect (connect.ts), resumption, binding and stream management (stream/establish.ts).
 * @module
 */
import { authenticate } from "../auth/authenticate.js";
import type { FastTokens } from "../auth/fast.js";
import type { MechanismName } from "../auth/mechanism-names.js";
import { chooseMechanism, defaultMechanismFloor, type MechanismRules } from "../auth/mechanisms.js";
import { askPassword } from "../auth/password-source.js";
import { sasl2Namespace, saslNamespace, saslProfile, type SaslLink } from "../auth/sasl.js";
import { authenticateInline, type Sasl2Outcome } from "../auth/sasl2.js";
import { domainOf, localOf, parseJid, type BareJid } from "../../base/jid.js";
import { connectPhaseTimeoutMs, stanzaBytesBeforeLoginMax } from "../../base/limits.js";
import { findChild, findChildren, isElement, textOf, xml, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import type { ElementChannel } from "../stream/element-channel.js";
import { breach } from "../stream/breach.js";
import { establishSession } from "../stream/establish.js";
import { resumableSession, settleFormer } from "../stream/session-options.js";
import { defaultXmlLimits, type XmlLimits } from "../xml/refusal.js";
import { abortError, bounded, type ConnectPhase } from "./abort.js";
import type { Chassis } from "./chassis.js";
import { asTransportError } from "./closed.js";
import type { ConnectOptions } from "./connect-options.js";
import { framingNamespace } from "./framed-parser.js";
import type { ServiceTarget } from "./service.js";
import { streamNamespace } from "./stream-text.js";
import type { Stream } from "./stream.js";

const startTlsNamespace = "urn:ietf:params:xml:ns:xmpp-tls";
const bindingsNamespace = "urn:xmpp:sasl-cb:0";
const limitsBeforeLogin: XmlLimits = { ...defaultXmlLimits, bytesMax: stanzaBytesBeforeLoginMax };

/** One connection on its way to a session. */
export class Negotiation {
  readonly #chassis: Chassis;
  readonly #target: ServiceTarget;
  readonly #options: ConnectOptions;
  readonly #ended: AbortSignal;
  #proven = false;

  constructor(chassis: Chassis, target: ServiceTarget, options: ConnectOptions, ended: AbortSignal) {
    this.#chassis = chassis;
    this.#target = target;
    this.#options = options;
    this.#ended = ended;
  }

  /** True once the server has proven the name, as far as it has to, and authentication begins. */
  get proven(): boolean {
    return this.#proven;
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
    this.#proven = true;
    // SASL 2 is for protected links only (XEP-0388 section 3).
    const authentication = this.#chassis.secure ? findChild(features, sasl2Namespace, "authentication") : undefined;
    if (authentication !== undefined) {
      const { inline } = await this.#authenticateInline(features, authentication);
      return establishSession(elementChannel(this.#chassis, xml(streamNamespace, "features")), this.#options, inline);
    }
    await this.#authenticate(features);
    return establishSession(elementChannel(this.#chassis, await this.#openStream(defaultXmlLimits)), this.#options);
  }

  #within<T>(phase: ConnectPhase, work: Promise<T>): Promise<T> {
    const timeoutMs = this.#options.phaseTimeoutMs ?? connectPhaseTimeoutMs;
    return bounded(work, phase, { clock: this.#options.clock, timeoutMs, signal: this.#options.signal });
  }

  async #openStream(limits: XmlLimits): Promise<XmlElement> {
    checkHeader(await this.#within("header", this.#chassis.openStream(limits)), domainOf(this.#options.account));
    const features = await this.#within("features", this.#chassis.next());
    if (!isElement(features, streamNamespace, "features")) throw breach("features");
    return features;
  }

  async #startTls(): Promise<void> {
    await this.#within("tls", this.#chassis.writeElement(xml(startTlsNamespace, "starttls")));
    const answer = await this.#within("tls", this.#chassis.next());
    if (!isElement(answer, startTlsNamespace, "proceed")) throw new TransportError("ERR_TLS_REQUIRED", "the server refused TLS");
    await this.#within("tls", this.#chassis.startTls());
  }

  async #authenticate(features: XmlElement): Promise<void> {
    const list = findChild(features, saslNamespace, "mechanisms");
    const offered = list === undefined ? [] : findChildren(list, saslNamespace, "mechanism").map((mechanism) => textOf(mechanism).trim());
    const mechanism = chooseMechanism({ mechanisms: offered, bindings: announcedBindings(features), strict: false }, this.#rules());
    const username = this.#username();
    await authenticate(this.#saslLink(), saslProfile, mechanism, { username, password: await this.#password() }, this.#options.rng);
    this.#options.onAuthenticated?.(mechanism.name);
  }

  async #authenticateInline(features: XmlElement, authentication: XmlElement): Promise<Sasl2Outcome> {
    const { account, clock, onListenerError = () => undefined, resource, rng, stream } = this.#options;
    await settleFormer(this.#options);
    this.#chassis.expectInline();
    const outcome = await authenticateInline(this.#saslLink(), authentication, {
      account, username: this.#username(), password: () => this.#password(), rules: this.#rules(), bindings: announcedBindings(features),
      resource, session: resumableSession(this.#options), stream, tokens: this.#tokens(), clock, rng, onError: onListenerError,
    });
    if (outcome.mechanism !== undefined) this.#options.onAuthenticated?.(outcome.mechanism);
    return outcome;
  }

  #rules(): MechanismRules {
    const floor: MechanismName = this.#options.mechanismFloor ?? defaultMechanismFloor;
    return { floor, secure: this.#chassis.secure, binding: (type) => this.#chassis.channelBinding(type) };
  }

  #username(): string {
    const username = localOf(this.#options.account);
    if (username === undefined) throw new TransportError("ERR_AUTH_MECHANISM", "the account has no user name");
    return username;
  }

  #password(): Promise<string> {
    const { password, signal } = this.#options;
    const waiting = signal === undefined ? this.#ended : AbortSignal.any([signal, this.#ended]);
    return untilAborted(() => askPassword(password, waiting), waiting, signal);
  }

  /** A store that does not settle must not keep the login; with what is saved nobody waits for it. */
  #tokens(): FastTokens | undefined {
    const { tokens } = this.#options;
    return tokens === undefined ? undefined : {
      load: () => this.#within("authentication", tokens.load()),
      save: (token) => tokens.save(token),
      drop: () => this.#within("authentication", tokens.drop()),
    };
  }

  #saslLink(): SaslLink {
    return {
      write: (element) => this.#within("authentication", this.#chassis.writeElement(element)),
      next: () => this.#within("authentication", this.#chassis.next()),
    };
  }
}

/** The chassis, once authentication is over. */
function elementChannel(chassis: Chassis, features: XmlElement): ElementChannel {
  return {
    features,
    get isOpen() { return chassis.isOpen; },
    get progressAt() { return chassis.progressAt; },
    write: (element) => chassis.writeElement(element),
    onElement: (listener) => chassis.goLive(listener),
    onEnd: (listener) => chassis.onEnd(listener),
    close: () => chassis.close(),
    fail: (error) => { chassis.fail(error); },
  };
}

function announcedBindings(features: XmlElement): readonly string[] | undefined {
  const announced = findChild(features, bindingsNamespace, "sasl-channel-binding");
  return announced === undefined ? undefined : findChildren(announced, bindingsNamespace, "channel-binding").map((binding) => binding.attrs["type"] ?? "");
}

/** Threats N16: the stream must be the one we asked for, in a version with features. */
function checkHeader(header: XmlElement, domain: BareJid): void {
  const isStream = isElement(header, streamNamespace, "stream") || isElement(header, framingNamespace, "open");
  if (!isStream) throw breach("header");
  const major = /^([0-9]{1,4})\.[0-9]{1,4}$/.exec(header.attrs["version"] ?? "0.9")?.[1] ?? "0";
  if (Number(major) < 1) throw breach("version");
  const { from } = header.attrs;
  if (from !== undefined && parseJid(from) !== domain) throw breach("domain");
}

/** Asks, and waits for the application's password; the end of the connection or the caller's signal ends the wait. Behind it nobody is asked. */
function untilAborted<T>(ask: () => Promise<T>, waiting: AbortSignal, caller: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(caller?.aborted === true ? abortError(caller) : asTransportError(waiting.reason));
    };
    if (waiting.aborted) {
      onAbort();
      return;
    }
    waiting.addEventListener("abort", onAbort, { once: true });
    ask().then(resolve, reject).finally(() => { waiting.removeEventListener("abort", onAbort); });
  });
}
