/**
 * The messages whose progress a tab is told.
 * Not here: where they are on their way (client/outbox/), the tab's handles (sends.ts).
 * @module
 */
import type { Unsubscribe } from "../base/events.js";
import { parseBareJid } from "../base/jid.js";
import type { SottoClient } from "../client/client.js";
import type { SendHandle } from "../client/outbox/send-handle.js";
import { fieldsOf, isMessageId } from "./frame-fields.js";
import type { HostFrame } from "./frames.js";
import type { HostStates } from "./host-states.js";
import { pack } from "./wire.js";

/** What it needs of its tab. */
export interface FollowsDeps {
  readonly client: SottoClient;
  readonly states: Pick<HostStates, "flush">;
  readonly send: (frame: HostFrame) => void;
}

/** All of it ends with {@link close}. */
export class ServedFollows {
  readonly #d: FollowsDeps;
  readonly #follows = new Map<string, Unsubscribe>();
  #closed = false;

  constructor(deps: FollowsDeps) {
    this.#d = deps;
  }

  get size(): number {
    return this.#follows.size;
  }

  /** Tells how far it is, and each change from now on. */
  follow(handle: SendHandle): void {
    if (this.#closed) return;
    const { states, send } = this.#d;
    const { id } = handle;
    const tell = (): void => {
      states.flush();
      send({ kind: "progress", message: id, progress: pack(handle.getSnapshot()) });
    };
    this.#follows.get(id)?.();
    this.#follows.set(id, handle.subscribe(tell));
    tell();
  }

  /** Messages that were handed in before, as a frame names them. What is not wanted any more by the time it was found is not followed. */
  followAgain(asked: unknown): void {
    const { client: { core }, send } = this.#d;
    const wanted = (Array.isArray(asked) ? asked : []).map(fieldsOf).flatMap(({ id, to }) => {
      const jid = parseBareJid(String(to));
      return isMessageId(id) && jid !== undefined ? [{ id, to: jid }] : [];
    });
    const missing = (): readonly string[] => {
      const ids = wanted.map(({ id }) => id).filter((id) => this.#follows.get(id) === notFound);
      for (const id of ids) this.#follows.delete(id);
      return ids;
    };
    for (const { id } of wanted) if (!this.#follows.has(id)) this.#follows.set(id, notFound);
    core.sender.intake.follow(wanted).then((found) => {
      for (const handle of found) if (this.#follows.has(handle.id)) this.follow(handle);
      const messages = missing();
      if (messages.length > 0) send({ kind: "unknown", messages });
    }, (error: unknown) => {
      missing();
      core.onError(error);
    });
  }

  unfollow(id: string): void {
    this.#follows.get(id)?.();
    this.#follows.delete(id);
  }

  close(): void {
    this.#closed = true;
    for (const stop of this.#follows.values()) stop();
    this.#follows.clear();
  }
}

/** Stands for a message that is still being looked for. */
const notFound: Unsubscribe = () => undefined;
