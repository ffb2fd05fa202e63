/** Questions to the archive that are asked again while the stream lives, when they failed for the moment. @module */
import type { Clock } from "../../base/clock.js";
import { TransportError } from "../../transport/errors.js";
import { isPassedOver } from "../../transport/features/archive.js";
import { isPassing } from "../../transport/stream/stanza-error.js";

/** How often a question is asked, and the first pause before that; it doubles. */
const attemptsMax = 3;
const retryDelayMs = 1_000;

/** What is passed over once is passed over again. @throws what the last attempt throws */
export async function askAgain<T>(clock: Clock, signal: AbortSignal, question: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await question();
    } catch (error) {
      if (signal.aborted || attempt >= attemptsMax || !(error instanceof TransportError) || !isPassing(error) || isPassedOver(error)) throw error;
      await new Promise<void>((resolve) => { clock.schedule(retryDelayMs * 2 ** (attempt - 1), resolve); });
    }
  }
}
