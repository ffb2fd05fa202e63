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
  /** It came in clear text: anybody on the way could read and change it. */
  | { readonly level: "none" };

/** A message that arrived, or that another device of this account sent. */
export interface IncomingMessage {
  /** Chosen by the sender: unique per sender at best, never across senders (threats F11). */
  readonly id: string;
  /** The other side of the conversation. */
  readonly conversation: BareJid;
  /** Who wrote it: the conversation's address, or the own account for `direction: "sent"`. */
  readonly from: BareJid;
  /** `sent`: written on another device of this account. */
  readonly direction: "received" | "sent";
  readonly text: string;
  /** Milliseconds since the epoch when this device took it in. */
  readonly receivedAt: number;
  /** Milliseconds since the epoch as the sender wrote it inside the encryption. */
  readonly sentAt?: number;
  readonly security: MessageSecurity;
}
