/**
 * Requests and their answers. An answer counts only if its id and its sender match the request (threats F01, F02).
 * Spec: RFC 6120 sections 8.1.2.1, 8.2.3 and 10.3.3. Limits: base/limits.ts.
 * Not here: what is asked (xep/, features/).
 * @module
 */
import { abortError } from "../connection/abort.js";
import { closedError } from "../connection/closed.js";
import type { Clock } from "../../base/clock.js";
import { UsageError } from "../../base/errors.js";
import type { Unsubscribe } from "../../base/events.js";
import { domainOf, parseJid, toBare, type Jid } from "../../base/jid.js";
import { iqOpenMax, iqTimeoutMs, slowLinkBytesPerSecond } from "../../base/limits.js";
import { randomId, type Rng } from "../../base/rng.js";
import { childElements, isElement, xml, type XmlElement } from "../../base/xml.js";
import type { Stream } from "../connection/stream.js";
import { TransportError } from "../errors.js";
import { clientNamespace } from "../xep/namespaces.js";
import { isSpoilt } from "../xml/spoilt.js";
import { AbortTasks } from "../../base/abort-tasks.js";
import { bytesOf } from "./stanza.js";
import { stanzaError, stanzaErrorNamespace } from "./stanza-error.js";

/** A request. */
export interface IqRequest {
  readonly type: "get" | "set";
  /** Whom to ask. Absent: our own account. */
  readonly to?: Jid;
  readonly payload: XmlElement;
  /** Milliseconds; default `iqTimeoutMs`, and a second for each slowLinkBytesPerSecond bytes of the request. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** False: if it is lost it is not made again by the stream when the session goes on, behind the back of whoever was told that it failed. */
  readonly resend?: boolean;
}

/** A request that someone sent us. */
export interface IncomingIq {
  readonly type: "get" | "set";
  /** Who asks, as the server vouches for it. Absent: our own account or server. */
  readonly from: Jid | undefined;
  readonly payload: XmlElement;
}

/**
 * Answers incoming requests of one namespace: returns the payload of the result (`null` for an empty one), or `undefined` to refuse,
 * which looks to the asker as if nobody were listening (threats F24).
 */
export type IqHandler = (request: IncomingIq) => XmlElement | null | undefined;

interface OpenRequest {
  readonly to: Jid | undefined;
  settle(outcome: XmlElement | undefined | TransportError | UsageError): void;
}

/** All IQs of one stream. */
export class IqClient {
  readonly #stream: Stream;
  readonly #rng: Rng;
  readonly #clock: Clock;
  readonly #open = new Map<string, OpenRequest>();
  readonly #aborts = new AbortTasks();
  readonly #handlers = new Map<string, IqHandler>();
  #over = false;

  constructor(stream: Stream, dependencies: { readonly rng: Rng; readonly clock: Clock }) {
    this.#stream = stream;
    this.#rng = dependencies.rng;
    this.#clock = dependencies.clock;
    const stopListening = stream.onStanza((stanza) => { this.#onStanza(stanza); });
    stream.onEnd(() => {
      this.#over = true;
      stopListening();
      for (const request of [...this.#open.values()]) request.settle(closedError());
    });
  }

  /** Requests that wait for an answer. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Answers incoming requests whose payload has `namespace`. One handler per namespace; all others get service-unavailable. */
  handle(namespace: string, handler: IqHandler): Unsubscribe {
    this.#handlers.set(namespace, handler);
    return () => { if (this.#handlers.get(namespace) === handler) this.#handlers.delete(namespace); };
  }

  /**
   * Sends a request and resolves with the payload of the result, if there is one.
   * @throws TransportError `ERR_STANZA_ERROR` (`details.condition`), `ERR_IQ_TIMEOUT`, `ERR_IQ_TOO_MANY`, `ERR_STREAM_CLOSED`,
   *   `ERR_STANZA_TOO_LARGE`, `ERR_STREAM_LIMIT` (the answer breaks a limit: nothing of it is read); UsageError `ERR_ABORTED`.
   */
  request(iq: IqRequest): Promise<XmlElement | undefined> {
    return new Promise((resolve, reject) => {
      if (iq.signal?.aborted === true) throw abortError(iq.signal);
      if (this.#over || !this.#stream.isOpen) throw closedError();
      if (this.#open.size >= iqOpenMax) {
        throw new TransportError("ERR_IQ_TOO_MANY", "too many requests wait for an answer", { retryable: true, details: { open: this.#open.size } });
      }
      const id = randomId(this.#rng);
      const { signal } = iq;
      const stanza = xml(clientNamespace, "iq", { type: iq.type, id, to: iq.to }, iq.payload);
      const cancelTimeout = this.#clock.schedule(iq.timeoutMs ?? iqTimeoutMs + 1000 * Math.floor(bytesOf(stanza) / slowLinkBytesPerSecond), () => {
        settle(new TransportError("ERR_IQ_TIMEOUT", "no answer in time", { retryable: true }));
      });
      const settle: OpenRequest["settle"] = (outcome) => {
        if (!this.#open.delete(id)) return;
        cancelTimeout();
        forgetSignal?.();
        if (outcome instanceof TransportError || outcome instanceof UsageError) reject(outcome);
        else resolve(outcome);
      };
      this.#open.set(id, { to: iq.to, settle });
      const forgetSignal = signal === undefined ? undefined : this.#aborts.add(signal, () => { settle(abortError(signal)); });
      this.#stream.send(stanza, { resend: iq.resend ?? true }).catch((error: unknown) => {
        settle(error instanceof TransportError || error instanceof UsageError ? error : closedError());
      });
    });
  }

  #onStanza(stanza: XmlElement): void {
    if (!isElement(stanza, clientNamespace, "iq")) return;
    const type = stanza.attrs["type"];
    if (type === "get" || type === "set") {
      this.#answer(stanza, type);
      return;
    }
    const request = this.#open.get(stanza.attrs["id"] ?? "");
    // Someone else's guess at an id is ignored and does not use up the request.
    if (request === undefined || !this.#mayAnswer(request.to, stanza.attrs["from"])) return;
    if (type === "result") request.settle(isSpoilt(stanza) ? spoiltAnswer() : childElements(stanza)[0]);
    else if (type === "error") request.settle(stanzaError(stanza));
  }

  #mayAnswer(asked: Jid | undefined, from: string | undefined): boolean {
    const own = this.#stream.jid;
    const sender = from === undefined ? undefined : parseJid(from);
    if (from !== undefined && sender === undefined) return false;
    if (asked === undefined || asked === toBare(own)) {
      // Our own server answers for our account, in any of these names (RFC 6120 sections 8.1.2.1 and 10.3.3).
      return sender === undefined || sender === toBare(own) || sender === own || sender === domainOf(own);
    }
    if (asked === domainOf(own) && sender === undefined) return true;
    return sender === asked;
  }

  #answer(stanza: XmlElement, type: "get" | "set"): void {
    const { id, from } = stanza.attrs;
    const sender = from === undefined ? undefined : parseJid(from);
    const [payload] = childElements(stanza);
    if (id === undefined || (from !== undefined && sender === undefined)) return; // nobody to answer
    const send = (as: "result" | "error", child?: XmlElement): Promise<void> => this.#stream.send(xml(clientNamespace, "iq", { type: as, id, to: sender }, child));
    const answer = async (): Promise<void> => {
      try {
        const result = payload && this.#handlers.get(payload.ns)?.({ type, from: sender, payload });
        if (result !== undefined) {
          await send("result", result ?? undefined);
          return;
        }
      } catch {
        // A handler that throws, or whose answer cannot be written, must not show more to the asker than one that declines.
      }
      await send("error", xml(clientNamespace, "error", { type: "cancel" }, xml(stanzaErrorNamespace, "service-unavailable")));
    };
    answer().catch(() => undefined); // a failed write ends the stream, which reports it; an answer has nobody else to tell
  }
}

// Without its content it would look like an empty result, which says that a thing was done, or that there is none.
function spoiltAnswer(): TransportError {
  return new TransportError("ERR_STREAM_LIMIT", "the answer holds more than the limits allow", { details: { condition: "policy-violation" } });
}
