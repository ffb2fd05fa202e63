/**
 * The line from one session to the server: one connection after the other, what was sent on them last and whether it arrived, and whose answers still
 * count.
 * Spec: XEP-0198. Threats V01. Not here: what is sent (step-stanzas.ts), what is heard (news.ts), what follows (session.ts).
 * @module
 */
import type { XmlElement } from "../../base/xml.js";
import { TransportError } from "../../transport/errors.js";
import type { Connection } from "../link.js";

/** See the module. */
export class SessionLine {
  #connection: Connection | undefined;
  #turn = 0;
  /** The number of the last stanza that showed somebody something. */
  #sent = 0;

  /** False between two connections. */
  get isAttached(): boolean {
    return this.#connection !== undefined;
  }

  /** Answers to what was asked in another turn count no more. */
  get turn(): number {
    return this.#turn;
  }

  /** In the first turn of a connection; `take` hears it for as long as it is the last one. */
  attach(connection: Connection, take: (stanza: XmlElement) => void): void {
    this.#connection = connection;
    this.nextTurn();
    connection.stream.onStanza((stanza) => { if (this.#connection === connection) take(stanza); });
  }

  detach(): void {
    this.#connection = undefined;
    this.nextTurn();
  }

  nextTurn(): void {
    this.#turn++;
  }

  /** What is lost is not sent again by itself (`resend`): the rules may be others by the time the session goes on. */
  send(stanza: XmlElement, resend: boolean = false): void {
    try {
      const { sequence, written } = this.open().stream.sendTracked(stanza, { resend });
      this.#sent = sequence;
      written.catch(() => undefined); // the stream ends, and the next one looks at what arrived
    } catch {
      this.#sent = Infinity; // not even written: lost for sure
    }
  }

  /** True if the server, as the connection began, had not everything that was sent before. */
  hasLost({ stream: { start } }: Connection): boolean {
    return start.kind !== "resumed" || start.handled < this.#sent;
  }

  /** The connection that is up. @throws TransportError `ERR_STREAM_CLOSED` */
  open(): Connection {
    if (this.#connection?.stream.isOpen !== true) throw new TransportError("ERR_STREAM_CLOSED", "the stream is closed", { retryable: true });
    return this.#connection;
  }
}
