/** What the inbox works with. @module */
import type { Clock } from "../../base/clock.js";
import type { BareJid } from "../../base/jid.js";
import type { Rng } from "../../base/rng.js";
import type { Ledger } from "../../session/ledger.js";
import type { Store } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import type { MessageDraft } from "../draft.js";
import type { MessageLog } from "../log/message-log.js";
import type { SendHandle } from "../outbox/send-handle.js";

export interface ConsumerDeps {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly log: MessageLog;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Stores an encrypted message for `to` in the outbox, as part of `tx`. @throws what {@link Conversation.send} throws */
  readonly reply: (tx: Transaction, to: BareJid, draft: MessageDraft) => Promise<SendHandle>;
  /** Positions of messages that somebody has in hand since an earlier consumer handed them out: the first time that is no other attempt. */
  readonly running?: Iterable<number>;
  /** A handler has failed, or a message cannot be read: an event for the application, nothing else. */
  readonly onError: (error: unknown) => void;
}
