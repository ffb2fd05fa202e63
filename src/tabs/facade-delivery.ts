/**
 * A message that the inbox of a tab has handed out. Its replies have their ids from here, so that a commit whose answer was lost can still be told.
 * Not here: which messages are handed out (facade-inbox.ts), the leader's side (served-inbox.ts).
 * @module
 */
import { textContent, type MessageDraft } from "../client/draft.js";
import { checkedReplies } from "../client/inbox/replies.js";
import type { InboxDelivery } from "../client/inbox/types.js";
import type { Message } from "../client/message.js";
import type { SendHandle } from "../client/outbox/send-handle.js";
import type { Calls } from "./calls.js";
import type { WireDelivery } from "./frames.js";
import type { Sends } from "./sends.js";

/** See the module. */
export class RemoteDelivery implements InboxDelivery {
  readonly message: Message;
  readonly attempt: number;
  readonly #calls: Calls;
  readonly #sends: Sends;
  #acked: Promise<readonly SendHandle[]> | undefined;

  constructor({ message, attempt }: WireDelivery, calls: Calls, sends: Sends) {
    this.message = message;
    this.attempt = attempt;
    this.#calls = calls;
    this.#sends = sends;
  }

  ack(options: { readonly replies?: readonly MessageDraft[] | undefined } | null = {}): Promise<readonly SendHandle[]> {
    this.#acked ??= this.#ack(options?.replies ?? []).catch((error: unknown) => {
      this.#acked = undefined; // nothing was settled: it may be tried again
      throw error;
    });
    return this.#acked;
  }

  async #ack(replies: readonly MessageDraft[]): Promise<readonly SendHandle[]> {
    for (const draft of checkedReplies(replies)) textContent(draft);
    const { conversation, position, receivedAt } = this.message;
    const drafts = this.#sends.drafts(replies);
    const handles = drafts.map(({ id }) => this.#sends.adopt(id, conversation));
    try {
      const stored = new Set(await this.#calls.ask({ part: "inbox" }, "ack", [position, drafts, receivedAt]) as readonly string[]);
      this.#sends.drop(drafts.filter(({ id }) => !stored.has(id))); // of a message that was settled already
      return handles.filter(({ id }) => stored.has(id));
    } catch (error) {
      this.#sends.drop(drafts);
      throw error;
    }
  }
}
