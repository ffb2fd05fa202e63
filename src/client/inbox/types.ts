/**
 * The durable inbox of services: received messages in order, each handed out until it is acknowledged. At least once to the handler,
 * exactly once in the log; replies that are stored with the acknowledgement leave once, however often the process dies.
 * Spec: docs/decisions/0007-log-and-inbox.md; threats Q22.
 * Not here: the work itself (consumer.ts), opening it (inbox.ts).
 * @module
 */
import type { MessageDraft } from "../draft.js";
import type { Message } from "../message.js";
import type { SendHandle } from "../outbox/send-handle.js";

/** A message in the hands of the application. */
export interface InboxDelivery {
  readonly message: Message;
  /** 1, 2, ...; counted durably before the message is handed out, so that one that kills the process is noticed. */
  readonly attempt: number;
  /**
   * Settles the message: it is never handed out again. `replies` go to the outbox, end-to-end encrypted, in the same commit. A second
   * call changes nothing and sends nothing. Nor does a call for a message that another delivery of it has settled, or that has gone aside:
   * it resolves with no handles.
   * @throws as {@link Conversation.send} for a reply that cannot be sent, UsageError `ERR_INVALID_ARGUMENT` for what is no list of replies; then nothing is
   *   settled. StorageError
   */
  ack(options?: { readonly replies?: readonly MessageDraft[] | undefined }): Promise<readonly SendHandle[]>;
}

/** Handles one message; what it returns, or resolves with, is sent with the acknowledgement, encrypted. */
export type InboxHandler = (delivery: InboxDelivery) => readonly MessageDraft[] | undefined | Promise<void> | Promise<readonly MessageDraft[] | undefined>;

/** How {@link Inbox.process} works. */
export interface ProcessOptions {
  readonly signal?: AbortSignal | undefined;
  /** Attempts after which a message goes aside, to the dead letters. Default 5. */
  readonly attemptsMax?: number | undefined;
  /** Conversations that are served side by side. Default 1; within a conversation it is always one message at a time. */
  readonly concurrency?: number | undefined;
}

/**
 * One consumer's view of the received messages. As an iterable it hands out the next message of every conversation whose last one is
 * settled; what is not settled comes again when the inbox is opened again.
 */
export interface Inbox extends AsyncIterable<InboxDelivery> {
  /**
   * Calls `handler` for each message and acknowledges it with what the handler returns: replies, or nothing. A handler that throws, or returns
   * what is no list of replies (`ERR_INVALID_ARGUMENT`), gets the message again, later each time; after `attemptsMax` it goes to the dead letters
   * and the conversation goes on. So does, at once, a message that the store has damaged.
   * Replies for which the outbox has no room (`ERR_OUTBOX_FULL`, told once) wait for some, and what is behind them with them: no attempt has failed, and
   * the handler is not called again, unless it was its own {@link InboxDelivery.ack} that found no room, and it has thrown that. One that finds no room for
   * what it sends by itself has failed.
   * What it throws is told as an `error` event: as it is if it is an error of Sotto's own, else as the `cause` of a ClientError `ERR_HANDLER_FAILED`.
   * Resolves when `signal` aborts or the inbox closes, and the handlers under way have ended.
   * @throws StorageError; UsageError `ERR_INVALID_ARGUMENT` if `handler` is no function
   */
  process(handler: InboxHandler, options?: ProcessOptions): Promise<void>;
  /** Messages that went aside, oldest first; not those whose rows cannot be read, which were told as `error` events. */
  deadLetters(): Promise<readonly Message[]>;
  /** Hands the dead letter at this {@link Message.position} out again, its attempts counted anew; nothing happens if there is none. @throws UsageError `ERR_INVALID_ARGUMENT` */
  retryDeadLetter(position: number): Promise<void>;
  /**
   * Ends `process()` and the iterators, and lets another consumer open the inbox. What was handed out and not acknowledged will be handed
   * out again. A second call does nothing.
   */
  close(): void;
}
