/**
 * What the server of the present stream has been told of whether somebody looks at this client.
 * Spec: XEP-0352. Not here: whether somebody does (core.ts, tabs/).
 * @module
 */
import { setClientActive } from "../transport/features/csi.js";
import type { Connection } from "./link.js";

/** Tells it. */
export class ActiveState {
  readonly #isActive: () => boolean;
  #told = true;

  constructor(isActive: () => boolean) {
    this.#isActive = isActive;
  }

  /**
   * Every stream begins active, also a resumed one, says XEP-0352; Prosody resumes it as it was: with what a page said as it was reloaded. Not
   * even answers come then, so on such a stream this is said before anything is asked.
   */
  begin(connection: Connection): void {
    this.#told = true;
    if (connection.stream.start.kind === "resumed") this.tell(connection);
  }

  /** Once the stream is online: what it was not told yet. */
  catchUp(connection: Connection): void {
    if (this.#told !== this.#isActive()) this.tell(connection);
  }

  tell({ stream }: Connection): void {
    this.#told = this.#isActive();
    setClientActive(stream, this.#told).catch(() => undefined); // its end tells the same
  }
}
