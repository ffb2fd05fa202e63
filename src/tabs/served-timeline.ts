/**
 * A timeline that a tab watches: opened to where a former leader had shown it, then told as it changes.
 * Not here: what else a tab watches (served-watches.ts).
 * @module
 */
import type { Unsubscribe } from "../base/events.js";
import type { SottoClient } from "../client/client.js";
import { asSottoError } from "../client/errors.js";
import type { Timeline } from "../client/log/timeline.js";
import type { Source } from "./frames.js";
import { sourceOf, type StateSource } from "./state-source.js";

/**
 * Resolves when it shows what there is to show.
 * @returns the timeline, and what lets go of it
 * @throws what opening the conversation throws
 */
export async function openTimeline(client: SottoClient, { jid, oldest }: Source): Promise<{ readonly timeline: Timeline; readonly release: Unsubscribe }> {
  const timeline = client.conversation(String(jid)).timeline();
  const release = timeline.subscribe(() => undefined);
  try {
    await firstPage(timeline);
    if (typeof oldest === "number") await backTo(timeline, oldest);
    return { timeline, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Resolves when the first page was read: it is under way. One that may be there the next time is asked for again: nothing would be shown without it. */
async function firstPage(timeline: Timeline): Promise<void> {
  await timeline.loadOlder().catch((error: unknown) => { if (asSottoError(error).retryable) throw error; });
}

/** Loads as much as a former leader has shown: what is on the screen stays there. */
async function backTo(timeline: Timeline, oldest: number): Promise<void> {
  for (let shown = first(timeline); shown !== undefined && shown > oldest; ) {
    await timeline.loadOlder().catch(() => undefined); // what the log has is shown nevertheless
    const next = first(timeline);
    shown = next === shown || timeline.getSnapshot().complete ? undefined : next;
  }
}

const first = (timeline: Timeline): number | undefined => timeline.getSnapshot().messages[0]?.position;

/** The timeline as a state to be told. */
export const timelineSource = (timeline: Timeline): StateSource => sourceOf(timeline, ({ loading, complete, messages }) => ({
  head: [loading, complete], entries: new Map(messages.map((message) => [message.position, message])),
}));
