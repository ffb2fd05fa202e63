/** A message in the hands of a handler: settled once, however often it is acknowledged. Not here: the commit (consumer.ts). @module */
import type { MessageDraft } from "../draft.js";
import type { Message } from "../message.js";
import type { SendHandle } from "../outbox/send-handle.js";
import type { InboxDelivery } from "./types.js";
import type { OpenMessage } from "./window.js";

/** What the consumer hands out. */
export class Delivered implements InboxDelivery {
  readonly message: Message;
  readonly attempt: number;
  readonly open: OpenMessage;
  readonly #settle: (replies: readonly MessageDraft[]) => Promise<readonly SendHandle[]>;
  #acked: Promise<readonly SendHandle[]> | undefined;
  /** What it was to be acknowledged with, the last time. */
  replies: readonly MessageDraft[] | undefined;
  settled = false;

  constructor(message: Message, open: OpenMessage, settle: (replies: readonly MessageDraft[]) => Promise<readonly SendHandle[]>) {
    this.message = message;
    this.attempt = open.attempts;
    this.open = open;
    this.#settle = settle;
  }

  ack(options: { readonly replies?: readonly MessageDraft[] | undefined } | null = {}): Promise<readonly SendHandle[]> {
    this.#acked ??= this.#settle(this.replies = options?.replies ?? []).then(
      (handles) => {
        this.settled = true;
        return handles;
      },
      (error: unknown) => {
        this.#acked = undefined; // nothing was settled: it may be tried again
        throw error;
      },
    );
    return this.#acked;
  }
}
