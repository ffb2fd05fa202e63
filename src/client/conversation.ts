/** One conversation: where messages to a contact begin. @module */
import { UsageError } from "../base/errors.js";
import { plaintextBytesMax } from "../base/limits.js";
import { utf8 } from "../base/bytes.js";
import type { BareJid } from "../base/jid.js";
import { isXmlText } from "../base/xml.js";
import type { Omemo } from "../session/omemo.js";
import { ClientError } from "./errors.js";
import type { SendHandle } from "./send-handle.js";
import type { Sender } from "./sender.js";

/** What a message holds. */
export interface MessageDraft {
  readonly text: string;
}

/** The conversation with one contact. */
export class Conversation {
  /** The contact. */
  readonly jid: BareJid;
  readonly #sender: Sender;
  readonly #omemo: Omemo;
  readonly #assertOpen: () => void;

  /** @internal Use {@link SottoClient.conversation}. */
  constructor(jid: BareJid, parts: { readonly sender: Sender; readonly omemo: Omemo; readonly assertOpen: () => void }) {
    this.jid = jid;
    this.#sender = parts.sender;
    this.#omemo = parts.omemo;
    this.#assertOpen = parts.assertOpen;
  }

  /**
   * Sends `draft` end-to-end encrypted, or not at all: the handle fails with `ERR_NO_OMEMO` for a contact without OMEMO.
   * Returns at once; works offline.
   * @throws UsageError `ERR_INVALID_TEXT` for characters that XML cannot carry, ClientError `ERR_MESSAGE_TOO_LARGE`.
   */
  send(draft: MessageDraft): SendHandle {
    return this.#sender.accept(this.jid, this.#checked(draft), "omemo");
  }

  /**
   * Sends `draft` in clear text: both servers, and whoever listens to them, can read it. For contacts without OMEMO only;
   * nothing falls back to this by itself (threats T05).
   * @throws as {@link send}.
   */
  sendUnencrypted(draft: MessageDraft): SendHandle {
    return this.#sender.accept(this.jid, this.#checked(draft), "none");
  }

  /** Fetches devices and bundles ahead, so that the first `send()` does not wait for them. Call it when a chat is opened. */
  async prepare(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#assertOpen();
    await this.#omemo.prepare([this.jid], options.signal);
  }

  #checked({ text }: MessageDraft): string {
    this.#assertOpen();
    if (typeof text !== "string" || text === "" || !isXmlText(text)) {
      throw new UsageError("ERR_INVALID_TEXT", "the text is empty or holds characters that cannot be sent");
    }
    const bytes = utf8(text).length;
    if (bytes > plaintextBytesMax) {
      throw new ClientError("ERR_MESSAGE_TOO_LARGE", "the text is too long for one message", { details: { bytes, bytesMax: plaintextBytesMax } });
    }
    return text;
  }
}
