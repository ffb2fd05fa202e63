/** One conversation: where messages to a contact begin, and where its history is. @module */
import { UsageError } from "../base/errors.js";
import type { BareJid } from "../base/jid.js";
import type { Core } from "./core.js";
import { type MessageDraft, textContent } from "./draft.js";
import type { Beyond } from "./gateways/from-data.js";
import { localPage } from "./log/backfill.js";
import type { LogRange } from "./log/committed-log.js";
import { deleting } from "./log/deletion.js";
import { createTimeline, type Timeline } from "./log/timeline.js";
import type { Message } from "./message.js";
import type { SendHandle } from "./outbox/send-handle.js";

/** The conversation with one contact. */
export class Conversation {
  /** The contact. */
  readonly jid: BareJid;
  readonly #core: () => Core;

  /** @internal Use {@link SottoClient.conversation}. `core` throws once the client is closed. */
  constructor(jid: BareJid, core: () => Core) {
    this.jid = jid;
    this.#core = core;
  }

  /**
   * Sends `draft` end-to-end encrypted, or not at all: the handle fails with `ERR_NO_OMEMO` for a contact without OMEMO.
   * Returns at once; works offline.
   * @throws UsageError `ERR_INVALID_TEXT` for characters that XML cannot carry, ClientError `ERR_MESSAGE_TOO_LARGE`.
   */
  send(draft: MessageDraft): SendHandle {
    return this.#core().sender.intake.accept(this.jid, textContent(draft));
  }

  /**
   * Sends `draft` in clear text: both servers, and whoever listens to them, can read it. For contacts without OMEMO only;
   * nothing falls back to this by itself (threats T05).
   * @throws as {@link send}.
   */
  sendUnencrypted(draft: MessageDraft): SendHandle {
    return this.#core().sender.intake.accept(this.jid, textContent(draft), { protection: "none" });
  }

  /**
   * The other network that this conversation leads into, as far as is known: end-to-end encryption ends at its gateway (XEP-0100). The
   * client asks the contact's domain once per run, with {@link prepare} or when a message leaves, unless it remembers it as a gateway; the event
   * `gateway-changed` tells when this has changed. `undefined` is no promise: the domain may be silent, or lie.
   */
  get beyond(): Beyond | undefined {
    return this.#core().gatewayMemory.beyond(this.jid);
  }

  /**
   * Fetches devices and bundles ahead, so that the first `send()` does not wait for them, and asks the contact's domain whether it is a
   * gateway (XEP-0030 disco#info): {@link beyond} says so when this has settled. Call it when a chat is opened. Does nothing offline.
   */
  async prepare(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.#core().prepare(this.jid, options.signal);
  }

  /**
   * A page of this conversation. Newest first with `reverse`; then it goes on into the server's archive where the log ends. A new
   * device gets honest places for what it cannot read: {@link Message.unreadable}.
   * @throws TransportError if the archive could not be asked
   */
  async history(range: Omit<LogRange, "conversation"> = {}, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<readonly Message[]> {
    return this.#core().history.page({ ...range, conversation: this.jid }, options.signal);
  }

  /** The conversation to render: the newest messages with their states, kept up to date while somebody subscribes. */
  timeline(): Timeline {
    const { ledger, log, history, onError } = this.#core();
    const local = localPage.bind(undefined, ledger, log);
    return createTimeline(log, this.jid, { local, older: (range, signal) => history.older(range, signal) }, onError);
  }

  /**
   * The user has seen the conversation up to `message`, whoever wrote it: the last message that is shown will do. The newest message of
   * the contact up to there that asks for it is acknowledged inside the encryption; other devices of the account learn it through a private item.
   * @throws UsageError `ERR_INVALID_ARGUMENT` for what is no message
   */
  async markDisplayed(message: Pick<Message, "position">): Promise<void> {
    await this.#core().readState.markDisplayed(this.jid, placeOf(message));
  }

  /** Up to which position any device of the account has read; `undefined` if nowhere. */
  async readUpTo(): Promise<number | undefined> {
    return this.#core().readState.position(this.jid);
  }

  /**
   * A handle on a message that this device sent, also in an earlier run or in another tab: to follow it, or to take it back.
   * `undefined` if this conversation has no such message.
   * @param id {@link Message.id}
   * @throws StorageError
   */
  async sendHandle(id: string): Promise<SendHandle | undefined> {
    return this.#core().sender.intake.find(id, this.jid);
  }

  /**
   * Deletes one message on this device, for good: it does not come back from the archive. Others keep what they have.
   * @returns whether it is gone; false if it has not left yet: take it back first, with {@link sendHandle}
   * @throws UsageError `ERR_INVALID_ARGUMENT` for what is no message, StorageError
   */
  async deleteMessage(message: Pick<Message, "position">): Promise<boolean> {
    const position = placeOf(message);
    return deleting(this.#core(), ({ deleteMessage }, ledger, log) => deleteMessage(ledger, log, this.jid, position));
  }

  /** Deletes the messages of this conversation on this device, also from the inbox, handled or not; those that have not left yet stay. */
  async deleteHistory(): Promise<void> {
    return deleting(this.#core(), ({ deleteConversation }, ledger, log) => deleteConversation(ledger, log, this.jid));
  }
}

/** In JavaScript the last message of an empty page is handed in easily. */
function placeOf(message: Pick<Message, "position"> | undefined): number {
  const position = message?.position;
  if (!Number.isSafeInteger(position)) throw new UsageError("ERR_INVALID_ARGUMENT", "not a message");
  return position as number;
}
