/**
 * How a connection takes its leave: it says goodbye as far as the link allows, and sees to it that the link goes.
 * Spec: RFC 6120 section 4.4, RFC 7395 section 3.6. Threats N19.
 * Not here: when and why it leaves (chassis.ts), what is said (stream-text.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { closeTimeoutMs } from "../../base/limits.js";
import type { TransportError } from "../errors.js";
import type { Link } from "./sockets.js";
import { footer, reasonFor } from "./stream-text.js";

/** The last thing that happens to a link. */
export class Farewell {
  readonly #framed: boolean;
  readonly #clock: Clock;
  /** Resolves when nothing is left of the link. */
  readonly done: Promise<void>;
  #resolve: () => void = () => undefined;
  #cancelDeadline: (() => void) | undefined;

  constructor(framed: boolean, clock: Clock) {
    this.#framed = framed;
    this.#clock = clock;
    this.done = new Promise((resolve) => { this.#resolve = resolve; });
  }

  /** Without an `error` the server's end tag is waited for. `opened`: a stream was, and has to be closed. */
  say(link: Link | undefined, error: TransportError | undefined, opened: boolean): void {
    if (link === undefined) {
      this.#resolve();
      return;
    }
    this.#cancelDeadline = this.#clock.schedule(closeTimeoutMs, () => { link.destroy(); });
    // A link that does not take the goodbye is gone anyway; its own close is reported.
    if (opened) link.write((error === undefined ? "" : reasonFor(error)) + footer(this.#framed)).catch(() => undefined);
    if (error !== undefined || !opened) link.end();
  }

  /** The link is gone. */
  linkClosed(): void {
    this.#cancelDeadline?.();
    this.#resolve();
  }
}
