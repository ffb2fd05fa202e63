/** A conversation to render. Spec: docs/architecture.md, State for user interfaces. Not here: sending (use-conversation.ts). @module */
import { useCallback, useMemo } from "react";
import type { Timeline, TimelineSnapshot } from "../client/log/timeline.js";
import { useConversation } from "./use-conversation.js";
import { useObservable } from "./use-observable.js";

/** What {@link useTimeline} gives: the snapshot, and the way back in time. */
export interface TimelineView extends TimelineSnapshot {
  /** Adds a page of older messages, see {@link Timeline.loadOlder}; the same function while client and address are. */
  readonly loadOlder: Timeline["loadOlder"];
}

const unread: TimelineSnapshot = { messages: [], loading: true, complete: false };

/** The conversation with `jid`: its newest messages with their states, oldest first. Reads and listens while the component is mounted. */
export function useTimeline(jid: string): TimelineView {
  const conversation = useConversation(jid);
  const timeline = useMemo(() => conversation.timeline(), [conversation]); // holds nothing before somebody subscribes
  const snapshot = useObservable(timeline, unread);
  const loadOlder = useCallback<Timeline["loadOlder"]>((options) => timeline.loadOlder(options), [timeline]);
  return useMemo(() => ({ ...snapshot, loadOlder }), [snapshot, loadOlder]);
}
