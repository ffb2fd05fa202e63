/** What features need of stream/iq.ts: one question, one answer. @module */
import type { Jid } from "../../base/jid.js";
import type { XmlElement } from "../../base/xml.js";

/** A question to a server or client. */
export interface IqQuestion {
  readonly type: "get" | "set";
  /** Absent: the own account. */
  readonly to?: Jid;
  readonly payload: XmlElement;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** False: if it is lost it is not made again when the session goes on. */
  readonly resend?: boolean;
}

/** Asks and waits. `IqClient` is one; tests have scripts. */
export interface IqRequester {
  /**
   * The payload of the result, if it has one.
   * @throws TransportError `ERR_STANZA_ERROR` with `details.condition`, `ERR_IQ_TIMEOUT`, `ERR_STREAM_CLOSED`;
   *   UsageError `ERR_ABORTED` when the signal fired.
   */
  request(iq: IqQuestion): Promise<XmlElement | undefined>;
}
