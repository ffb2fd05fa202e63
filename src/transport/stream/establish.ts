/**
 * From an authenticated channel to a live stream: resumption or binding, then stream management. Every step is taken in the parser's own
 * turn, so that counters begin exactly where the server's do, and nothing of the application leaves before it is settled.
 * Spec: RFC 6120 section 7; XEP-0198 sections 3, 5 and 9 (inline). Threats N14, N15, N19, Q03, Q07, Q08, Q11, Q12.
 * Not here: authentication (connection/negotiation.ts, auth/), binding as data (binding.ts), the stream afterwards (managed-stream.ts).
 * @module
 */
import { abortError, phaseTimeout, type ConnectPhase } from "../connection/abort.js";
import { asTransportError, closedError } from "../connection/closed.js";
import type { FormerSession, SessionStart, Stream } from "../connection/stream.js";
import { SottoError } from "../../base/errors.js";
import { resourceOf, toBare, type FullJid } from "../../base/jid.js";
import { connectPhaseTimeoutMs, unreadStanzasMax } from "../../base/limits.js";
import { randomId } from "../../base/rng.js";
import type { XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { bindRequest, boundAddress, offersBinding } from "./binding.js";
import { breach } from "./breach.js";
import type { ElementChannel } from "./element-channel.js";
import { ManagedStream } from "./managed-stream.js";
import { enabledSession, enableElement, formerSession, handledCount, isManagement, managementNamespace, offersManagement, resumeElement } from "./management.js";
import { resumableSession, settleFormer, type InlineOutcome, type SessionOptions } from "./session-options.js";
import { isStanza } from "./stanza.js";
import type { StreamSession } from "./stream-session.js";

/**
 * Settles the session over `channel`.
 * @throws TransportError `ERR_BIND_FAILED`, `ERR_BIND_FOREIGN`, `ERR_CONNECT_TIMEOUT`, `ERR_STREAM_PROTOCOL`, or why the channel ended;
 *   UsageError `ERR_ABORTED`. After a rejection the channel is over.
 */
export async function establishSession(channel: ElementChannel, options: SessionOptions, inline?: InlineOutcome): Promise<Stream> {
  try {
    if (inline === undefined) await settleFormer(options); // else it was done before the login
    return await new Establishing(channel, options, inline).run();
  } catch (error) {
    channel.fail(asTransportError(error));
    throw error instanceof SottoError ? error : closedError();
  }
}

type Step = (element: XmlElement) => void;

class Establishing {
  readonly #channel: ElementChannel;
  readonly #options: SessionOptions;
  readonly #inline: InlineOutcome | undefined;
  #features: XmlElement;
  #former: FormerSession | undefined;
  #early: XmlElement[] = [];
  #step: Step = () => undefined;
  #stream: ManagedStream | undefined;
  #cancelDeadline: () => void = () => undefined;
  #settle: (outcome: ManagedStream | SottoError) => void = () => undefined;

  constructor(channel: ElementChannel, options: SessionOptions, inline: InlineOutcome | undefined) {
    this.#channel = channel;
    this.#options = options;
    this.#inline = inline;
    this.#features = channel.features;
  }

  run(): Promise<Stream> {
    return new Promise((resolve, reject) => {
      const { signal } = this.#options;
      const onAbort = (): void => { this.#settle(abortError(signal)); };
      const stopListening = this.#channel.onEnd((end) => { this.#settle(end.error ?? closedError()); });
      this.#settle = (outcome) => {
        this.#settle = () => undefined;
        this.#step = () => undefined; // what lies behind a breach, waiting, says nothing any more
        this.#cancelDeadline();
        signal?.removeEventListener("abort", onAbort);
        stopListening();
        if (outcome instanceof SottoError) reject(outcome);
        else resolve(outcome);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
      else this.#guarded(() => { this.#begin(); });
    });
  }

  #begin(): void {
    const session = resumableSession(this.#options);
    if (this.#options.resume !== undefined) this.#former = {};
    if (this.#inline !== undefined) this.#continueInline(this.#inline, session);
    else if (session !== undefined && offersManagement(this.#features)) this.#resume(session);
    else this.#bind();
    // From here on elements come; they are taken by the step that has just been set.
    this.#channel.onElement((element) => { this.#take(element); });
  }

  #take(element: XmlElement): void {
    if (this.#stream !== undefined) this.#stream.take(element);
    else this.#guarded(() => { this.#step(element); });
  }

  #continueInline(inline: InlineOutcome, session: StreamSession | undefined): void {
    const { enabling, jid, resumption } = inline;
    if (resumption !== undefined && session !== undefined) {
      if (isManagement(resumption, "resumed")) {
        this.#resumed(resumption, session);
        return;
      }
      this.#former = formerSession(resumption, session);
    }
    // The features stand behind `<success/>` without a new stream; whatever they say about sessions is settled already.
    const counted = enabling !== undefined && isManagement(enabling, "enabled");
    const live = counted && jid !== undefined ? this.#enabled(enabling, jid) : undefined;
    this.#awaitStep("features", (element) => {
      if (isStanza(element) && jid !== undefined) {
        if (live === undefined) this.#keep(element);
        else live.take(element);
        return;
      }
      if (element.name !== "features") {
        if (live === undefined || element.ns !== managementNamespace) throw breach("features");
        live.take(element);
        return;
      }
      this.#features = element;
      if (live !== undefined) {
        live.take(element);
        this.#finish(live);
      } else if (jid === undefined) this.#authenticated(session, resumption !== undefined);
      else if (enabling === undefined) this.#bound(jid);
      else this.#unmanaged(jid);
    });
  }

  #authenticated(session: StreamSession | undefined, asked: boolean): void {
    if (session !== undefined && !asked && offersManagement(this.#features)) this.#resume(session);
    else this.#bind();
  }

  #resume(session: StreamSession): void {
    this.#awaitStep("session", (element) => {
      if (isStanza(element)) throw breach("early-stanza");
      if (isManagement(element, "resumed")) this.#resumed(element, session);
      else if (isManagement(element, "failed")) {
        this.#former = formerSession(element, session);
        this.#bind();
      } else throw breach("session");
    });
    this.#write(resumeElement(session));
  }

  #resumed(element: XmlElement, session: StreamSession): void {
    const { previd } = element.attrs;
    let handled: number;
    try {
      if (previd !== undefined && previd !== session.state.id) throw breach("session");
      handled = handledCount(element, session.queue, session.restored);
    } catch (error) {
      session.abandon();
      throw error;
    }
    session.queue.acknowledge(handled);
    session.known();
    const features = this.#features.children.length === 0 ? session.features ?? this.#features : this.#features;
    this.#finish(this.#live(session.jid, features, { kind: "resumed", handled }, session));
  }

  #bind(): void {
    if (!offersBinding(this.#features)) throw new TransportError("ERR_BIND_FAILED", "the server offers no binding");
    const { account, resource = previousResource(this.#options), rng } = this.#options;
    const id = randomId(rng);
    this.#awaitStep("binding", (element) => {
      if (isStanza(element) && (element.name !== "iq" || element.attrs["id"] !== id)) throw breach("early-stanza");
      if (!isStanza(element)) throw breach("binding");
      this.#bound(boundAddress(element, account));
    });
    this.#write(bindRequest(id, resource));
  }

  #bound(jid: FullJid): void {
    if (this.#options.stream?.enable === false || !offersManagement(this.#features)) {
      this.#unmanaged(jid);
      return;
    }
    this.#awaitStep("session", (element) => {
      if (isManagement(element, "enabled")) this.#finish(this.#enabled(element, jid));
      else if (isManagement(element, "failed")) this.#unmanaged(jid);
      // What the server sent before it enabled counts for nobody (XEP-0198 section 4), but it is ours.
      else if (isStanza(element)) this.#keep(element);
      else throw breach("session");
    });
    this.#write(enableElement(this.#options.stream));
  }

  #enabled(element: XmlElement, jid: FullJid): ManagedStream {
    const session = enabledSession(element, jid);
    if (session !== undefined) session.features = this.#features;
    return this.#live(jid, this.#features, { kind: "new", resumable: session !== undefined, ...this.#withFormer() }, session);
  }

  #unmanaged(jid: FullJid): void {
    this.#finish(this.#live(jid, this.#features, { kind: "unmanaged", ...this.#withFormer() }, undefined));
  }

  #withFormer(): { readonly former?: FormerSession } {
    return this.#former === undefined ? {} : { former: this.#former };
  }

  #live(jid: FullJid, features: XmlElement, start: SessionStart, session: StreamSession | undefined): ManagedStream {
    const { clock, onListenerError, probeMs, rng, saveInbound } = this.#options;
    return new ManagedStream(this.#channel, { jid, features, start, session, clock, rng, saveInbound, probeMs, onListenerError });
  }

  #finish(stream: ManagedStream): void {
    this.#stream = stream;
    for (const stanza of this.#early.splice(0)) stream.takeEarly(stanza);
    this.#settle(stream);
  }

  /** For whoever listens to the stream: as many as he may leave unread there. */
  #keep(stanza: XmlElement): void {
    if (this.#early.push(stanza) > unreadStanzasMax) throw breach("early-stanza");
  }

  #awaitStep(phase: ConnectPhase, step: Step): void {
    this.#step = step;
    this.#cancelDeadline();
    const { clock, phaseTimeoutMs = connectPhaseTimeoutMs } = this.#options;
    this.#cancelDeadline = clock.schedule(phaseTimeoutMs, () => { this.#settle(phaseTimeout(phase)); });
  }

  #write(element: XmlElement): void {
    this.#channel.write(element).catch((error: unknown) => { this.#settle(asTransportError(error)); });
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      // At once: what stands behind the breach in the same piece of input must not be read.
      this.#channel.fail(asTransportError(error));
      this.#settle(error instanceof SottoError ? error : closedError());
    }
  }
}

function previousResource(options: SessionOptions): string | undefined {
  return options.resume === undefined || toBare(options.resume.jid) !== options.account ? undefined : resourceOf(options.resume.jid);
}
