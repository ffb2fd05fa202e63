/**
 * The messages whose progress a tab is told.
 * Not here: where they are on their way (client/outbox/), the tab's handles (sends.ts).
 * @module
 */
import type { Unsubscribe } from "../base/events.js";
import { type BareJid, parseBareJid } from "../base/jid.js";
import type { SottoClient } from "../client/client.js";
import { asSottoError } from "../client/errors.js";
import type { SendHandle } from "../client/outbox/send-handle.js";
import { fieldsOf, isMessageId } from "./frame-fields.js";
import type { HostFrame } from "./frames.js";
import type { HostStates } from "./host-states.js";
import { Reopening } from "./reopening.js";
import { pack } from "./wire.js";

/** What it needs of its tab. */
export interface FollowsDeps {
  readonly client: SottoClient;
  readonly states: Pick<HostStates, "flush">;
  readonly send: (frame: HostFrame) => void;
}

interface Wanted {
  readonly id: string;
  readonly to: BareJid;
}

/** All of it ends with {@link close}. */
export class ServedFollows {
  readonly #d: FollowsDeps;
  readonly #follows = new Map<string, Unsubscribe>();
  readonly #reopening: Reopening<Wanted>;
  #closed = false;

  constructor(deps: FollowsDeps) {
    this.#d = deps;
    this.#reopening = new Reopening((each) => { if (this.#isSought(each)) this.#look([each]); }, deps.client.core.options.clock);
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
    const wanted = (Array.isArray(asked) ? asked : []).map(fieldsOf).flatMap(({ id, to }): Wanted[] => {
      const jid = parseBareJid(String(to));
      return isMessageId(id) && jid !== undefined ? [{ id, to: jid }] : [];
    });
    for (const { id } of wanted) if (!this.#follows.has(id)) this.#follows.set(id, notFound);
    this.#look(wanted);
  }

  /** Its tab asks once under each leader: what cannot be read now is looked for again, and a row that is damaged is one message's matter. */
  #look(wanted: readonly Wanted[]): void {
    const { client: { core }, send } = this.#d;
    core.sender.intake.follow(wanted).then((found) => {
      for (const handle of found) if (this.#follows.has(handle.id)) this.follow(handle);
      const messages = wanted.filter((each) => this.#isSought(each)).map(({ id }) => id);
      for (const id of messages) this.#follows.delete(id);
      if (messages.length > 0) send({ kind: "unknown", messages });
    }, (error: unknown) => {
      const sought = wanted.filter((each) => this.#isSought(each));
      for (const each of sought) {
        if (sought.length > 1) this.#look([each]);
        else if (asSottoError(error).retryable) this.#reopening.later(each);
        else {
          this.#follows.delete(each.id);
          core.onError(error);
        }
      }
    });
  }

  #isSought({ id }: Wanted): boolean {
    return this.#follows.get(id) === notFound;
  }

  unfollow(id: string): void {
    this.#follows.get(id)?.();
    this.#follows.delete(id);
  }

  close(): void {
    this.#closed = true;
    this.#reopening.stop();
    for (const stop of this.#follows.values()) stop();
    this.#follows.clear();
  }
}

/** Stands for a message that is still being looked for. */
const notFound: Unsubscribe = () => undefined;
