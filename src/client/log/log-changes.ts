/** What the log tells those who follow it, after the commit. Not here: telling (message-log.ts). @module */
import type { BareJid } from "../../base/jid.js";
import type { Message } from "../message.js";

/** What happened to a message of the log; told after the commit. */
export interface LogChange {
  readonly kind: "added" | "changed" | "removed";
  readonly message: Message;
}

/** A read position has moved; told after the commit. */
export interface ReadMove {
  readonly conversation: BareJid;
  /** `undefined`: nothing is known to be read any more. */
  readonly position: number | undefined;
}

/** Our archive's id of a message is known; told after the commit. */
export interface Named {
  readonly conversation: BareJid;
  readonly stanzaId: string;
}
