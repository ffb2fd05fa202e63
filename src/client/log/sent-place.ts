/** Where a message of this device stands in the log, or stood before it was deleted: the row that its id leads to. @module */
import { type Bytes, utf8, utf8Decode } from "../../base/bytes.js";
import type { BareJid } from "../../base/jid.js";
import type { Message } from "../message.js";

/** A place in the log. */
export interface Place {
  readonly conversation: BareJid;
  readonly position: number;
}

/** See the module. */
export interface SentPlace extends Place {
  /** The code of the reason, if it had failed when this was written; what was deleted does not change any more. */
  readonly failed?: string;
}

export function encodeSentPlace({ conversation, position, delivery }: Message): Bytes {
  const code = delivery?.state === "failed" ? ` ${delivery.error?.code ?? ""}` : "";
  return utf8(`${position} ${conversation}${code}`);
}

export function decodeSentPlace(row: Uint8Array): SentPlace {
  const [position, conversation = "", failed] = (utf8Decode(row) ?? "").split(" "); // no bare address has a space
  return { position: Number(position), conversation: conversation as BareJid, ...(failed === undefined ? {} : { failed }) };
}
