/**
 * What the inbox commits. Attempts are counted in a commit before a message is handed out; the acknowledgement, its replies and the cursor
 * are one commit. Each looks at what the store says first: a consumer that has closed may still acknowledge, and one that has opened since
 * knows nothing of it.
 * Not here: when (consumer.ts), which message is next (window.ts), how rows are read (stored.ts).
 * @module
 */
import type { Transaction } from "../../session/transaction.js";
import { unlessDamaged } from "../damaged.js";
import type { MessageDraft } from "../draft.js";
import type { LogRecord } from "../log/message-record.js";
import type { Message } from "../message.js";
import type { SendHandle } from "../outbox/send-handle.js";
import type { ConsumerDeps } from "./consumer-deps.js";
import { deadKey, encodeItem, encodeState, itemKey, stateKeys } from "./rows.js";
import { deadPositions, isSettled, storedItem, storedState } from "./stored.js";
import type { InboxWindow, OpenMessage } from "./window.js";

/** The works of one consumer. Its window follows them. */
export class InboxCommits {
  readonly #d: Pick<ConsumerDeps, "ledger" | "log" | "reply" | "onError">;
  readonly #window: InboxWindow;

  constructor(deps: Pick<ConsumerDeps, "ledger" | "log" | "reply" | "onError">, window: InboxWindow) {
    this.#d = deps;
    this.#window = window;
  }

  /** Notes that this is the `attempts`-th attempt. `undefined` if there is nothing to hand out: settled or deleted meanwhile, or it cannot be read and goes aside (threats D13). */
  count(open: OpenMessage, attempts: number): Promise<Message | undefined> {
    return this.#d.ledger.run(async (tx) => {
      if (!(await isSettled(tx, open.position))) {
        const record = await this.#look(tx, open.position);
        if (typeof record === "object") {
          tx.put(itemKey(open.position), encodeItem({ attempts, acked: false }));
          return record.message;
        }
        if (record === "damaged") bury(tx, open);
      }
      await this.#settleIn(tx, open);
      return undefined;
    });
  }

  /** Settles it together with its replies; none of them leaves if it is settled already. @throws what the replies throw; then nothing is settled */
  acknowledge(open: OpenMessage, message: Message, replies: readonly MessageDraft[]): Promise<readonly SendHandle[]> {
    return this.#d.ledger.run(async (tx) => {
      const stored: SendHandle[] = [];
      if (!(await isSettled(tx, open.position))) {
        for (const draft of replies) stored.push(await this.#d.reply(tx, message.conversation, draft));
      }
      await this.#settleIn(tx, open);
      return stored;
    });
  }

  /** Puts it to the dead letters, unless it is settled. */
  putAside(open: OpenMessage): Promise<void> {
    return this.#d.ledger.run(async (tx) => {
      if (!(await isSettled(tx, open.position))) bury(tx, open);
      await this.#settleIn(tx, open);
    });
  }

  /** The dead letters that can be read. */
  deadLetters(): Promise<readonly Message[]> {
    return this.#d.ledger.read(async (tx) => {
      const messages: Message[] = [];
      for (const position of await deadPositions(tx, this.#d.log.last)) {
        const record = await this.#look(tx, position);
        if (typeof record === "object") messages.push(record.message);
      }
      return messages;
    });
  }

  /** Takes one back from the dead letters. */
  retry(position: number): Promise<void> {
    return this.#d.ledger.run(async (tx) => {
      if ((await unlessDamaged(() => tx.get(deadKey(position)))) === undefined) return; // it is one by having a row
      tx.delete(deadKey(position));
      tx.put(itemKey(position), encodeItem({ attempts: 0, acked: false }));
      await this.#reopenIn(tx, position);
    });
  }

  /** Makes one open again that was taken back in an earlier life. */
  reopen(position: number): Promise<void> {
    return this.#d.ledger.run((tx) => this.#reopenIn(tx, position));
  }

  /** One that cannot be read goes back to the dead letters. The window knows with this commit: an acknowledgement behind it counts on that. */
  async #reopenIn(tx: Transaction, position: number): Promise<void> {
    const found = await this.#look(tx, position);
    if (typeof found === "object") {
      tx.afterCommit(() => { this.#window.add(position, found.message.conversation); });
      return;
    }
    tx.delete(itemKey(position));
    if (found === "damaged") bury(tx, { position, attempts: 0 });
  }

  async #settleIn(tx: Transaction, open: OpenMessage): Promise<void> {
    const { position } = open;
    // Works of the same commit may have come further than memory, which follows the commits.
    const { settled, acked } = this.#window.afterSettling(open, await storedState(tx));
    for (const key of stateKeys) tx.put(key, encodeState(settled));
    await tx.getMany(acked.map(itemKey)).catch(() => undefined); // ahead, in one go; what cannot be read is found out one by one
    for (const each of acked) {
      // So memory says. One that was taken back from the dead letters, in this commit or by another consumer, is open and keeps its row.
      if ((await storedItem(tx, each))?.acked === true) tx.delete(itemKey(each));
    }
    if (position > settled) tx.put(itemKey(position), encodeItem({ attempts: 0, acked: true }));
    else tx.delete(itemKey(position));
    tx.afterCommit(() => { this.#window.settle(open, settled); });
  }

  /** What is at `position`. A row that cannot be read is told when `tx` is committed. */
  #look(tx: Transaction, position: number): Promise<LogRecord | "damaged" | undefined> {
    return unlessDamaged(() => this.#d.log.record(tx, position), (error) => { tx.afterCommit(() => { this.#d.onError(error); }); });
  }
}

const bury = (tx: Transaction, { position, attempts }: Pick<OpenMessage, "position" | "attempts">): void => {
  tx.put(deadKey(position), encodeItem({ attempts, acked: false }));
};
