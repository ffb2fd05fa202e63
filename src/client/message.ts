/** Messages as applications see them: plain data, ready to render. @module */
import type { BareJid } from "../base/jid.js";

/** What is known about who could have written and read a message. */
export type MessageSecurity =
  | {
    /** What the trust policy says of the sending device's key. */
    readonly level: "authenticated" | "trusted" | "undecided" | "distrusted";
    readonly deviceId: number;
    /** 64 hex digits, see {@link formatFingerprint}. */
    readonly fingerprint: string;
    /** True if the time inside the encryption is far from when the message came (threats E03). */
    readonly timeSuspicious: boolean;
  }
  /** This device encrypted it, or is about to. */
  | { readonly level: "own" }
  /** It came encrypted and could not be opened: nothing is known about it. */
  | { readonly level: "unknown" }
  /** It came, or went, in clear text: anybody on the way could read and change it. */
  | { readonly level: "none" };

/**
 * How far a message of this device has come; each state stands on its evidence (docs/decisions/0006-outbox.md). It only moves forward, and from `failed`
 * not at all, with one exception: what was refused after it had left (`ERR_MESSAGE_REFUSED`), or may have left before its bytes were lost
 * (`ERR_STORE_CORRUPT`), becomes `delivered` or `displayed` if the addressee says that it is. Servers exist that bounce a message and keep it for him as well.
 */
export type DeliveryState = "stored" | "sealed" | "sent" | "delivered" | "displayed" | "failed";

/** The way of a message that this device sent. */
export interface Delivery {
  readonly state: DeliveryState;
  /** It was found in the account's archive. */
  readonly archived: boolean;
  /** For `delivered` and `displayed`: the peer said so inside the encryption, from a device that the policy trusts (threats F14). */
  readonly authenticated?: boolean;
  /** Why it failed. */
  readonly error?: { readonly code: string; readonly retryable: boolean };
}

/** Whether the user is to be told of something at once. */
export type Attention = "notify" | "quiet";

/** A message of the log: received, sent by another device of this account, or sent by this one. */
export interface Message {
  /**
   * Place in the local log: unique in the store, and growing in the order in which messages were taken in. A cursor for
   * {@link SottoClient.messages} and for history. Messages from before this device are at or below zero. A new store counts from 1 again, a restored
   * one from where it was: as a key elsewhere, use it together with {@link Message.from} and {@link Message.id}.
   */
  readonly position: number;
  /** Chosen by the sender: unique per sender at best, never across senders (threats F11). */
  readonly id: string;
  /** The other side of the conversation. */
  readonly conversation: BareJid;
  /** Who wrote it: the conversation's address, or the own account for `direction: "sent"`. */
  readonly from: BareJid;
  /** `sent`: written on a device of this account; on this one if there is a `delivery`. */
  readonly direction: "received" | "sent";
  /** Empty if it is `unreadable`. */
  readonly text: string;
  /** Milliseconds since the epoch when this device took it in. */
  readonly receivedAt: number;
  /** Milliseconds since the epoch as the sender wrote it inside the encryption. */
  readonly sentAt?: number;
  /** Milliseconds since the epoch when our server stored it, by the server's clock; never in the future (threats F19). */
  readonly archivedAt?: number;
  readonly security: MessageSecurity;
  /** Only for messages that this device sent. */
  readonly delivery?: Delivery;
  /**
   * What the contact policy says about telling the user of it, decided when it came: `quiet` is shown and makes no noise. Only for what
   * others wrote to this account since it is on this device.
   */
  readonly attention?: Attention;
  /** When it came, its sender was a stranger: not in the roster, and never written to by this account. Anybody can be anybody. */
  readonly stranger?: true;
  /**
   * Why it cannot be shown: `not-for-this-device`, or the code of the error that refused it. Nobody can tell from outside whether there was
   * a text: receipts and displayed markers for, or of, other devices look like messages, so such a place may be no message.
   */
  readonly unreadable?: string;
}
