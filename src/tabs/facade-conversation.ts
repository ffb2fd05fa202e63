/** A conversation whose messages are with the leader. @module */
import { Emitter, type Unsubscribe } from "../base/events.js";
import type { BareJid } from "../base/jid.js";
import { textContent, type MessageDraft } from "../client/draft.js";
import type { Beyond } from "../client/gateways/from-data.js";
import type { Timeline, TimelineSnapshot } from "../client/log/timeline.js";
import type { Message } from "../client/message.js";
import type { SendHandle, SendProgress } from "../client/outbox/send-handle.js";
import type { ClientConversation } from "../client/surface.js";
import type { Calls } from "./calls.js";
import { Mirror } from "./mirror.js";
import { remote } from "./remote.js";
import type { Sends } from "./sends.js";
import type { Watch } from "./watches.js";

/** What a conversation needs of its facade. */
export interface ConversationDeps {
  readonly calls: Calls;
  readonly sends: Sends;
  readonly beyond: (jid: BareJid) => Beyond | undefined;
}

/** The message may be one that was rendered: only its position leaves the tab. What is no message the leader refuses. */
const placeOf = (message: Pick<Message, "position"> | undefined): Pick<Message, "position"> => ({ position: message?.position ?? NaN });

/** The conversation with `jid`. */
export function remoteConversation({ calls, sends, beyond }: ConversationDeps, jid: BareJid): ClientConversation {
  const send = (draft: MessageDraft, protection: "omemo" | "none"): SendHandle => {
    calls.assertOpen();
    textContent(draft);
    return sends.send(jid, draft.text, protection);
  };
  const methods = remote(calls, { part: "conversation", jid });
  return {
    ...methods,
    jid,
    get beyond() {
      calls.assertOpen();
      return beyond(jid);
    },
    deleteMessage: (message) => methods.deleteMessage(placeOf(message)),
    markDisplayed: (message) => methods.markDisplayed(placeOf(message)),
    send: (draft) => send(draft, "omemo"),
    sendHandle: async (id) => {
      const progress = await calls.ask({ part: "message" }, "progress", [id, jid]) as SendProgress | undefined;
      return progress === undefined ? undefined : sends.resume(id, jid, progress);
    },
    sendUnencrypted: (draft) => send(draft, "none"),
    timeline: () => {
      calls.assertOpen();
      return new RemoteTimeline(calls, jid);
    },
  };
}

const nothing: TimelineSnapshot = { messages: [], loading: true, complete: false };

const oldestOf = ({ messages }: TimelineSnapshot): number | undefined => messages[0]?.position;

/** A timeline: watched while somebody subscribes, as the client's own is. */
class RemoteTimeline implements Timeline {
  readonly #calls: Calls;
  readonly #jid: BareJid;
  readonly #listeners: Emitter<undefined>;
  #mirror: Mirror<TimelineSnapshot> | undefined;
  #watch: Watch | undefined;
  /** What was shown last. */
  #last: TimelineSnapshot = nothing;
  /** The same, once nobody reads what is missing. */
  #still: TimelineSnapshot | undefined;
  #users = 0;

  constructor(calls: Calls, jid: BareJid) {
    this.#calls = calls;
    this.#jid = jid;
    this.#listeners = new Emitter(calls.listenerFailed);
  }

  getSnapshot = (): TimelineSnapshot => {
    const shown = this.#mirror?.getSnapshot() ?? this.#last;
    if (!shown.loading || this.#calls.refusal === undefined) return shown;
    if (this.#still?.messages !== shown.messages) this.#still = { ...shown, loading: false }; // nobody reads any more
    return this.#still;
  };

  subscribe = (listener: () => void): Unsubscribe => {
    const unsubscribe = this.#listeners.subscribe(listener);
    const release = this.#use();
    return () => {
      unsubscribe();
      release();
    };
  };

  async loadOlder(options: { readonly limit?: number | undefined; readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const known = this.#users === 0 ? this.#last : undefined;
    const release = this.#use(known);
    try {
      const watch = this.#watch;
      if (watch === undefined || this.#mirror === undefined) {
        await watch?.ready; // its first page is being read: without effect, as that is
        // Nobody subscribes: each call goes on where the last one has ended, unless that page was it.
        if (watch === undefined || known === undefined || oldestOf(this.getSnapshot()) !== oldestOf(known)) return;
      }
      await this.#calls.ask({ part: "timeline", watch: watch.id }, "loadOlder", [options]);
    } finally {
      release();
    }
  }

  /** @param from what is shown at least */
  #use(from: TimelineSnapshot = nothing): Unsubscribe {
    this.#users += 1;
    if (this.#users === 1) this.#start(from);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#users -= 1;
      if (this.#users > 0) return;
      this.#last = this.#mirror?.getSnapshot() ?? this.#last;
      this.#watch?.stop();
      this.#watch = undefined;
      this.#mirror = undefined;
    };
  }

  #start(from: TimelineSnapshot): void {
    const mirror = new Mirror<TimelineSnapshot>(([loading, complete], entries) => ({
      messages: [...(entries as ReadonlyMap<number, Message>).values()].sort((a, b) => a.position - b.position),
      loading: loading as boolean, complete: complete as boolean,
    }));
    mirror.subscribe(() => { this.#listeners.emit(undefined); });
    this.#watch = this.#calls.watch(() => {
      const oldest = oldestOf(this.#mirror?.getSnapshot() ?? from);
      return { of: "timeline", jid: this.#jid, ...(oldest === undefined ? {} : { oldest }) };
    }, {
      state: (frame) => {
        this.#mirror = mirror;
        mirror.take(frame);
      },
      over: () => { this.#listeners.emit(undefined); },
    });
  }
}
