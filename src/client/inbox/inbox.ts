/** Opens the inbox: one consumer at a time. The consumer itself is loaded when it is used. @module */
import { ClientError, loaded } from "../errors.js";
import type { MessageLog } from "../log/message-log.js";
import type { Message } from "../message.js";
import type { InboxConsumer } from "./consumer.js";
import type { ConsumerDeps } from "./consumer-deps.js";
import type { Inbox, InboxDelivery, InboxHandler, ProcessOptions } from "./types.js";

/** Logs whose inbox is open. */
const open = new WeakSet<MessageLog>();

/** @throws ClientError `ERR_INBOX_BUSY` while another one is open */
export function openInbox(deps: ConsumerDeps): Inbox {
  if (open.has(deps.log)) throw new ClientError("ERR_INBOX_BUSY", "the inbox has a consumer already; close that one first");
  open.add(deps.log);
  return new LazyInbox(deps);
}

class LazyInbox implements Inbox {
  readonly #deps: ConsumerDeps;
  #consumer: Promise<InboxConsumer> | undefined;
  #closed = false;

  constructor(deps: ConsumerDeps) {
    this.#deps = deps;
  }

  async process(handler: InboxHandler, options?: ProcessOptions): Promise<void> {
    await (await this.#opened())?.process(handler, options);
  }

  async deadLetters(): Promise<readonly Message[]> {
    return (await this.#load()).deadLetters();
  }

  async retryDeadLetter(position: number): Promise<void> {
    await (await this.#load()).retryDeadLetter(position);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<InboxDelivery, void> {
    const consumer = await this.#opened();
    if (consumer !== undefined) yield* consumer;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    open.delete(this.#deps.log);
    void this.#consumer?.then((consumer) => { consumer.close(); }, () => undefined); // whoever waits for it hears of its failure
  }

  /** `undefined` once it is closed: whoever reads then is at the end, also if the store has closed with it. */
  async #opened(): Promise<InboxConsumer | undefined> {
    return this.#closed ? undefined : this.#load().catch((error: unknown) => {
      if (!this.#closed) throw error;
      return undefined;
    });
  }

  async #load(): Promise<InboxConsumer> {
    this.#consumer ??= loaded(import("./consumer.js")).then(({ InboxConsumer: Consumer }) => Consumer.load(this.#deps)).catch((error: unknown) => {
      this.#consumer = undefined; // it may have been a passing one: the next call tries again
      throw error;
    });
    const consumer = await this.#consumer;
    if (this.#closed) consumer.close();
    return consumer;
  }
}
