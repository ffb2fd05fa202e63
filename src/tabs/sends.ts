/**
 * Messages that were handed in by this tab. Each has its id from the beginning: a new leader gets those again that nobody has said are stored,
 * and what the outbox or the log know already is not sent twice (threats Q03).
 * Not here: the outbox (client/outbox/), which is the leader's.
 * @module
 */
import type { BareJid } from "../base/jid.js";
import { randomId, systemRng, type Rng } from "../base/rng.js";
import { SendTracker, type SendProgress, type SendNews } from "../client/outbox/send-handle.js";
import { Trackers } from "../client/outbox/trackers.js";
import type { AnySottoError } from "../client/errors.js";
import { StorageError } from "../storage/errors.js";
import type { Calls } from "./calls.js";
import type { HostFrame, OutgoingDraft } from "./frames.js";
import { unpack } from "./wire.js";

interface Unstored {
  readonly to: BareJid;
  readonly text: string;
  readonly protection: "omemo" | "none";
}

/** See the module. */
export class Sends {
  readonly #calls: Calls;
  readonly #rng: Rng = systemRng();
  /** Nobody has said yet that they are durable. */
  readonly #unstored = new Map<string, Unstored>();
  /** On their way; to be followed under the next leader too. */
  readonly #followed = new Map<string, SendTracker>();
  readonly #trackers = new Trackers((id, tracker) => {
    this.#forget(id);
    tracker.park(() => { this.#followAgain(tracker); });
  });

  constructor(calls: Calls) {
    this.#calls = calls;
    calls.follow({
      begin: () => { this.#begin(); }, take: (frame) => { this.#take(frame); }, waits: () => this.#unstored.size > 0,
      end: (error) => {
        for (const id of [...this.#unstored.keys()]) this.#end(id, error);
        if (calls.isOver) this.#trackers.end(error);
      },
    });
  }

  /** Hands a checked text in. */
  send(to: BareJid, text: string, protection: "omemo" | "none"): SendTracker {
    const tracker = this.adopt(this.newId(), to);
    const { end } = this.#calls;
    if (end !== undefined) {
      this.#forget(tracker.id);
      tracker.fail(end, []); // nobody will ever store it
      return tracker;
    }
    this.#unstored.set(tracker.id, { to, text, protection });
    this.#calls.tell({ kind: "send", to, draft: { id: tracker.id, text }, protection });
    this.#calls.review(true);
    return tracker;
  }

  newId(): string {
    return randomId(this.#rng);
  }

  /** Replies to be handed in with an acknowledgement. */
  drafts(texts: readonly { readonly text: string }[]): readonly OutgoingDraft[] {
    return texts.map(({ text }) => ({ id: this.newId(), text }));
  }

  /** A handle on a message that is handed in in another way. */
  adopt(id: string, to: BareJid): SendTracker {
    const known = this.#trackers.get(id);
    if (known !== undefined) return known;
    const tracker = new SendTracker(id, to, (own) => this.#calls.ask({ part: "message" }, "cancel", [own], [own, true]) as Promise<boolean>, this.#calls.listenerFailed);
    this.#trackers.add(tracker);
    this.#followed.set(id, tracker);
    return tracker;
  }

  /** Nobody hands these in after all. */
  drop(drafts: readonly OutgoingDraft[]): void {
    for (const { id } of drafts) {
      this.#trackers.settle(id);
      this.#forget(id);
    }
  }

  /** Somebody asks a handle that was let go: it is followed again, and hears what it has missed. */
  #followAgain(tracker: SendTracker): void {
    const { id } = tracker;
    const present = this.#trackers.get(id);
    if (present !== undefined && present !== tracker) {
      tracker.mirror(present); // another one is followed by now
      return;
    }
    this.#trackers.add(tracker);
    this.#trackers.settle(id);
    this.#follow(tracker);
  }

  #follow(tracker: SendTracker): void {
    const { id, to } = tracker;
    this.#followed.set(id, tracker);
    this.#calls.tell({ kind: "follow", messages: [{ id, to }] });
  }

  /** A handle on a message that was handed in earlier and is as far as `progress` says. */
  resume(id: string, to: BareJid, progress: SendProgress): SendTracker {
    const tracker = this.adopt(id, to);
    this.#apply(tracker, progress);
    if (progress.state !== "failed") this.#follow(tracker); // nothing changes that any more
    return tracker;
  }

  #begin(): void {
    const known = [...this.#followed].filter(([id]) => !this.#unstored.has(id)).map(([id, { to }]) => ({ id, to }));
    if (known.length > 0) this.#calls.tell({ kind: "follow", messages: known });
    for (const [id, { to, text, protection }] of this.#unstored) this.#calls.tell({ kind: "send", to, draft: { id, text }, protection });
  }

  #take(frame: HostFrame): void {
    if (frame.kind === "unknown") for (const id of frame.messages) this.#lose(id);
    if (frame.kind !== "progress") return;
    const { message: id } = frame;
    const tracker = this.#followed.get(id);
    if (tracker === undefined) return;
    const progress = unpack(frame.progress) as SendProgress;
    if (progress.state !== "accepted" && this.#unstored.delete(id)) this.#calls.review(false);
    this.#apply(tracker, progress);
  }

  #apply(tracker: SendTracker, progress: SendProgress): void {
    apply(tracker, progress);
    const { id } = tracker;
    const { state } = tracker.getSnapshot();
    if (state !== "accepted" && state !== "stored" && state !== "sealed") this.#trackers.settle(id);
    if (state === "failed") this.#forget(id); // nothing changes it any more
  }

  /** Nothing is going to come, for now or ever. Of a store that nobody opens again the latter: then nobody says any more that it is durable. */
  #end(id: string, error: AnySottoError): void {
    const tracker = this.#followed.get(id);
    if (!(error instanceof StorageError)) tracker?.advance({ obstacle: error });
    else {
      this.#unstored.delete(id);
      this.#forget(id);
      tracker?.fail(error, []);
    }
  }

  /** It was stored and is not any more, as after an eviction: nobody sends it, or says what became of it. */
  #lose(id: string): void {
    const tracker = this.#followed.get(id);
    const state = tracker?.getSnapshot().state;
    if (state !== "stored" && state !== "sealed") return; // of a reply that is not stored yet, or one that is long gone from the log
    this.#trackers.settle(id);
    this.#forget(id);
    tracker?.fail(new StorageError("ERR_STORE_UNAVAILABLE", "the message is gone with the store that it was in", { details: { reason: "evicted" } }));
  }

  #forget(id: string): void {
    this.#followed.delete(id);
    this.#calls.tell({ kind: "unfollow", message: id });
  }
}

/** Nothing is taken back: the next leader knows only what it has read, which is no report, and of what was deleted no more than that it was sent. */
function apply(tracker: SendTracker, { state, archived, authenticated, error, obstacle, report: told }: SendProgress): void {
  const known = tracker.getSnapshot();
  const report = told.length === 0 ? known.report : told;
  const news: SendNews = {
    ...(state === "accepted" || state === "failed" ? {} : { state }), archived: archived || known.archived, report, ...(authenticated === undefined ? {} : { authenticated }),
    ...(obstacle === undefined ? {} : { obstacle }),
  };
  tracker.advance(news);
  if (error !== undefined) tracker.fail(error, report);
}
