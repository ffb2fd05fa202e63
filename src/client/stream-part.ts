/** What follows the streams of a client, one after the other. @module */
import type { Connection } from "./link.js";

/** A part of the client that listens on every stream. */
export interface StreamPart {
  /**
   * In the first turn of a stream, before any of its stanzas was seen; a part that is made while a stream is up gets it at once.
   * Also for streams that continue a session: listeners of the former stream are gone.
   */
  attach(connection: Connection): void;
  /** The stream is gone. */
  detach(): void;
}

/** All of them, in the order in which they were added. */
export class StreamParts {
  readonly #parts: StreamPart[] = [];
  #connection: Connection | undefined;

  /** The stream that is up, from its first turn on. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  add(part: StreamPart): void {
    this.#parts.push(part);
    if (this.#connection !== undefined) part.attach(this.#connection);
  }

  attach(connection: Connection): void {
    this.#connection = connection;
    for (const part of this.#parts) part.attach(connection);
  }

  detach(): void {
    this.#connection = undefined;
    for (const part of this.#parts) part.detach();
  }
}
