/**
 * Notices that a server passes a question over: it says nothing of it for a while, and answers one that was asked later.
 * Prosody does so where a page of the archive holds a message that it cannot read back; without this each such page costs the deadline of a page.
 * Not here: links that are silent altogether (stream/evidence.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";

export interface WatchedQuestion {
  readonly clock: Clock;
  readonly quietMs: number;
  /** How much has been said of it so far: grows. */
  readonly heard: () => number;
  /** Asks something else; resolves with its answer, whichever it is. */
  readonly askAnother: () => Promise<unknown>;
}

/** Calls `tell` when it is certain; not after the returned function was called. */
export function watchForPassingOver({ clock, quietMs, heard, askAnother }: WatchedQuestion, tell: () => void): () => void {
  let stopped = false;
  let cancel = (): void => undefined;
  const later = (task: () => void): void => { if (!stopped) cancel = clock.schedule(quietMs, task); };
  const watch = (): void => {
    const before = heard();
    const onceMore = (silent: () => void): void => { later(() => { (heard() === before ? silent : watch)(); }); };
    // Servers with several workers may answer out of turn: there is as much time again behind the other answer.
    onceMore(() => { askAnother().then(() => { onceMore(tell); }, watch); });
  };
  watch();
  return () => {
    stopped = true;
    cancel();
  };
}
