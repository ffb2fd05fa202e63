/**
 * The inbox of one tab: deliveries go to it, what its handlers make of them comes back. They are named by the positions of their messages,
 * which outlive a leader. Replies carry ids of the tab's choosing, so that a commit whose answer was lost can still be told.
 * Not here: the consumer (client/inbox/).
 * @module
 */
import { textContent } from "../client/draft.js";
import type { SottoClient } from "../client/client.js";
import { ClientError, loaded } from "../client/errors.js";
import type { Inbox, InboxDelivery } from "../client/inbox/types.js";
import type { Message } from "../client/message.js";
import type { SendHandle } from "../client/outbox/send-handle.js";
import { StorageError } from "../storage/errors.js";
import { type Fields, fieldsOf, isMessageId, malformed } from "./frame-fields.js";
import type { HostFrame, OutgoingDraft, WireDelivery } from "./frames.js";
import { fromWire, type WireError } from "./wire.js";

type Outcome = (replies: readonly OutgoingDraft[] | undefined, error?: Error) => void;

/** See the module. */
export class ServedInbox {
  readonly #client: SottoClient;
  readonly #send: (frame: HostFrame) => void;
  readonly #onReplies: (trackers: readonly SendHandle[]) => void;
  #inbox: Promise<Inbox> | undefined;
  /** Handed out, by position. */
  readonly #deliveries = new Map<number, InboxDelivery>();
  readonly #handlers = new Map<number, Outcome>();

  constructor(client: SottoClient, send: (frame: HostFrame) => void, onReplies: (trackers: readonly SendHandle[]) => void) {
    this.#client = client;
    this.#send = send;
    this.#onReplies = onReplies;
  }

  get isOpen(): boolean {
    return this.#inbox !== undefined;
  }

  /** @param running positions that this tab's handlers are at, or done with, since a former leader handed them out @throws ClientError `ERR_INBOX_BUSY`, also while this tab has it */
  async open(running?: unknown): Promise<void> {
    if (this.#inbox !== undefined) throw busy();
    const opening: Promise<Inbox> = this.#open(Array.isArray(running) ? running : [], () => this.#inbox === opening);
    this.#inbox = opening;
    try {
      await opening;
    } catch (error) {
      if (this.#inbox === opening) this.#inbox = undefined;
      throw error;
    }
  }

  close(): void {
    const inbox = this.#inbox;
    this.#inbox = undefined;
    this.#deliveries.clear();
    this.#handlers.clear(); // handlers that were under way here are nobody's any more: the messages come again
    void inbox?.then((opened) => { opened.close(); }, () => undefined); // whoever opened it was told
  }

  async process(id: number, options: Fields, signal: AbortSignal): Promise<void> {
    const { attemptsMax, concurrency } = options;
    await (await this.#opened()).process((delivery) => this.#handOut(id, delivery), {
      signal, attemptsMax: attemptsMax as number | undefined, concurrency: concurrency as number | undefined, // looked at there
    });
  }

  /** What a handler of the tab has made of a delivery. */
  handled({ position, replies, error }: Fields): void {
    const settle = this.#handlers.get(position as number);
    this.#handlers.delete(position as number);
    settle?.(replies === undefined ? undefined : drafts(replies), error === undefined ? undefined : fromWire(error as WireError));
  }

  async iterate(): Promise<AsyncIterator<WireDelivery>> {
    const iterator = (await this.#opened())[Symbol.asyncIterator]();
    const note = (delivery: InboxDelivery): WireDelivery => {
      this.#deliveries.set(delivery.message.position, delivery);
      return { message: delivery.message, attempt: delivery.attempt };
    };
    return {
      next: async () => {
        const result = await iterator.next();
        return result.done === true ? { done: true, value: undefined } : { done: false, value: note(result.value) };
      },
      return: async () => {
        await iterator.return?.();
        return { done: true, value: undefined };
      },
    };
  }

  /**
   * Settles a delivery, or says that it is settled.
   * @param receivedAt of the message: after a loss of the store another one has its position. Absent in former builds
   * @returns the ids of the replies that were stored with it
   * @throws ClientError `ERR_LEADER_LOST` (retryable) if it is not and will be handed out again; StorageError `ERR_STORE_UNAVAILABLE` if it is gone with its store
   */
  async ack(position: unknown, replies: unknown, receivedAt: unknown): Promise<readonly string[]> {
    if (typeof position !== "number") throw malformed();
    const given = drafts(replies);
    const check = ({ message }: Pick<InboxDelivery, "message">): void => {
      if (typeof receivedAt === "number" && message.receivedAt !== receivedAt) throw evicted();
    };
    const delivery = this.#deliveries.get(position);
    if (delivery !== undefined) {
      check(delivery);
      const stored = await delivery.ack({ replies: given });
      this.#deliveries.delete(position);
      return this.#follow(stored);
    }
    const { core } = this.#client;
    const { isSettledAt } = await loaded(import("./served-rows.js"));
    const record = await core.ledger.read((tx) => core.log.record(tx, position));
    if (record !== undefined) check(record);
    if (!(await isSettledAt(core, position))) throw new ClientError("ERR_LEADER_LOST", "the message is not settled, and will be handed out again", { retryable: true });
    return record === undefined ? [] : this.#follow(await core.sender.intake.follow(given.map(({ id }) => ({ id, to: record.message.conversation }))));
  }

  async deadLetters(): Promise<readonly Message[]> {
    return (await this.#opened()).deadLetters();
  }

  async retryDeadLetter(position: unknown): Promise<void> {
    if (typeof position !== "number") throw malformed();
    await (await this.#opened()).retryDeadLetter(position);
  }

  #follow(replies: readonly SendHandle[]): readonly string[] {
    this.#onReplies(replies);
    return replies.map(({ id }) => id);
  }

  async #open(running: readonly unknown[], isWanted: () => boolean): Promise<Inbox> {
    const { openInbox } = await loaded(import("../client/inbox/inbox.js"));
    if (!isWanted()) throw busy(); // its tab has begun anew, and opens one there
    const { options: { store, clock, rng }, ledger, log, sender, onError } = this.#client.core;
    return openInbox({
      running: running.filter((each) => typeof each === "number"),
      store, ledger, log, clock, rng, onError,
      reply: (tx, to, draft) => {
        const { id } = draft as Partial<OutgoingDraft>;
        return sender.intake.acceptIn(tx, to, textContent(draft), id === undefined ? {} : { id });
      },
    });
  }

  async #opened(): Promise<Inbox> {
    if (this.#inbox === undefined) throw busy();
    return this.#inbox;
  }

  #handOut(process: number, delivery: InboxDelivery): Promise<readonly OutgoingDraft[] | undefined> {
    const { message, attempt } = delivery;
    return new Promise((resolve, reject) => {
      this.#deliveries.set(message.position, delivery);
      this.#handlers.set(message.position, (replies, error) => {
        this.#deliveries.delete(message.position);
        if (error === undefined) resolve(replies);
        else reject(error);
      });
      this.#send({ kind: "delivery", process, message, attempt });
    });
  }
}

const evicted = (): StorageError => new StorageError("ERR_STORE_UNAVAILABLE", "the message is gone with the store that it was in", { details: { reason: "evicted" } });
const busy = (): ClientError => new ClientError("ERR_INBOX_BUSY", "the inbox has a consumer already; close that one first");

/** Replies as a facade sends them. @throws ClientError `ERR_TAB_VERSION` */
function drafts(replies: unknown): readonly OutgoingDraft[] {
  if (!Array.isArray(replies)) return [];
  return replies.map(fieldsOf).map(({ id, text }) => {
    if (!isMessageId(id)) throw malformed();
    return { id, text: text as string };
  });
}
